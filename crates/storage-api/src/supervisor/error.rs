//! Why a use case could not be done.

use std::sync::Arc;

use storage_backends::{Error, ErrorKind, Holders};
use storage_domain::{BackendKind, FilePath, Invalid};
use storage_persistence::StoreError;
use time::OffsetDateTime;

use super::messages::{explain, explain_at};
use crate::service::UploadError;

/// Why a use case failed; the API turns each into one problem.
#[derive(Debug, Clone, thiserror::Error)]
pub enum AppError {
    /// The store could not do it.
    #[error("the store could not do it")]
    Store(#[from] Arc<StoreError>),
    /// Name, type or shape of the input are wrong, and perhaps its config too.
    #[error("the request is not valid")]
    InvalidRequest(Vec<Invalid>),
    /// Only the config is wrong.
    #[error("the config is not valid")]
    InvalidConfig(Vec<Invalid>),
    /// A condition that the client sent does not hold.
    #[error("the condition of the request does not hold")]
    Precondition,
    /// The test was broken off, because the backend was changed, perhaps by another process.
    #[error("the test was superseded by a change")]
    Superseded,
    /// The mount is in use.
    #[error("the mount is in use")]
    Busy(Arc<Holders>),
    /// Other work on this backend did not end in time.
    #[error("other work on the backend did not end in time")]
    InProgress,
    /// Other tests took every permit for as long as one is waited for.
    #[error("too many tests run")]
    TooBusy,
    /// A call on the backend hangs in the kernel.
    #[error("a call on the backend hangs")]
    Stuck {
        /// Since when, if that is known.
        since: Option<OffsetDateTime>,
    },
    /// The mount could not be unmounted.
    #[error("the mount could not be unmounted")]
    Unmount(#[source] Arc<Error>),
    /// Storage could not be asked for what it has.
    #[error("the storage could not be asked")]
    NotDiscovered(#[source] Arc<Error>),
    /// Only iSCSI backends have logical units.
    #[error("{0} backends have no logical units")]
    NoLuns(BackendKind),
    /// The backend has no files to show.
    #[error("{0} backends have no files")]
    NoFiles(BackendKind),
    /// The backend could not be mounted; holds what its test said.
    #[error("the backend could not be mounted")]
    NotMounted(String),
    /// The storage did not do what was asked of its files.
    #[error("the storage could not do it")]
    Files(#[source] Arc<Error>),
    /// The storage did not do what was asked of one of several files.
    #[error("the storage could not do it to all files")]
    FileAt {
        /// The file or directory.
        path: FilePath,
        /// Why.
        #[source]
        cause: Arc<Error>,
    },
    /// Other changes of files took every permit for as long as one is waited for.
    #[error("too many changes of files run")]
    TooManyChanges,
    /// There is no such job.
    #[error("the job was not found")]
    NoJob,
    /// An upload came to nothing, or not further.
    #[error(transparent)]
    Upload(UploadError),
    /// The service is about to end.
    #[error("the service is shutting down")]
    ShuttingDown,
    /// A task of the service ended without an answer: a bug.
    #[error("{0} ended without an answer")]
    Task(&'static str),
}

impl From<StoreError> for AppError {
    fn from(error: StoreError) -> Self {
        Self::Store(Arc::new(error))
    }
}

impl AppError {
    /// Returns why a job failed, for a client that reads it later.
    pub(crate) fn sentence(&self) -> String {
        match self {
            Self::FileAt { path, cause } => explain_at(path, cause),
            Self::Files(cause) => explain(cause),
            Self::NotMounted(message) => message.clone(),
            Self::Upload(UploadError::Digest(found)) => {
                format!(
                    "The bytes that came have the SHA-256 {found}, not the one that sha256 names; check both"
                )
            }
            Self::Upload(UploadError::TooLarge(most)) => {
                format!("The file is larger than the {most} bytes that max_upload_bytes allows")
            }
            error => error.to_string(),
        }
    }

    /// Classifies an unmount that failed by what can be done about it.
    pub(crate) fn of_unmount(error: Error) -> Self {
        match error.kind() {
            ErrorKind::Busy(holders) => Self::Busy(Arc::new(holders.clone())),
            ErrorKind::Stuck { since, .. } => Self::Stuck { since: Some(*since) },
            _ => Self::Unmount(Arc::new(error)),
        }
    }
}
