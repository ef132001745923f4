//! Resumable uploads (draft-ietf-httpbis-resumable-upload-12): begun by one request, continued by others.

use std::sync::Arc;

use storage_backends::ErrorKind;
use storage_domain::{BackendId, FileHash, UploadId};
use storage_persistence::{LEASE, StoreError, StoredUpload};
use time::OffsetDateTime;

use super::claims::Claim;
use super::target::Target;
use super::writing::Writing;
use super::{App, AppError, AuditEntry, Body, NewFile, Permit, UploadError, WrittenFile, new_row};

/// Resumable uploads that there may be at once.
const MAX_UPLOADS: u64 = 1000;

/// The next part of an upload.
#[derive(Debug)]
pub struct Append {
    /// Number of bytes before it.
    pub offset: u64,
    /// Whether the file ends with it.
    pub is_last: bool,
    /// Length of the file, if the client says it.
    pub length: Option<u64>,
    /// Length of the part, if the client says it.
    pub part: Option<u64>,
    /// Hash of the file, if the client says it.
    pub expected: Option<FileHash>,
}

/// What became of an upload with a part more.
#[derive(Debug)]
pub enum Appended {
    /// Further parts may come.
    Part(StoredUpload),
    /// The file is there.
    File(WrittenFile),
}

/// What a new upload led to.
#[derive(Debug)]
pub enum Begun {
    /// Its parts may come.
    Upload(StoredUpload),
    /// The very same file is there already.
    There(WrittenFile),
}

impl App {
    /// Begins a resumable upload. Nothing is at the storage before its first part.
    ///
    /// # Errors
    /// Those of [`App::write_file`].
    pub async fn begin_upload(&self, id: BackendId, new: NewFile, permit: Permit) -> Result<Begun, AppError> {
        let target = match self.target(id, &new, permit).await? {
            Target::There(written) => return Ok(Begun::There(written)),
            Target::Free(target) => target,
        };
        let store = &self.supervisor.store;
        if store.count_uploads().await? >= MAX_UPLOADS {
            return Err(UploadError::TooMany.into());
        }
        let row = new_row(&target.backend, &new, true)?;
        store.add_upload(&row, None).await?;
        Ok(Begun::Upload(row))
    }

    /// Returns how far an upload is.
    ///
    /// # Errors
    /// [`UploadError::NotFound`].
    pub async fn find_upload(&self, id: BackendId, upload: UploadId) -> Result<StoredUpload, AppError> {
        match self.supervisor.store.upload(id, upload).await {
            Ok(row) if row.is_resumable && row.expires_at > OffsetDateTime::now_utc() => Ok(row),
            Ok(_) | Err(StoreError::NotFound) => Err(UploadError::NotFound.into()),
            Err(error) => Err(error.into()),
        }
    }

    /// Returns how far an upload is, after the part that is under way has ended.
    ///
    /// # Errors
    /// [`UploadError::NotFound`].
    pub async fn settle_upload(&self, id: BackendId, upload: UploadId) -> Result<StoredUpload, AppError> {
        self.find_upload(id, upload).await?;
        self.uploads.running.end(&upload);
        // One that is published does not end; nor does that of another process.
        let _claim = self.uploads.running.take(upload).await;
        self.find_upload(id, upload).await
    }

    /// Appends a part. An earlier part of it that is under way ends first. What arrives is kept if the client hangs up. The
    /// file is published after its last part, even if the client no longer waits.
    ///
    /// # Errors
    /// [`UploadError`]; [`AppError::InProgress`] if another process works on it; what the storage says.
    pub async fn append(
        self: &Arc<Self>,
        id: BackendId,
        upload: UploadId,
        part: Append,
        body: Body,
        entry: AuditEntry,
        permit: Permit,
    ) -> Result<Appended, AppError> {
        let write = self.uploads.permit().await?;
        let (claim, mut row) = self.claim(id, upload).await?;
        if let Err(error) = self.fit(&mut row, &part) {
            self.release(&row).await;
            return Err(error);
        }
        let app = Arc::clone(self);
        let work = async move {
            let _held = (write, permit.clone());
            app.append_claimed(row, part.is_last, body, entry, permit, claim)
                .await
        };
        self.supervisor.finish("the upload", work).await
    }

    /// Ends an upload, and removes what the storage has of it.
    ///
    /// # Errors
    /// [`UploadError::NotFound`] and [`AppError::InProgress`].
    pub async fn cancel_upload(
        self: &Arc<Self>,
        id: BackendId,
        upload: UploadId,
    ) -> Result<StoredUpload, AppError> {
        let (claim, row) = self.claim(id, upload).await?;
        let (backend, live) = match self.with_files(id).await {
            Ok(found) => found,
            Err(error) => {
                self.release(&row).await;
                return Err(error);
            }
        };
        let app = Arc::clone(self);
        let work = async move {
            let _held = (claim, backend);
            app.remove(&row, &*live).await;
            Ok(row)
        };
        self.supervisor.finish("the end of the upload", work).await
    }

    /// Claims an upload, in this process and among all of them.
    async fn claim(
        &self,
        id: BackendId,
        upload: UploadId,
    ) -> Result<(Claim<UploadId>, StoredUpload), AppError> {
        self.find_upload(id, upload).await?;
        self.uploads.running.end(&upload);
        let claim = self.uploads.running.take(upload).await?;
        let (store, owner) = (&self.supervisor.store, &self.supervisor.instance);
        if !store.claim_upload(upload, owner, LEASE).await? {
            return Err(AppError::InProgress);
        }
        Ok((claim, self.find_upload(id, upload).await?))
    }

    /// Checks that a part continues an upload, and adds what it says of the file.
    fn fit(&self, row: &mut StoredUpload, part: &Append) -> Result<(), AppError> {
        if row.is_complete {
            return Err(UploadError::Complete.into());
        }
        if part.offset != row.stored {
            return Err(UploadError::Offset(row.stored).into());
        }
        let end = part.part.map(|bytes| part.offset.saturating_add(bytes));
        let lengths = [row.length, part.length, end.filter(|_| part.is_last)];
        let mut known = lengths.into_iter().flatten();
        let length = known.next();
        if known.any(|other| Some(other) != length) || end.zip(length).is_some_and(|(end, all)| end > all) {
            return Err(UploadError::Length.into());
        }
        if let Some(bytes) = end.max(length) {
            self.uploads.check_size(bytes)?;
        }
        row.length = length;
        row.expected = part.expected.or(row.expected);
        Ok(())
    }

    async fn append_claimed(
        self: &Arc<Self>,
        mut row: StoredUpload,
        is_last: bool,
        body: Body,
        entry: AuditEntry,
        permit: Permit,
        claim: Claim<UploadId>,
    ) -> Result<Appended, AppError> {
        let (id, path, begun) = (row.backend, row.path.clone(), row.stored);
        let taken = self
            .take_up(id, &path, row.record.as_deref(), permit.clone())
            .await;
        let (upload, live) = match taken {
            // The storage has nothing yet, or lost it.
            Err(AppError::Files(error)) if *error.kind() == ErrorKind::NotFound && row.record.is_some() => {
                if row.stored > 0 {
                    return self.end_published(row, entry).await;
                }
                row.record = None;
                self.take_up(id, &path, None, permit).await?
            }
            Err(error) => {
                self.release(&row).await;
                return Err(error);
            }
            Ok(taken) => taken,
        };
        let has_all = upload.stored() >= row.stored;
        let writing = Writing::new(self, row.clone(), upload, Arc::clone(&live), true).filter(|_| has_all);
        let Some(mut writing) = writing else {
            self.remove(&row, &*live).await;
            return Err(UploadError::NotFound.into());
        };
        if let Err(error) = writing.receive(body, claim.cancellation()).await {
            writing.pause().await;
            entry.discard();
            return Err(error);
        }
        if !is_last {
            entry.discard();
            let received = writing.length();
            let paused = writing.pause().await;
            // Else a client could send the same part again and again.
            if paused.stored <= begun && received > begun {
                return Err(UploadError::TooSmall.into());
            }
            return Ok(Appended::Part(paused));
        }
        match writing.check() {
            Ok(()) => {}
            // Bytes may still come.
            Err(error @ AppError::Upload(UploadError::Length)) => {
                writing.pause().await;
                return Err(error);
            }
            Err(error) => {
                writing.abandon().await;
                return Err(error);
            }
        }
        let is_new = match self.find_file(id, &path, Permit::none()).await {
            Ok(found) => found.is_none(),
            Err(error) => {
                writing.pause().await;
                return Err(error);
            }
        };
        let (file, hash, row) = writing.publish().await?;
        let written = WrittenFile {
            entry: file,
            hash,
            is_new,
        };
        Ok(self.end_complete(row, written, entry).await)
    }
}
