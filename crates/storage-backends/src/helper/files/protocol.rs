//! Messages between the service and a helper for files.

mod failure;

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::files::{Condition, Deletion, FileEntry, FilePage, MAX_SORTED, PageRequest, ReadRequest};
pub(in crate::helper) use failure::{FileFailure, Refusal};

/// Limit of an answer in bytes: the entries of the longest page, with every byte of their names escaped.
pub(in crate::helper) const MAX_ANSWER_BYTES: usize = 8 * 1024 * 1024;
/// Entries in the longest page.
pub(in crate::helper) const MAX_PAGE_ENTRIES: usize = 4000;
/// Time after which a page ends early: over a slow network each entry costs a round trip.
pub(in crate::helper) const PAGE_TIME: Duration = Duration::from_secs(5);
/// Reads that a helper makes at once.
pub(in crate::helper) const MAX_TRANSFERS: usize = 28;
/// Lists and the like that a helper makes at once.
pub(in crate::helper) const MAX_LOOKUPS: usize = 4;
/// Changes that a helper makes at once.
pub(in crate::helper) const MAX_CHANGES: usize = 4;
/// Time after which a change that goes on reports it.
pub(in crate::helper) const REPORT_TIME: Duration = Duration::from_secs(1);

/// Names the directory whose files a helper works on, and its bounds.
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
    /// A [`FilePath`](storage_domain::FilePath).
    pub(in crate::helper) path: String,
    pub(in crate::helper) call: FileCall,
}

/// What a helper does with a path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(in crate::helper) enum FileCall {
    /// List a page of a directory.
    List(PageRequest),
    /// Describe a file or directory.
    Stat,
    /// Read a file.
    Read(ReadRequest),
    /// Make a directory, and those above it that are missing.
    MakeDirectory,
    /// Delete what is there.
    Delete(Deletion),
    /// Give it another path.
    Rename { to: String },
    /// Find out how many bytes of an upload are there.
    FindUpload(Uuid),
    /// Give an upload of this size its path.
    Publish {
        upload: Uuid,
        size: u64,
        condition: Condition,
    },
    /// Delete what is there of an upload.
    Abandon(Uuid),
    /// Write an upload, in steps that come through a socket. `resume` takes what is there of it.
    Write { upload: Uuid, resume: bool },
}

/// Calls that take no threads from those of another class.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::helper) enum Class {
    /// Reads wait for clients, and must not keep lists waiting.
    Transfer,
    Lookup,
    /// Deletions may take long.
    Change,
}

impl Class {
    pub(in crate::helper) const ALL: [Self; 3] = [Self::Transfer, Self::Lookup, Self::Change];

    /// Returns how many calls are made at once.
    pub(in crate::helper) const fn max(self) -> usize {
        match self {
            Self::Transfer => MAX_TRANSFERS,
            Self::Lookup => MAX_LOOKUPS,
            Self::Change => MAX_CHANGES,
        }
    }
}

impl FileCall {
    pub(in crate::helper) fn class(&self) -> Class {
        match self {
            Self::Read(_) | Self::Write { .. } => Class::Transfer,
            Self::List(_) | Self::Stat | Self::FindUpload(_) => Class::Lookup,
            Self::MakeDirectory
            | Self::Delete(_)
            | Self::Rename { .. }
            | Self::Publish { .. }
            | Self::Abandon(_) => Class::Change,
        }
    }

    /// Returns how long it may take to answer, or to report that it goes on, while the storage answers.
    pub(in crate::helper) fn own_time(&self) -> Duration {
        match self {
            Self::List(_) => FilesRoot::NAMES_TIME + PAGE_TIME,
            Self::Delete(_) => REPORT_TIME,
            _ => Duration::ZERO,
        }
    }

    /// Returns whether it may be made again if its helper dies: it does not matter whether it was made before, and it is not
    /// what the helper died of.
    pub(in crate::helper) fn may_be_repeated(&self) -> bool {
        match self {
            Self::Stat | Self::Read(_) | Self::FindUpload(_) | Self::Abandon(_) => true,
            // The names of a directory may be more than fit into its memory.
            Self::List(_)
            | Self::MakeDirectory
            | Self::Delete(_)
            | Self::Rename { .. }
            | Self::Publish { .. }
            | Self::Write { .. } => false,
        }
    }

    /// Returns whether it may go on for any time.
    pub(in crate::helper) fn is_long(&self) -> bool {
        matches!(self, Self::Delete(_))
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
    /// So many entries more are done; another line follows.
    Progress {
        entries: u64,
    },
    Done,
    /// So many bytes of an upload are stored.
    Stored {
        bytes: u64,
    },
    Failed(FileFailure),
}

/// What a helper does next with the upload that it writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(in crate::helper) enum WriteStep {
    /// Write the bytes that follow, so many. Nothing is answered.
    Bytes(u64),
    /// Store what was written.
    Store,
    /// Store what was written, and close the file.
    Close,
}

/// Says that a read broke off; it comes on the standard output before the read's pipe is closed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::helper) struct BrokenRead {
    pub(in crate::helper) id: u64,
    pub(in crate::helper) failure: FileFailure,
}
