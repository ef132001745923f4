//! Why a helper could not do what it was asked for.

use serde::{Deserialize, Serialize};

use crate::error::{Error, ErrorKind};
use crate::helper::protocol::Step;

/// Says why a call failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(in crate::helper) enum FileFailure {
    NotMounted,
    NotFound,
    NotADirectory,
    NotAFile,
    Changed,
    Exists,
    /// This stays in the directory.
    NotEmpty {
        stays: String,
    },
    Refused(Refusal),
    /// The server lets nobody write.
    ReadOnly,
    NoSpace,
    /// The server has no hard links.
    Unconditional,
    /// The caller left.
    Left,
    /// The server has fewer bytes than were written.
    Short,
    /// Refused to the helper's user.
    Denied {
        uid: u32,
    },
    Kernel {
        step: Step,
        errno: i32,
    },
}

/// Says what is never touched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(in crate::helper) enum Refusal {
    Root,
    OtherFileSystem,
    Ignored,
    Hidden,
    Link,
    IntoItself,
    Special,
    TooDeep,
}

impl Refusal {
    const fn reason(self) -> &'static str {
        match self {
            Self::Root => "the root of a backend stays; name something in it",
            Self::OtherFileSystem => {
                "another file system is mounted there, which is not entered; name something outside it"
            }
            Self::Ignored => "file servers keep a directory of this name for themselves; choose another path",
            Self::Hidden => {
                "names that begin with .nfs or .pureboot-upload- are those of temporary files; choose another name"
            }
            Self::Link => "the path leads through a symbolic link; name the directory that it leads to",
            Self::IntoItself => "a directory can't be moved into itself; choose another destination",
            Self::Special => "a device, a socket or a pipe is there; choose another name",
            Self::TooDeep => "its directories lie too deep in each other; delete the lower ones first",
        }
    }
}

impl FileFailure {
    /// Returns the error of a step that failed so.
    pub(in crate::helper) fn error(self, step: &'static str) -> Error {
        let (kind, reason) = match self {
            Self::NotMounted => (ErrorKind::NotMounted, None),
            Self::NotFound => (ErrorKind::NotFound, None),
            Self::NotADirectory => (ErrorKind::NotADirectory, None),
            Self::NotAFile => (ErrorKind::NotAFile, None),
            Self::Changed => (ErrorKind::Changed, None),
            Self::Exists => (ErrorKind::Exists, None),
            Self::NoSpace => (ErrorKind::NoSpace, None),
            Self::Unconditional => (ErrorKind::Unconditional, None),
            Self::Left => (ErrorKind::Cancelled, None),
            Self::NotEmpty { stays } => (ErrorKind::NotEmpty, Some(format!("{stays} stays there"))),
            Self::Refused(refusal) => (ErrorKind::Refused, Some(refusal.reason().to_owned())),
            Self::ReadOnly => {
                let reason = "the server lets nobody write; export the directory with rw there";
                (ErrorKind::ReadOnly, Some(reason.to_owned()))
            }
            Self::Short => {
                let reason = "the server has fewer bytes of the file than were written; write it again";
                (ErrorKind::Server, Some(reason.to_owned()))
            }
            Self::Denied { uid } => {
                let reason = format!(
                    "the server does not give user id {uid} access to this; change its owner, its mode or the \
                     export's mapping of users on the server"
                );
                (ErrorKind::Denied, Some(reason))
            }
            Self::Kernel { step, errno } => {
                return Error::kernel(step.name(), std::io::Error::from_raw_os_error(errno));
            }
        };
        let error = Error::new(kind, step);
        match reason {
            Some(reason) => error.with_source(reason),
            None => error,
        }
    }
}
