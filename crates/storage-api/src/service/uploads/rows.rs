//! The ends of uploads, at the storage and in the database.

use std::time::Duration;

use futures_util::{StreamExt as _, stream};
use storage_backends::{Backend as LiveBackend, Error, ErrorKind, OpContext};
use storage_domain::BackendId;
use storage_persistence::{LEASE, StoredUpload};
use tokio::time::timeout;

use super::super::changes::tree_mut;
use super::{App, AppError, files};
use crate::chain::Chain;

/// How long the storage may take to remove what was written; later it is tried again.
pub(super) const ABANDON_DEADLINE: Duration = Duration::from_secs(5);
/// How long a delete of a backend waits for its uploads to end.
const END_DEADLINE: Duration = Duration::from_secs(5);
/// Uploads that are ended at once.
const ENDED_AT_ONCE: usize = 8;
const STEP: &str = "removing the upload";

impl App {
    /// Removes what a storage has of an upload, and its row. What can't be removed now is tried again later.
    pub(super) async fn remove(&self, row: &StoredUpload, live: &dyn LiveBackend) {
        match erase(row, live).await {
            Ok(()) => self.forget(row).await,
            Err(error) => self.leave(row, &error).await,
        }
    }

    /// Ends the uploads to a backend that is about to be deleted. Their rows go with it, so that what can't be removed now stays
    /// at the storage.
    pub(in crate::service) async fn end_uploads(&self, backend: BackendId) {
        let ended = timeout(END_DEADLINE, self.try_end_uploads(backend)).await;
        if let Err(error) = ended.unwrap_or(Err(AppError::InProgress)) {
            tracing::warn!(
                backend.id = %backend, error = %Chain(&error),
                "not all uploads to a backend that is deleted could be ended: what they wrote may stay at its storage"
            );
        }
    }

    async fn try_end_uploads(&self, backend: BackendId) -> Result<(), AppError> {
        let rows = self.supervisor.store.uploads_of(backend).await?;
        if rows.is_empty() {
            return Ok(());
        }
        let (_, live) = self.with_files(backend).await?;
        let live = &*live;
        let end = |row: StoredUpload| async move {
            if let Err(error) = self.end_upload(&row, live).await {
                tracing::warn!(
                    backend.id = %backend, path = %row.path, record = row.record.as_deref(), error = %Chain(&error),
                    "what was written of a file stays at the storage of a backend that is deleted"
                );
            }
        };
        stream::iter(rows).for_each_concurrent(ENDED_AT_ONCE, end).await;
        Ok(())
    }

    /// Ends an upload, and whoever works on it in this process; removes what the storage has of it.
    async fn end_upload(&self, row: &StoredUpload, live: &dyn LiveBackend) -> Result<(), AppError> {
        self.uploads.running.end(&row.id);
        let _claim = self.uploads.running.take(row.id).await?;
        let (store, owner) = (&self.supervisor.store, &self.supervisor.instance);
        if !store.claim_upload(row.id, owner, LEASE).await? {
            // One that ended by itself has no row any more.
            return match store.upload(row.backend, row.id).await {
                Ok(_) => Err(AppError::InProgress),
                Err(_) => Ok(()),
            };
        }
        let row = store.upload(row.backend, row.id).await?;
        erase(&row, live).await.map_err(files)?;
        self.forget(&row).await;
        Ok(())
    }

    /// Deletes the row of an upload of which the storage has nothing.
    pub(super) async fn forget(&self, row: &StoredUpload) {
        let deleted = self
            .supervisor
            .store
            .delete_upload(row.id, &self.supervisor.instance)
            .await;
        if let Err(error) = deleted {
            tracing::warn!(upload.id = %row.id, error = %Chain(&error), "the row of an upload stays for now");
        }
    }

    /// Leaves an upload to be removed later, by whichever process comes first.
    pub(super) async fn leave(&self, row: &StoredUpload, error: &Error) {
        tracing::warn!(
            backend.id = %row.backend, path = %row.path, error = %Chain(error),
            "what was written of a file could not be removed; it is tried again later"
        );
        self.release(row).await;
    }

    /// Keeps the row of an upload that nobody works on from now on.
    pub(super) async fn release(&self, row: &StoredUpload) {
        let (store, owner) = (&self.supervisor.store, &self.supervisor.instance);
        if let Err(error) = store.keep_upload(row, owner, true).await {
            tracing::warn!(upload.id = %row.id, error = %Chain(&error), "an upload could not be released");
        }
    }
}

/// Removes what a storage has of an upload.
async fn erase(row: &StoredUpload, live: &dyn LiveBackend) -> Result<(), Error> {
    let Some(record) = &row.record else { return Ok(()) };
    let cx = OpContext::within(ABANDON_DEADLINE);
    let erase = async {
        match tree_mut(live)?.resume(&cx, &row.path, record).await {
            Ok(upload) => upload.abandon(&cx).await,
            Err(error) if *error.kind() == ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
        }
    };
    cx.bound(STEP, erase).await.flatten()
}
