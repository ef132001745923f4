//! Where the cache has its files from.

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use storage_backends::{Error, ErrorKind, FileBytes, FileEntry, ReadRequest};
use storage_domain::{BackendId, FileHash, FilePath};
use tokio::time::timeout;

use super::super::known::Known;
use crate::service::{App, AppError, Permit};

/// How long the database may take to say which hash a file has to have.
const HASH_WAIT: Duration = Duration::from_secs(1);

/// A file of a backend, as that is set up.
#[derive(Debug, Clone)]
pub(in crate::boot) struct Place {
    pub(in crate::boot) backend: Arc<Known>,
    pub(in crate::boot) path: FilePath,
}

impl Place {
    pub(super) fn key(&self) -> (BackendId, FilePath) {
        (self.backend.id, self.path.clone())
    }
}

/// What files are read from.
#[async_trait]
pub(in crate::boot) trait Source: Debug + Send + Sync + 'static {
    /// Describes a file.
    async fn stat(&self, place: &Place) -> Result<FileEntry, AppError>;

    /// Opens a file.
    async fn open(&self, place: &Place, wanted: ReadRequest) -> Result<FileBytes, AppError>;

    /// Returns the hash that a file has to have, if it is known.
    async fn hash(&self, place: &Place, entry: &FileEntry) -> Option<FileHash>;
}

#[async_trait]
impl Source for App {
    async fn stat(&self, place: &Place) -> Result<FileEntry, AppError> {
        self.stat_file(place.backend.id, place.path.clone(), Permit::none())
            .await
    }

    async fn open(&self, place: &Place, wanted: ReadRequest) -> Result<FileBytes, AppError> {
        self.read_file(place.backend.id, place.path.clone(), wanted, Permit::none())
            .await
    }

    async fn hash(&self, place: &Place, entry: &FileEntry) -> Option<FileHash> {
        let known = self.hash_of(place.backend.id, &place.path, entry);
        timeout(HASH_WAIT, known).await.ok()?.ok()?
    }
}

/// Makes the error of a file whose bytes can't be had.
pub(super) fn failure(
    kind: ErrorKind,
    source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
) -> AppError {
    AppError::Files(Arc::new(Error::new(kind, "the file").with_source(source)))
}

/// Makes the error of a file that is another one now.
pub(super) fn changed() -> AppError {
    AppError::Files(Arc::new(Error::new(ErrorKind::Changed, "the file")))
}

/// Returns whether a file is another one than was described before.
pub(super) fn is_changed(error: &AppError) -> bool {
    matches!(error, AppError::Files(cause) if *cause.kind() == ErrorKind::Changed)
}

/// Returns whether the storage answers that there is no such file.
pub(super) fn is_missing(error: &AppError) -> bool {
    matches!(error, AppError::Files(cause) if matches!(cause.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory))
}
