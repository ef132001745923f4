//! Changes of the files of a mount.

use async_trait::async_trait;
use storage_domain::FilePath;

use super::MountedFiles;
use super::upload::MountedUpload;
use crate::backend::{TreeMut, Upload};
use crate::context::OpContext;
use crate::error::Error;
use crate::files::{Deletion, FileEntry, Progress};

#[async_trait]
impl TreeMut for MountedFiles {
    async fn make_directory(&self, cx: &OpContext, path: &FilePath) -> Result<FileEntry, Error> {
        let files = self.writable()?;
        self.place.queue.make_directory(cx, &files, path).await
    }

    async fn delete(
        &self,
        cx: &OpContext,
        path: &FilePath,
        deletion: Deletion,
        progress: &Progress,
    ) -> Result<(), Error> {
        let (files, queue) = (self.writable()?, &self.place.queue);
        queue.delete_files(cx, &files, path, deletion, progress).await
    }

    async fn rename(
        &self,
        cx: &OpContext,
        from: &FilePath,
        to: &FilePath,
        progress: &Progress,
    ) -> Result<(), Error> {
        let files = self.writable()?;
        self.place.queue.rename_file(cx, &files, from, to).await?;
        progress.add(1);
        Ok(())
    }

    fn upload(&self, path: &FilePath) -> Box<dyn Upload> {
        Box::new(MountedUpload::new(self.clone(), path))
    }

    async fn resume(&self, cx: &OpContext, path: &FilePath, record: &str) -> Result<Box<dyn Upload>, Error> {
        let resumed = MountedUpload::resume(self.clone(), cx, path, record).await?;
        Ok(Box::new(resumed))
    }
}
