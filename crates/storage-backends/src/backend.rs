//! What every backend can do, and the optional facets.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use storage_domain::{BackendId, BackendKind, FilePath, IscsiTarget, ProbeReport, Revision};

use crate::context::OpContext;
use crate::error::Error;
use crate::file_bytes::FileBytes;
use crate::files::{
    Condition, Deletion, FileEntry, FilePage, PageRequest, Progress, ReadRequest, TreeCapabilities,
};
use crate::helper::Queues;
use crate::mount::table::MountTable;
use crate::scan::{ScanProgress, ScanReport};
use crate::settings::Settings;

/// A live storage backend: one config at work.
#[async_trait]
pub trait Backend: fmt::Debug + Send + Sync + 'static {
    /// The kind of storage.
    fn kind(&self) -> BackendKind;

    /// Finds out whether the storage can be used now, and why not. A backend that can be mounted is mounted after a
    /// probe that passed.
    ///
    /// The file count is not part of a probe; see [`Tree`]. A light one ([`OpContext::lightly`]) may leave out checks of
    /// a backend that is still as the last probe left it, and then skips them.
    ///
    /// # Errors
    /// Only where the probe itself could not run: an unreachable target is an `Ok` report with a failed check.
    /// # Cancel safety
    /// Dropping the future leaves nothing half-done behind.
    async fn probe(&self, cx: &OpContext) -> Result<ProbeReport, Error>;

    /// The facet of backends that are mounted on this host.
    fn as_mount(&self) -> Option<&dyn Mount> {
        None
    }

    /// The facet of backends that hold files.
    fn as_tree(&self) -> Option<&dyn Tree> {
        None
    }

    /// The facet of backends whose files can be changed.
    fn as_tree_mut(&self) -> Option<&dyn TreeMut> {
        None
    }

    /// The facet of backends that hold logical units.
    fn as_luns(&self) -> Option<&dyn Luns> {
        None
    }
}

/// What a backend is made with, besides its config.
pub(crate) struct Setup<'a> {
    pub(crate) id: BackendId,
    pub(crate) revision: Revision,
    pub(crate) settings: &'a Settings,
    pub(crate) queues: &'a Queues,
}

/// A kind of storage: makes the live backend of a config.
pub(crate) trait Kind: Backend + Sized {
    /// The config of a backend of this kind.
    type Config;

    /// Makes the backend of a config.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Config`].
    fn open(config: &Self::Config, setup: &Setup<'_>) -> Result<Self, Error>;

    /// Returns warnings about what a config allows, one sentence each.
    fn warnings(_config: &Self::Config) -> Vec<String> {
        Vec::new()
    }
}

/// What is mounted at a backend's mount point.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MountState {
    /// Nothing.
    Unmounted,
    /// The right source, in the right way.
    Mounted,
    /// Something else, recognized by its source.
    Foreign {
        /// What is mounted there instead.
        source: String,
    },
}

/// How a mount is taken away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnmountMode {
    /// Fails where the mount is in use.
    Plain,
    /// Detaches the mount even where it is in use; open files go on until they are closed.
    Lazy,
    /// For a mount that is dead: ends the calls that wait for its server (`MNT_FORCE`), then detaches it.
    Dead,
}

/// A backend that is mounted on this host.
#[async_trait]
pub trait Mount: Send + Sync {
    /// Returns what is mounted at the mount point, by the table of mounts; the mount itself is not touched.
    ///
    /// Whoever asks several backends reads the table once.
    fn state(&self, mounts: &MountTable) -> MountState;

    /// Takes the mount away, all layers of it, and removes the mount point. Nothing mounted is success.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Busy`] where it is in use and `mode` is [`UnmountMode::Plain`].
    async fn unmount(&self, cx: &OpContext, mode: UnmountMode) -> Result<(), Error>;
}

/// A tree of files, which can be counted, listed and read. A backend that can be mounted has to be.
#[async_trait]
pub trait Tree: Send + Sync {
    /// Counts files and boot or install images, in constant memory, reporting to `progress` as it goes.
    ///
    /// # Errors
    /// [`crate::ErrorKind::NotListable`] where the storage offers no listing, and whatever keeps the scan from beginning.
    /// What could not be read on the way is counted in [`ScanReport::errors`].
    /// # Cancel safety
    /// Dropping the future, or cancelling `cx`, ends the scan at once, its process included.
    async fn scan(&self, cx: &OpContext, progress: Arc<ScanProgress>) -> Result<ScanReport, Error>;

    /// Returns what can be done with the files.
    fn capabilities(&self) -> TreeCapabilities;

    /// Lists a page of a directory. Temporary names and what is [ignored](storage_domain::IgnoredDirectories) are left out.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound), [`NotADirectory`](crate::ErrorKind::NotADirectory),
    /// [`NotListable`](crate::ErrorKind::NotListable), [`Denied`](crate::ErrorKind::Denied), and whatever keeps the storage
    /// from answering.
    /// # Cancel safety
    /// Dropping the future ends the listing.
    async fn list(&self, cx: &OpContext, directory: &FilePath, page: &PageRequest)
    -> Result<FilePage, Error>;

    /// Describes one file or directory without listing its parent.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound), [`Denied`](crate::ErrorKind::Denied), and whatever keeps the storage from
    /// answering.
    /// # Cancel safety
    /// Dropping the future ends the request.
    async fn stat(&self, cx: &OpContext, path: &FilePath) -> Result<FileEntry, Error>;

    /// Opens a file for reading. `cx` bounds the opening; each piece after it has a deadline of its own.
    ///
    /// The bytes end after exactly those that were asked for, or with an error: a file that became shorter is one.
    ///
    /// # Errors
    /// Those of [`Tree::stat`]; [`NotAFile`](crate::ErrorKind::NotAFile); [`Changed`](crate::ErrorKind::Changed) if the file
    /// has another validator; [`TooBusy`](crate::ErrorKind::TooBusy) if no transfer ended while it waited.
    /// # Cancel safety
    /// Dropping the future or the bytes ends the read.
    async fn read(&self, cx: &OpContext, path: &FilePath, request: &ReadRequest) -> Result<FileBytes, Error>;
}

/// A tree of files that can be changed. A backend that can be mounted has to be, and may be mounted read-only.
///
/// No method follows a symbolic link, and none touches the root, a mount point, another file system, or what
/// [`Tree::list`] leaves out.
///
/// # Errors
/// Each method fails with [`ReadOnly`](crate::ErrorKind::ReadOnly) where nothing may be written,
/// [`Denied`](crate::ErrorKind::Denied), [`NoSpace`](crate::ErrorKind::NoSpace), and whatever keeps the storage from
/// answering, besides what it names itself.
#[async_trait]
pub trait TreeMut: Send + Sync {
    /// Makes a directory, and those above it that are missing.
    ///
    /// # Errors
    /// [`Exists`](crate::ErrorKind::Exists); [`NotADirectory`](crate::ErrorKind::NotADirectory) for what is above it.
    /// # Cancel safety
    /// Dropping the future may leave the directory, or some of those above it.
    async fn make_directory(&self, cx: &OpContext, path: &FilePath) -> Result<FileEntry, Error>;

    /// Deletes a file, an empty directory, or a directory with all that is in it. Counts entries in `progress`.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound); [`NotEmpty`](crate::ErrorKind::NotEmpty), whose source names what stays;
    /// [`Refused`](crate::ErrorKind::Refused) for the root, a mount point and an ignored directory.
    /// # Cancel safety
    /// Dropping the future ends the deletion between two entries.
    async fn delete(
        &self,
        cx: &OpContext,
        path: &FilePath,
        deletion: Deletion,
        progress: &Progress,
    ) -> Result<(), Error>;

    /// Gives a file or directory another path, whose parent is there. Never replaces anything.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) for `from`; [`Exists`](crate::ErrorKind::Exists) and
    /// [`NotADirectory`](crate::ErrorKind::NotADirectory) for `to`; [`Refused`](crate::ErrorKind::Refused) as for
    /// [`delete`](Self::delete), and for a directory that would be moved into itself.
    /// # Cancel safety
    /// Dropping the future ends it between two entries, where the storage moves them one by one: each of them is then at
    /// its old path, at its new one, or at both.
    async fn rename(
        &self,
        cx: &OpContext,
        from: &FilePath,
        to: &FilePath,
        progress: &Progress,
    ) -> Result<(), Error>;

    /// Prepares to write a file; the storage is not asked yet.
    fn upload(&self, path: &FilePath) -> Box<dyn Upload>;

    /// Takes up an upload whose [record](Upload::record) was kept. The storage is asked what it has of it.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) if it is gone.
    async fn resume(&self, cx: &OpContext, path: &FilePath, record: &str) -> Result<Box<dyn Upload>, Error>;
}

/// A file that is being written. Nothing is at its path before it is published.
///
/// Dropping it ends what runs, and leaves what was written: [`abandon`](Self::abandon) removes it. Errors are those of
/// [`TreeMut`]; after one, only `abandon` is of use.
#[async_trait]
pub trait Upload: Send {
    /// Returns what [`TreeMut::resume`] needs. It is there before anything is at the storage that would have to be removed, as
    /// far as the storage lets its client choose names, and changes at most once, during [`write`](Self::write) or
    /// [`store`](Self::store).
    fn record(&self) -> Option<&str>;

    /// Returns how many bytes a resumed upload would have, at least.
    fn stored(&self) -> u64;

    /// Writes the next bytes; returns as soon as others can be taken, maybe before they are stored.
    async fn write(&mut self, cx: &OpContext, bytes: Bytes) -> Result<(), Error>;

    /// Stores what was written, as far as the storage stores pieces of any size; see [`stored`](Self::stored).
    async fn store(&mut self, cx: &OpContext) -> Result<(), Error>;

    /// Makes the file appear at its path at once, with all bytes that were written, and the parents that are missing. If
    /// it fails, what was written is removed, as far as the storage still answers; after a temporary error it may be there
    /// still, for [`TreeMut::resume`] to take up.
    ///
    /// # Errors
    /// [`Exists`](crate::ErrorKind::Exists) and [`Changed`](crate::ErrorKind::Changed) if the condition is not met;
    /// [`Unconditional`](crate::ErrorKind::Unconditional) if the storage has no conditional writes;
    /// [`NotAFile`](crate::ErrorKind::NotAFile) if a directory is there, [`NotADirectory`](crate::ErrorKind::NotADirectory)
    /// if a file is where a parent should be.
    async fn publish(self: Box<Self>, cx: &OpContext, condition: &Condition) -> Result<FileEntry, Error>;

    /// Removes what was written. Nothing there is success.
    async fn abandon(self: Box<Self>, cx: &OpContext) -> Result<(), Error>;
}

/// A backend that holds logical units.
#[async_trait]
pub trait Luns: Send + Sync {
    /// Looks at the targets and their logical units, as they are now.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Server`] where a probe would not pass, with what it would say.
    /// # Cancel safety
    /// Dropping the future leaves no session behind.
    async fn luns(&self, cx: &OpContext) -> Result<Vec<IscsiTarget>, Error>;
}
