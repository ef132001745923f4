//! The files of a mount that the service made.

mod changes;
mod upload;

use std::sync::Arc;
use std::time::Duration;

use storage_domain::{FilePath, IgnoredDirectories};

use super::ensure::STATFS_DEADLINE;
use super::place::MountPlace;
use super::table::MountEntry;
use crate::context::OpContext;
use crate::error::{Error, ErrorKind};
use crate::file_bytes::FileBytes;
use crate::files::{FileEntry, FilePage, PageRequest, ReadRequest};
use crate::helper::{FilesPlace, FilesRoot};

/// Time that the service waits longer than the kernel, so that the kernel can report what is wrong.
const MARGIN: Duration = Duration::from_secs(5);
/// Longest time that a call may hang, whatever the mount options say.
const MAX_PATIENCE: Duration = Duration::from_mins(1);

/// Lists, reads and changes the files of a mount.
#[derive(Debug, Clone)]
pub(crate) struct MountedFiles {
    pub(crate) place: Arc<MountPlace>,
    pub(crate) ignored: IgnoredDirectories,
    /// Returns how long the kernel waits for the mount's server; `None` if it has no limit.
    pub(crate) patience: fn(&MountEntry) -> Option<Duration>,
}

impl MountedFiles {
    pub(crate) async fn list(
        &self,
        cx: &OpContext,
        directory: &FilePath,
        page: &PageRequest,
    ) -> Result<FilePage, Error> {
        let removals = self.place.queue.removals();
        let (before, files) = self.files()?;
        let page = self.place.queue.list_files(cx, &files, directory, page).await?;
        // A mount that is taken away by force makes a directory look as if it ended.
        match self.place.own()? {
            Some(after) if after == before && self.place.queue.removals() == removals => Ok(page),
            _ => Err(Error::cancelled("the listing")),
        }
    }

    pub(crate) async fn stat(&self, cx: &OpContext, path: &FilePath) -> Result<FileEntry, Error> {
        let (_, files) = self.files()?;
        self.place.queue.stat_file(cx, &files, path).await
    }

    pub(crate) async fn read(
        &self,
        cx: &OpContext,
        path: &FilePath,
        request: &ReadRequest,
    ) -> Result<FileBytes, Error> {
        let (_, files) = self.files()?;
        let read = self.place.queue.read_file(cx, &files, path, request).await?;
        Ok(read.into())
    }

    /// Returns where the files are, if they may be changed.
    fn writable(&self) -> Result<FilesPlace, Error> {
        if !self.place.is_writable() {
            let remedy = "the backend is mounted read-only; set mount_options to include rw";
            return Err(Error::new(ErrorKind::ReadOnly, "the change").with_source(remedy));
        }
        Ok(self.files()?.1)
    }

    /// Returns the mount, which has to be the service's own, and where its files are.
    fn files(&self) -> Result<(MountEntry, FilesPlace), Error> {
        let Some(entry) = self.place.own()? else {
            return Err(Error::new(ErrorKind::NotMounted, "the files"));
        };
        let kernel = (self.patience)(&entry).unwrap_or(STATFS_DEADLINE);
        let files = FilesPlace {
            root: FilesRoot {
                mount: Some(entry.id),
                ignored: self.ignored.names().to_vec(),
                ..FilesRoot::new(self.place.path())
            },
            patience: (kernel + MARGIN).min(MAX_PATIENCE),
            idle: FilesPlace::IDLE,
        };
        Ok((entry, files))
    }
}
