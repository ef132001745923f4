//! Messages between the service and a read helper.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::error::{Error, ErrorKind};
use crate::files::{FileEntry, FilePage, MAX_SORTED, Position};
use crate::helper::protocol::Step;

/// Limit of an answer in bytes: the entries of the longest page, with every byte of their names escaped.
pub(in crate::helper) const MAX_ANSWER_BYTES: usize = 8 * 1024 * 1024;
/// Entries in the longest page.
pub(in crate::helper) const MAX_PAGE_ENTRIES: usize = 4000;
/// Time after which a page ends early: over a slow network each entry costs a round trip.
pub(in crate::helper) const PAGE_TIME: Duration = Duration::from_secs(5);
/// Reads that a helper makes at once.
pub(in crate::helper) const MAX_TRANSFERS: usize = 28;
/// Other calls that a helper makes at once.
pub(in crate::helper) const MAX_LOOKUPS: usize = 4;

/// Names the directory whose files a helper lists and reads, and its bounds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FilesRoot {
    /// Directory.
    pub path: PathBuf,
    /// Id of the mount that it has to be the root of; `None` takes what is there.
    pub mount: Option<u32>,
    /// Names of directories that are not shown.
    pub ignored: Vec<String>,
    /// Largest number of entries that are sorted.
    pub max_sorted: usize,
    /// Longest time for the names of a directory; one that takes longer is not sorted.
    pub names_time: Duration,
    /// Memory that the helper may write to, in bytes.
    pub max_memory: u64,
}

impl FilesRoot {
    /// The default of [`names_time`](Self::names_time).
    pub const NAMES_TIME: Duration = Duration::from_secs(10);
    /// The default of [`max_memory`](Self::max_memory): hostile directories must not take the host's memory.
    pub const MAX_MEMORY: u64 = 256 * 1024 * 1024;

    /// Names a directory, with the default bounds and nothing ignored.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            mount: None,
            ignored: Vec::new(),
            max_sorted: MAX_SORTED,
            names_time: Self::NAMES_TIME,
            max_memory: Self::MAX_MEMORY,
        }
    }
}

/// A call, which comes with a pipe for its answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::helper) struct Request {
    pub(in crate::helper) id: u64,
    pub(in crate::helper) call: FileCall,
}

/// What a read helper does. Paths are those of [`FilePath`](storage_domain::FilePath).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(in crate::helper) enum FileCall {
    /// List a page of a directory.
    List {
        path: String,
        after: Option<Position>,
        limit: usize,
    },
    /// Describe a file or directory.
    Stat { path: String },
    /// Read a file.
    Read {
        path: String,
        offset: u64,
        length: Option<u64>,
        etag: Option<String>,
    },
}

impl FileCall {
    pub(in crate::helper) fn is_transfer(&self) -> bool {
        matches!(self, Self::Read { .. })
    }

    /// Returns how long it may take while the storage answers.
    pub(in crate::helper) fn own_time(&self) -> Duration {
        match self {
            Self::List { .. } => FilesRoot::NAMES_TIME + PAGE_TIME,
            Self::Stat { .. } | Self::Read { .. } => Duration::ZERO,
        }
    }
}

/// The first line of an answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(in crate::helper) enum FileReply {
    Page(FilePage),
    Entry(FileEntry),
    /// So many bytes of the file follow.
    Reading {
        length: u64,
    },
    Failed(FileFailure),
}

/// Says that a read broke off; it comes on the standard output before the read's pipe is closed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::helper) struct BrokenRead {
    pub(in crate::helper) id: u64,
    pub(in crate::helper) failure: FileFailure,
}

/// Says why a call failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(in crate::helper) enum FileFailure {
    NotMounted,
    NotFound,
    NotADirectory,
    NotAFile,
    Changed,
    /// Refused to the helper's user.
    Denied {
        uid: u32,
    },
    Kernel {
        step: Step,
        errno: i32,
    },
}

impl FileFailure {
    /// Returns the error of a step that failed so.
    pub(in crate::helper) fn error(self, step: &'static str) -> Error {
        let kind = match self {
            Self::NotMounted => ErrorKind::NotMounted,
            Self::NotFound => ErrorKind::NotFound,
            Self::NotADirectory => ErrorKind::NotADirectory,
            Self::NotAFile => ErrorKind::NotAFile,
            Self::Changed => ErrorKind::Changed,
            Self::Denied { uid } => {
                return Error::new(ErrorKind::Denied, step).with_source(format!(
                    "the server does not let user id {uid} read this; change its owner, its mode or the export's \
                     mapping of users on the server"
                ));
            }
            Self::Kernel { step, errno } => {
                return Error::kernel(step.name(), std::io::Error::from_raw_os_error(errno));
            }
        };
        Error::new(kind, step)
    }
}
