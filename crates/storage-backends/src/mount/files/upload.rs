//! A file that is written to a mount.

use async_trait::async_trait;
use bytes::Bytes;
use storage_domain::FilePath;
use uuid::Uuid;

use super::MountedFiles;
use crate::backend::Upload;
use crate::context::OpContext;
use crate::error::{Error, ErrorKind};
use crate::files::{Condition, FileEntry};
use crate::helper::UploadWriter;

/// An upload, whose temporary file is in the directory of its path, or the nearest one above it that is there.
#[derive(Debug)]
pub(crate) struct MountedUpload {
    files: MountedFiles,
    path: FilePath,
    id: Uuid,
    record: String,
    stored: u64,
    /// Whether its file was there when it was taken up.
    resumed: bool,
    writer: Option<UploadWriter>,
}

impl MountedUpload {
    pub(crate) fn new(files: MountedFiles, path: &FilePath) -> Self {
        Self::of(files, path, Uuid::new_v4())
    }

    fn of(files: MountedFiles, path: &FilePath, id: Uuid) -> Self {
        Self {
            files,
            path: path.clone(),
            id,
            record: id.to_string(),
            stored: 0,
            resumed: false,
            writer: None,
        }
    }

    pub(crate) async fn resume(
        files: MountedFiles,
        cx: &OpContext,
        path: &FilePath,
        record: &str,
    ) -> Result<Self, Error> {
        let id = record
            .parse()
            .map_err(|_| Error::new(ErrorKind::NotFound, "the upload"))?;
        let mut upload = Self::of(files, path, id);
        let (place, queue) = (upload.files.writable()?, &upload.files.place.queue);
        upload.stored = queue.find_upload(cx, &place, path, id).await?;
        upload.resumed = true;
        Ok(upload)
    }

    /// Returns the writer, which is begun if there is none.
    async fn writer(&mut self, cx: &OpContext) -> Result<&mut UploadWriter, Error> {
        if self.writer.is_none() {
            let (place, queue) = (self.files.writable()?, &self.files.place.queue);
            let upload = (self.id, self.resumed);
            let (writer, stored) = queue.write_upload(cx, &place, &self.path, upload).await?;
            if stored != self.stored {
                let reason = "the upload is not as long as it was; take it up again";
                return Err(Error::new(ErrorKind::Changed, "the upload").with_source(reason));
            }
            self.writer = Some(writer);
        }
        self.writer.as_mut().ok_or_else(|| Error::cancelled("the upload"))
    }
}

#[async_trait]
impl Upload for MountedUpload {
    fn record(&self) -> Option<&str> {
        Some(&self.record)
    }

    fn stored(&self) -> u64 {
        self.stored
    }

    async fn write(&mut self, cx: &OpContext, bytes: Bytes) -> Result<(), Error> {
        self.writer(cx).await?.write(cx, bytes).await
    }

    async fn store(&mut self, cx: &OpContext) -> Result<(), Error> {
        if let Some(writer) = &mut self.writer {
            self.stored = writer.store(cx).await?;
        }
        Ok(())
    }

    async fn publish(mut self: Box<Self>, cx: &OpContext, condition: &Condition) -> Result<FileEntry, Error> {
        let size = self.writer(cx).await?.close(cx).await?;
        self.writer = None;
        let (place, queue) = (self.files.writable()?, &self.files.place.queue);
        let upload = (self.id, size);
        let published = queue
            .publish_upload(cx, &place, &self.path, upload, condition)
            .await;
        // Whoever kept the record may try again what failed for now; nobody can call `abandon` any more.
        let is_over = |error: &Error| !error.is_temporary() || *error.kind() == ErrorKind::Changed;
        if published.as_ref().is_err_and(is_over) {
            let _stays = queue.abandon_upload(cx, &place, &self.path, self.id).await;
        }
        published
    }

    async fn abandon(mut self: Box<Self>, cx: &OpContext) -> Result<(), Error> {
        if let Some(writer) = self.writer.take() {
            writer.end().await?;
        }
        let (place, queue) = (self.files.writable()?, &self.files.place.queue);
        queue.abandon_upload(cx, &place, &self.path, self.id).await
    }
}
