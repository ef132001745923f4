//! Writing files: in one request, and in parts that survive a cut connection.
//!
//! Bytes go from the client through a hash to the storage, a block at a time. Whatever has to be removed from the storage if
//! this process dies stands in the database before it exists. `docs/decisions/uploads.md` has the reasons.

mod body;
mod claims;
mod fetch;
mod hasher;
mod published;
mod resumable;
mod rows;
mod sweep;
mod target;
mod writing;

pub use self::body::{Body, BodySender, body};
pub use self::resumable::{Append, Appended, Begun};

use std::sync::Arc;
use std::time::Duration;

use storage_backends::{Condition, Error, ErrorKind, FileEntry};
use storage_domain::{Backend, BackendId, FileHash, FilePath, UploadId};
use storage_persistence::{Content, StoredUpload};
use time::OffsetDateTime;
use tokio::sync::OwnedSemaphorePermit;
use tokio_util::sync::CancellationToken;

use self::claims::Claims;
use self::target::{FreeTarget, Target};
use self::writing::Writing;
use super::files::files;
use super::{App, AppError, AuditEntry, Bounded, Permit};
use crate::chain::Chain;

/// How long a resumable upload lives.
const LIFETIME: Duration = Duration::from_hours(24);
/// Size of a part, other than the last, of which every storage keeps something.
pub const MIN_APPEND_BYTES: u64 = 8 * 1024 * 1024;
/// Writes under way at once, over all backends: each may hold a helper process, and some megabytes.
const MAX_WRITES: usize = 32;

/// A file that is to be written.
#[derive(Debug, Clone)]
pub struct NewFile {
    /// Where it will be.
    pub path: FilePath,
    /// What has to be there.
    pub condition: Condition,
    /// Hash that the content has to have.
    pub expected: Option<FileHash>,
    /// Its length, if it is known.
    pub length: Option<u64>,
}

/// A file that was written, or was there already.
#[derive(Debug)]
pub struct WrittenFile {
    /// The file.
    pub entry: FileEntry,
    /// Its hash.
    pub hash: FileHash,
    /// Whether nothing was at its path before.
    pub is_new: bool,
}

/// Why an upload came to nothing, or not further.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UploadError {
    /// It is larger than this.
    #[error("the file is larger than {0} bytes")]
    TooLarge(u64),
    /// The content has another hash than the client said.
    #[error("the content has the SHA-256 {0}")]
    Digest(FileHash),
    /// The client hung up.
    #[error("the body broke off")]
    Broken,
    /// The form that has the file can't be read, or has several files.
    #[error("the form has no file, or several")]
    Form,
    /// The client sent nothing for too long.
    #[error("the body stalled")]
    Stalled,
    /// The content is longer or shorter than the client said.
    #[error("the content has another length than the client said")]
    Length,
    /// There is no such upload, or no longer.
    #[error("there is no such upload")]
    NotFound,
    /// The bytes that come next begin here.
    #[error("the upload goes on at {0}")]
    Offset(u64),
    /// The file is published.
    #[error("the upload is complete")]
    Complete,
    /// What is at the path is not what the condition names.
    #[error("the condition does not hold")]
    Condition,
    /// The storage keeps nothing of a part that is so small.
    #[error("the part is too small to be stored")]
    TooSmall,
    /// There are as many as there may be.
    #[error("there are too many uploads")]
    TooMany,
}

/// The uploads of this process.
#[derive(Debug)]
pub(super) struct Uploads {
    writes: Bounded,
    /// Uploads that somebody works on.
    running: Claims<UploadId>,
    /// Paths at which a file is published.
    paths: Claims<(BackendId, FilePath)>,
    most_bytes: Option<u64>,
}

impl Uploads {
    pub(super) fn new(most_bytes: Option<u64>) -> Self {
        Self {
            writes: Bounded::new(MAX_WRITES),
            running: Claims::default(),
            paths: Claims::default(),
            most_bytes,
        }
    }

    /// Waits for the permit of a write.
    async fn permit(&self) -> Result<OwnedSemaphorePermit, AppError> {
        let permit = self.writes.acquire().await;
        permit.ok_or_else(|| files(Error::new(ErrorKind::TooBusy, "the upload")))
    }

    /// Refuses what is too large.
    fn check_size(&self, bytes: u64) -> Result<(), AppError> {
        match self.most_bytes {
            Some(most) if bytes > most => Err(UploadError::TooLarge(most).into()),
            _ => Ok(()),
        }
    }
}

impl From<UploadError> for AppError {
    fn from(error: UploadError) -> Self {
        Self::Upload(error)
    }
}

impl App {
    /// Returns the largest file that is taken, in bytes.
    pub fn most_upload_bytes(&self) -> Option<u64> {
        self.uploads.most_bytes
    }

    /// Writes a file in one go. The body is asked for once all that can be checked before it was. If the client hangs up, or
    /// anything fails, nothing is left at the storage.
    ///
    /// # Errors
    /// Those of [`App::list_files`]; [`AppError::Upload`]; [`AppError::Files`] as of
    /// [`TreeMut`](storage_backends::TreeMut).
    pub async fn write_file(
        self: &Arc<Self>,
        id: BackendId,
        new: NewFile,
        body: Body,
        mut entry: AuditEntry,
        permit: Permit,
    ) -> Result<WrittenFile, AppError> {
        entry.set_detail(new.path.as_str());
        let write = self.uploads.permit().await?;
        let target = match self.target(id, &new, permit.clone()).await? {
            Target::There(written) => return Ok(written),
            Target::Free(target) => target,
        };
        entry.set_backend(&target.backend);
        let app = Arc::clone(self);
        let work = async move {
            let _held = (write, permit);
            let ends = app.supervisor.stopping.child_token();
            let written = app.write_body(*target, &new, body, ends).await?;
            app.note_written(id, &new.path, &written, Some(entry)).await;
            Ok(written)
        };
        self.supervisor.finish("the upload", work).await
    }

    /// Writes all of a body to a path that is free. If anything fails, nothing is left at the storage.
    async fn write_body(
        self: &Arc<Self>,
        target: FreeTarget,
        new: &NewFile,
        body: Body,
        ends: CancellationToken,
    ) -> Result<WrittenFile, AppError> {
        let FreeTarget {
            backend,
            live,
            upload,
            is_new,
        } = target;
        let row = new_row(&backend, new, false)?;
        let claim = self.uploads.running.take_within(row.id, &ends).await?;
        let writing = Writing::new(self, row, upload, live, false);
        let mut writing = writing.ok_or(AppError::Task("the hash"))?;
        writing.ends = ends;
        let received = writing.receive(body, claim.cancellation()).await;
        if let Err(error) = received.and_then(|()| writing.check()) {
            writing.abandon().await;
            return Err(error);
        }
        let (entry, hash, _) = writing.publish().await?;
        Ok(WrittenFile { entry, hash, is_new })
    }

    /// Keeps the hash of a file that was written, and its audit record, if that waits for it.
    async fn note_written(
        &self,
        id: BackendId,
        path: &FilePath,
        written: &WrittenFile,
        mut entry: Option<AuditEntry>,
    ) {
        if let Some(entry) = &mut entry {
            let size = written.entry.size.map_or(0, storage_domain::ByteCount::get);
            entry.set_detail(&format!("{path}, {size} bytes, SHA-256 {}", written.hash));
            entry.set_status(if written.is_new { 201 } else { 200 });
        }
        let store = &self.supervisor.store;
        let record = entry.as_mut().and_then(|entry| entry.record().cloned());
        let kept = match &written.entry.etag {
            Some(etag) => {
                let content = Content {
                    backend: id,
                    path,
                    etag,
                };
                store.keep_hash(content, &written.hash, record.as_ref()).await
            }
            None => match &record {
                Some(record) => store.add_audit(std::slice::from_ref(record)).await,
                None => Ok(()),
            },
        };
        match kept {
            Ok(()) => {
                if let Some(mut entry) = entry {
                    entry.written();
                }
            }
            // The file is there all the same.
            Err(error) => tracing::warn!(
                backend.id = %id, error = %Chain(&error), "the hash of an upload could not be kept"
            ),
        }
    }
}

/// Makes the row of a new upload.
fn new_row(backend: &Backend, new: &NewFile, is_resumable: bool) -> Result<StoredUpload, AppError> {
    let now = OffsetDateTime::now_utc();
    let condition = serde_json::to_string(&new.condition);
    Ok(StoredUpload {
        id: UploadId::generate(),
        backend: backend.id,
        path: new.path.clone(),
        record: None,
        stored: 0,
        length: new.length,
        hash_state: None,
        condition: condition.map_err(|_| AppError::Task("the condition"))?,
        expected: new.expected,
        is_resumable,
        is_complete: false,
        created_at: now,
        expires_at: now + LIFETIME,
    })
}
