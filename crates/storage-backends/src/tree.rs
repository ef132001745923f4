//! Listings of directories, the same for every kind of storage.

use std::future::Future;

use storage_domain::Skipped;

use crate::error::Error;

mod local;

pub use local::LocalTree;

/// Names what an entry of a directory is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EntryKind {
    /// A regular file, or an object.
    File,
    /// A directory, or a common prefix of keys.
    Directory,
    /// Anything else: a symbolic link, a device, a socket.
    Other,
}

/// Describes one entry of a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Decoded name without a slash; in a [recursive](Page::recursive) page the path below the listed directory.
    pub name: Vec<u8>,
    /// What it is.
    pub kind: EntryKind,
    /// Exact size in bytes, if the listing has it.
    pub size: Option<u64>,
}

/// Holds a part of a directory's entries.
#[derive(Debug)]
pub struct Page<C> {
    /// The entries, in the storage's order.
    pub entries: Vec<Entry>,
    /// Whether the entries of all directories below are among them.
    pub recursive: bool,
    /// Where the next page begins, if there is one.
    pub next: Option<C>,
    /// What could not be read: names of entries, or an empty name for the rest of the directory.
    pub failures: Vec<(Vec<u8>, Error)>,
    /// What was left out on purpose; `first` is below the directory, and absent if it is the directory itself.
    pub skipped: Skipped,
    /// The bound that ended the listing early.
    pub truncated: Option<String>,
}

impl<C> Default for Page<C> {
    fn default() -> Self {
        Self {
            entries: Vec::new(),
            recursive: false,
            next: None,
            failures: Vec::new(),
            skipped: Skipped::default(),
            truncated: None,
        }
    }
}

/// Lists the directories of one storage. Paths are relative to its root, without a slash at either end.
pub trait List: Sync {
    /// Where a listing goes on.
    type Cursor: Send;

    /// Lists a page of a directory: its first one, or the one at `from`. Returns `None` if the directory is gone.
    ///
    /// # Errors
    /// The directory cannot be read at all. A temporary error means that the storage did not answer.
    /// # Cancel safety
    /// Dropping the future ends the request; a local directory's page is read to its end on its own thread.
    fn list(
        &self,
        directory: &[u8],
        from: Option<Self::Cursor>,
    ) -> impl Future<Output = Result<Option<Page<Self::Cursor>>, Error>> + Send;

    /// Asks for the size of a file whose listing has none, in bytes.
    fn size(&self, _file: &[u8]) -> impl Future<Output = Option<u64>> + Send {
        std::future::ready(None)
    }

    /// Closes the connections that no listing uses, because none may begin for a while.
    fn close_idle(&self) {}
}
