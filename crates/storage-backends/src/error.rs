//! The error of every operation on a backend.

use std::error::Error as StdError;
use std::fmt;
use std::io;

use time::OffsetDateTime;

use crate::holders::Holders;

/// The cause of an [`Error`], without its text.
type Source = Box<dyn StdError + Send + Sync>;

/// Names what kind of failure an [`Error`] is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ErrorKind {
    /// The step did not end before its deadline.
    Timeout,
    /// The caller ended the operation, or a newer one replaced it.
    Cancelled,
    /// A helper process of the backend hangs in the kernel and cannot be killed.
    Stuck {
        /// Process id.
        pid: u32,
        /// Time of the first attempt to kill it.
        since: OffsetDateTime,
    },
    /// Processes use the mount.
    Busy(Holders),
    /// The backend is not mounted.
    NotMounted,
    /// The storage has no listing whose files could be counted.
    NotListable,
    /// There is nothing at this path.
    NotFound,
    /// A file is where a directory is needed.
    NotADirectory,
    /// A directory is where a file is needed.
    NotAFile,
    /// The file is not the version that was asked for.
    Changed,
    /// Something is at this path already.
    Exists,
    /// The directory holds something, or something that stays.
    NotEmpty,
    /// This may not be deleted or moved, whoever asks.
    Refused,
    /// Nothing may be written here.
    ReadOnly,
    /// The storage is full, or a quota is.
    NoSpace,
    /// The storage has no conditional writes.
    Unconditional,
    /// The storage refuses the access.
    Denied,
    /// As many transfers run as may run at once.
    TooBusy,
    /// No client can be made from the config.
    Config,
    /// A helper process could not be started, or ended without an answer.
    Helper,
    /// The table of mounts could not be read.
    MountTable,
    /// The kernel refused a system call on the mount.
    Kernel,
    /// The storage server could not be asked, or refused the request.
    Server,
}

impl ErrorKind {
    /// Reports whether a failure of this kind usually passes without a change of config or server.
    const fn is_temporary(&self) -> bool {
        match self {
            Self::Timeout
            | Self::NotMounted
            | Self::Helper
            | Self::MountTable
            | Self::Kernel
            | Self::Server
            | Self::Changed
            | Self::TooBusy => true,
            Self::Cancelled
            | Self::Stuck { .. }
            | Self::Busy(_)
            | Self::NotListable
            | Self::NotFound
            | Self::NotADirectory
            | Self::NotAFile
            | Self::Exists
            | Self::NotEmpty
            | Self::Refused
            | Self::ReadOnly
            | Self::NoSpace
            | Self::Unconditional
            | Self::Denied
            | Self::Config => false,
        }
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Timeout => f.write_str("did not end in time"),
            Self::Cancelled => f.write_str("was cancelled"),
            Self::Stuck { pid, since } => {
                write!(
                    f,
                    "is refused: helper process {pid} hangs in the kernel since {since}"
                )
            }
            Self::Busy(_) => f.write_str("is refused: the mount is in use"),
            Self::NotMounted => f.write_str("needs a mount"),
            Self::NotListable => f.write_str("needs a listing"),
            Self::NotFound => f.write_str("found nothing at this path"),
            Self::NotADirectory => f.write_str("needs a directory"),
            Self::NotAFile => f.write_str("needs a file"),
            Self::Changed => f.write_str("found another version of the file"),
            Self::Exists => f.write_str("found something at this path already"),
            Self::NotEmpty => f.write_str("needs an empty directory"),
            Self::Refused => f.write_str("is refused for this path"),
            Self::ReadOnly => f.write_str("needs a backend that may be written to"),
            Self::NoSpace => f.write_str("needs more space"),
            Self::Unconditional => f.write_str("needs a storage with conditional writes"),
            Self::Denied => f.write_str("was denied by the storage"),
            Self::TooBusy => f.write_str("waits for too many transfers"),
            Self::Config => f.write_str("cannot be set up from the config"),
            Self::Helper => f.write_str("failed: the helper process broke off"),
            Self::MountTable => f.write_str("failed: the table of mounts cannot be read"),
            Self::Kernel => f.write_str("failed in the kernel"),
            Self::Server => f.write_str("failed at the server"),
        }
    }
}

/// Describes why an operation on a backend could not be done.
///
/// Retry and HTTP status follow from [`kind`](Self::kind) and [`is_temporary`](Self::is_temporary) alone. `Display` names
/// the step and the kind; the cause is left to [`source`](StdError::source).
#[derive(Debug)]
pub struct Error {
    kind: ErrorKind,
    temporary: bool,
    step: &'static str,
    source: Option<Source>,
}

impl Error {
    /// Makes an error of a step, a noun phrase such as `the scan`.
    pub fn new(kind: ErrorKind, step: &'static str) -> Self {
        Self {
            temporary: kind.is_temporary(),
            kind,
            step,
            source: None,
        }
    }

    /// Adds the cause.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Source>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// Marks the failure as one that passes, or does not pass, without a change of config or server.
    #[must_use]
    pub fn with_temporary(mut self, temporary: bool) -> Self {
        self.temporary = temporary;
        self
    }

    /// Makes the error of a system call that the kernel refused.
    pub fn kernel(step: &'static str, source: io::Error) -> Self {
        Self::new(ErrorKind::Kernel, step).with_source(source)
    }

    /// Makes the error of a step that its caller ended.
    pub fn cancelled(step: &'static str) -> Self {
        Self::new(ErrorKind::Cancelled, step)
    }

    /// Returns the kind of failure.
    pub fn kind(&self) -> &ErrorKind {
        &self.kind
    }

    /// Returns the kind of failure, with what it carries.
    pub fn into_kind(self) -> ErrorKind {
        self.kind
    }

    /// Returns the step that failed, a noun phrase such as `the scan`.
    pub fn step(&self) -> &'static str {
        self.step
    }

    /// Reports whether the same operation may succeed later without a change of config or server.
    pub fn is_temporary(&self) -> bool {
        self.temporary
    }

    /// Reports whether the step did not end before its deadline.
    pub fn is_timeout(&self) -> bool {
        self.kind == ErrorKind::Timeout
    }

    /// Reports whether the operation was ended from outside.
    pub fn is_cancelled(&self) -> bool {
        self.kind == ErrorKind::Cancelled
    }

    /// Returns what the kernel says of its refusal (errno(3)), if that is the cause.
    pub fn errno_text(&self) -> Option<&'static str> {
        let number = self.io_source()?.raw_os_error()?;
        Some(nix::errno::Errno::from_raw(number).desc())
    }

    /// Returns the text of the innermost cause.
    pub(crate) fn reason(&self) -> String {
        let mut reason: &dyn StdError = self;
        while let Some(source) = reason.source() {
            reason = source;
        }
        self.errno_text()
            .map_or_else(|| reason.to_string(), str::to_owned)
    }

    /// Returns the error of the system call that the kernel refused on the mount.
    ///
    /// A helper that could not be started has such a cause too, and it says nothing of the mount: `None`.
    pub fn io_source(&self) -> Option<&io::Error> {
        self.source
            .as_ref()
            .filter(|_| self.kind == ErrorKind::Kernel)?
            .downcast_ref()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.step, self.kind)
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        Some(&**self.source.as_ref()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_helper_that_does_not_start_says_nothing_of_the_mount() {
        let refused = || io::Error::from(nix::errno::Errno::EACCES);
        let call = Error::kernel("statfs", refused());
        assert_eq!(call.io_source().and_then(io::Error::raw_os_error), Some(13));
        let start = Error::new(ErrorKind::Helper, "starting the helper process").with_source(refused());
        assert!(start.io_source().is_none() && start.errno_text().is_none());
    }
}
