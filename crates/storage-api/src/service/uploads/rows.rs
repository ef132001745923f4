//! The ends of uploads, at the storage and in the database.

use std::time::Duration;

use storage_backends::{Backend as LiveBackend, Error, ErrorKind, OpContext};
use storage_persistence::StoredUpload;

use super::super::changes::tree_mut;
use super::App;
use crate::chain::Chain;

/// How long the storage may take to remove what was written; later it is tried again.
pub(super) const ABANDON_DEADLINE: Duration = Duration::from_secs(5);
const STEP: &str = "removing the upload";

impl App {
    /// Removes what a storage has of an upload, and its row. What can't be removed now is tried again later.
    pub(super) async fn remove(&self, row: &StoredUpload, live: &dyn LiveBackend) {
        let Some(record) = &row.record else {
            return self.forget(row).await;
        };
        let cx = OpContext::within(ABANDON_DEADLINE);
        let remove = async {
            match tree_mut(live)?.resume(&cx, &row.path, record).await {
                Ok(upload) => upload.abandon(&cx).await,
                Err(error) if *error.kind() == ErrorKind::NotFound => Ok(()),
                Err(error) => Err(error),
            }
        };
        match cx.bound(STEP, remove).await.flatten() {
            Ok(()) => self.forget(row).await,
            Err(error) => self.leave(row, &error).await,
        }
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
