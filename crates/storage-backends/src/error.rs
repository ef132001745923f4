//! What can go wrong, one variant a step.

use std::io;

use storage_domain::MountPoint;
use time::OffsetDateTime;

use crate::holders::Holders;

/// Whether and how an error may be met again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorClass {
    /// It may pass by itself: try again later.
    Temporary,
    /// It stays until somebody changes something.
    Permanent,
    /// A process holds the mount: end it, or detach the mount.
    Busy,
    /// A worker hangs in the kernel; nothing can be done until it comes back.
    Stuck,
    /// Somebody ended the operation.
    Cancelled,
}

/// Why an operation on a backend could not be done.
#[derive(Debug, thiserror::Error)]
pub enum BackendError {
    /// A step did not end in time.
    #[error("{what} did not end in time")]
    Deadline {
        /// The step.
        what: &'static str,
    },
    /// The operation was ended from outside.
    #[error("{what} was cancelled")]
    Cancelled {
        /// The step.
        what: &'static str,
    },
    /// The backend's worker process hangs in the kernel and can't be killed.
    #[error("the worker process {pid} hangs in the kernel since {since}")]
    Stuck {
        /// The process.
        pid: u32,
        /// Since when.
        since: OffsetDateTime,
    },
    /// The worker process could not be started.
    #[error("starting the worker process failed")]
    WorkerStart(#[source] io::Error),
    /// The worker process ended or answered what is no answer.
    #[error("the worker process broke off: {reason}")]
    WorkerBroken {
        /// What was seen of it.
        reason: String,
    },
    /// A system call on the mount failed.
    #[error("{call} failed")]
    MountCall {
        /// The call, such as `statfs`.
        call: &'static str,
        /// What the kernel said.
        #[source]
        source: io::Error,
    },
    /// The table of mounts could not be read.
    #[error("reading /proc/self/mountinfo failed")]
    Mountinfo(#[source] io::Error),
    /// The mount is in use.
    #[error("{at} is in use")]
    Busy {
        /// The mount point.
        at: MountPoint,
        /// Who uses it, as far as that could be seen.
        holders: Holders,
    },
    /// Unmounting failed.
    #[error("unmounting {at} failed")]
    Unmount {
        /// The mount point.
        at: MountPoint,
        /// What the kernel said.
        #[source]
        source: io::Error,
    },
    /// The backend is not mounted, so that its files can't be counted.
    #[error("{at} is not mounted")]
    NotMounted {
        /// The mount point.
        at: MountPoint,
    },
    /// The storage offers no listing that could be counted.
    #[error("{reason}")]
    NotListable {
        /// Why, in plain words.
        reason: String,
    },
    /// An HTTP client can't be built from the config.
    #[error("the HTTP client can't be set up: {reason}")]
    HttpSetup {
        /// Why, in plain words.
        reason: String,
    },
    /// An HTTP request failed on its way.
    #[error("{reason}")]
    HttpRequest {
        /// What failed, in plain words.
        reason: String,
    },
    /// A portal or a target did not do what it was asked for.
    #[error("{reason}")]
    IscsiRequest {
        /// What failed, in plain words.
        reason: String,
    },
}

impl BackendError {
    /// What may be done about it.
    pub fn class(&self) -> ErrorClass {
        match self {
            Self::Deadline { .. }
            | Self::WorkerStart(_)
            | Self::WorkerBroken { .. }
            | Self::MountCall { .. }
            | Self::Mountinfo(_)
            | Self::Unmount { .. }
            | Self::NotMounted { .. }
            | Self::HttpRequest { .. }
            | Self::IscsiRequest { .. } => ErrorClass::Temporary,
            Self::NotListable { .. } | Self::HttpSetup { .. } => ErrorClass::Permanent,
            Self::Busy { .. } => ErrorClass::Busy,
            Self::Stuck { .. } => ErrorClass::Stuck,
            Self::Cancelled { .. } => ErrorClass::Cancelled,
        }
    }
}
