//! Changes of files that the helper makes.

use std::sync::Arc;

use storage_domain::FilePath;
use uuid::Uuid;

use super::FilesPlace;
use crate::context::OpContext;
use crate::error::Error;
use crate::files::{Condition, Deletion, FileEntry, Progress};
use crate::helper::HelperQueue;
use crate::helper::files::protocol::{FileCall, FileReply};

const MAKE: &str = "making the directory";
const DELETE: &str = "the deletion";
const RENAME: &str = "the move";
const FIND: &str = "the upload";
const PUBLISH: &str = "publishing the upload";
const ABANDON: &str = "removing the upload";

impl HelperQueue {
    /// Makes a directory, as [`TreeMut::make_directory`](crate::TreeMut::make_directory) does.
    ///
    /// # Errors
    /// As there; [`ErrorKind::NotMounted`](crate::ErrorKind::NotMounted) if the root is not the root of its mount.
    /// # Cancel safety
    /// Dropping the future leaves the call to the helper, which finds nobody to answer.
    pub async fn make_directory(
        self: &Arc<Self>,
        cx: &OpContext,
        place: &FilesPlace,
        path: &FilePath,
    ) -> Result<FileEntry, Error> {
        match self
            .make(cx, MAKE, place, (path, FileCall::MakeDirectory))
            .await?
            .0
        {
            FileReply::Entry(entry) => Ok(entry),
            other => Err(other.unexpected(MAKE)),
        }
    }

    /// Deletes files, as [`TreeMut::delete`](crate::TreeMut::delete) does.
    ///
    /// # Errors
    /// Those of [`make_directory`](Self::make_directory).
    /// # Cancel safety
    /// Dropping the future ends the deletion between two entries.
    pub async fn delete_files(
        self: &Arc<Self>,
        cx: &OpContext,
        place: &FilesPlace,
        path: &FilePath,
        deletion: Deletion,
        progress: &Progress,
    ) -> Result<(), Error> {
        let call = (path, FileCall::Delete(deletion));
        let made = self.make_reported(cx, DELETE, place, call, progress).await?;
        made.0.done(DELETE)
    }

    /// Gives a file or directory another path, as [`TreeMut::rename`](crate::TreeMut::rename) does.
    ///
    /// # Errors
    /// Those of [`make_directory`](Self::make_directory).
    /// # Cancel safety
    /// As [`make_directory`](Self::make_directory).
    pub async fn rename_file(
        self: &Arc<Self>,
        cx: &OpContext,
        place: &FilesPlace,
        from: &FilePath,
        to: &FilePath,
    ) -> Result<(), Error> {
        let _naming = cx.bound(RENAME, self.works.naming.lock()).await?;
        let call = FileCall::Rename { to: to.to_string() };
        self.make(cx, RENAME, place, (from, call)).await?.0.done(RENAME)
    }

    /// Returns how many bytes are there of an upload.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`](crate::ErrorKind::NotFound) if it is gone; else those of
    /// [`make_directory`](Self::make_directory).
    /// # Cancel safety
    /// As [`make_directory`](Self::make_directory).
    pub async fn find_upload(
        self: &Arc<Self>,
        cx: &OpContext,
        place: &FilesPlace,
        path: &FilePath,
        upload: Uuid,
    ) -> Result<u64, Error> {
        let call = (path, FileCall::FindUpload(upload));
        self.make(cx, FIND, place, call).await?.0.stored(FIND)
    }

    /// Makes a stored upload of `size` bytes appear at its path, as [`Upload::publish`](crate::Upload::publish) does.
    ///
    /// # Errors
    /// As there; [`ErrorKind::NotFound`](crate::ErrorKind::NotFound) if it is gone.
    /// # Cancel safety
    /// As [`make_directory`](Self::make_directory).
    pub async fn publish_upload(
        self: &Arc<Self>,
        cx: &OpContext,
        place: &FilesPlace,
        path: &FilePath,
        (upload, size): (Uuid, u64),
        condition: &Condition,
    ) -> Result<FileEntry, Error> {
        let _naming = cx.bound(PUBLISH, self.works.naming.lock()).await?;
        let condition = condition.clone();
        let call = FileCall::Publish {
            upload,
            size,
            condition,
        };
        match self.make(cx, PUBLISH, place, (path, call)).await?.0 {
            FileReply::Entry(entry) => Ok(entry),
            other => Err(other.unexpected(PUBLISH)),
        }
    }

    /// Deletes what is there of an upload, which nobody writes any more.
    ///
    /// # Errors
    /// Those of [`make_directory`](Self::make_directory).
    /// # Cancel safety
    /// As [`make_directory`](Self::make_directory).
    pub async fn abandon_upload(
        self: &Arc<Self>,
        cx: &OpContext,
        place: &FilesPlace,
        path: &FilePath,
        upload: Uuid,
    ) -> Result<(), Error> {
        let call = (path, FileCall::Abandon(upload));
        self.make(cx, ABANDON, place, call).await?.0.done(ABANDON)
    }
}

impl FileReply {
    fn done(self, step: &'static str) -> Result<(), Error> {
        match self {
            Self::Done => Ok(()),
            other => Err(other.unexpected(step)),
        }
    }

    pub(super) fn stored(self, step: &'static str) -> Result<u64, Error> {
        match self {
            Self::Stored { bytes } => Ok(bytes),
            other => Err(other.unexpected(step)),
        }
    }
}
