//! The end of a resumable upload whose file is there.

use storage_backends::Progress;
use storage_domain::ByteCount;
use storage_persistence::StoredUpload;

use super::{App, AppError, Appended, AuditEntry, Permit, UploadError, WrittenFile};

impl App {
    /// Ends an upload whose file is published.
    pub(super) async fn end_complete(
        &self,
        mut row: StoredUpload,
        written: WrittenFile,
        entry: AuditEntry,
    ) -> Appended {
        row.stored = written.entry.size.map_or(row.stored, ByteCount::get);
        (row.is_complete, row.record, row.hash_state) = (true, None, None);
        self.release(&row).await;
        self.note_written(row.backend, &row.path, &written, Some(entry))
            .await;
        Appended::File(written)
    }

    /// Ends an upload that the storage does not have any more: its file is there if the answer to an earlier publication was
    /// lost.
    ///
    /// # Errors
    /// [`UploadError::NotFound`] if it is not; what the storage says.
    pub(super) async fn end_published(
        &self,
        row: StoredUpload,
        entry: AuditEntry,
    ) -> Result<Appended, AppError> {
        match self.find_published(&row).await {
            Ok(Some(written)) => Ok(self.end_complete(row, written, entry).await),
            Ok(None) => {
                self.forget(&row).await;
                Err(UploadError::NotFound.into())
            }
            Err(error) => {
                self.release(&row).await;
                Err(error)
            }
        }
    }

    /// Returns the file at the path of an upload, if it has its length and its hash.
    async fn find_published(&self, row: &StoredUpload) -> Result<Option<WrittenFile>, AppError> {
        let (Some(length), Some(hash)) = (row.length, row.expected) else {
            return Ok(None);
        };
        let (id, path) = (row.backend, &row.path);
        let Some(entry) = self.find_file(id, path, Permit::none()).await? else {
            return Ok(None);
        };
        if entry.size.map(ByteCount::get) != Some(length) {
            return Ok(None);
        }
        let version = (entry.etag.as_ref(), entry.size);
        let found = self.read_hash(id, path, version, &Progress::default()).await?;
        // What is new is never said to have replaced something.
        let is_new = true;
        Ok((found == hash).then_some(WrittenFile { entry, hash, is_new }))
    }
}
