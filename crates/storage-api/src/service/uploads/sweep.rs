//! Keeps uploads alive, and removes what dead processes and clients left.

use std::sync::Arc;
use std::time::Duration;

use storage_backends::{Error, ErrorKind};
use storage_persistence::{ABANDONED_AFTER, MAX_HASHES, StoredUpload};
use time::OffsetDateTime;
use tokio::time::Instant;

use super::{App, AppError};
use crate::chain::Chain;

/// Time between two heartbeats: a few may be lost before another process takes an upload for abandoned.
const BEAT_EVERY: Duration = Duration::from_secs(10);
/// Time between two looks for what was left.
const SWEEP_EVERY: Duration = Duration::from_mins(1);
/// Uploads that are removed at once.
const BATCH: u64 = 16;

impl App {
    /// Keeps this process's uploads alive, and removes those that were left, until the service stops.
    pub(in crate::service) async fn tend_uploads(self: Arc<Self>) {
        let stopping = self.supervisor.stopping.clone();
        let mut sweep = Instant::now();
        while !stopping.is_cancelled() {
            if self.uploads.writes.is_busy()
                && let Err(error) = self
                    .supervisor
                    .store
                    .beat_uploads(&self.supervisor.instance)
                    .await
            {
                tracing::warn!(error = %Chain(&error), "uploads could not be kept alive");
            }
            if sweep.elapsed() >= SWEEP_EVERY {
                sweep = Instant::now();
                if let Err(error) = self.sweep_uploads(OffsetDateTime::now_utc()).await {
                    tracing::warn!(error = %Chain(&error), "uploads that were left could not be looked for");
                }
            }
            tokio::select! {
                () = stopping.cancelled() => {}
                () = tokio::time::sleep(BEAT_EVERY) => {}
            }
        }
    }

    /// Removes uploads that nobody goes on with, and the oldest hashes beyond their number.
    ///
    /// # Errors
    /// [`AppError::Store`].
    pub(crate) async fn sweep_uploads(&self, now: OffsetDateTime) -> Result<(), AppError> {
        let store = &self.supervisor.store;
        store.prune_hashes(MAX_HASHES).await?;
        for row in store.left_uploads(now, BATCH).await? {
            let Ok(_claim) = self.uploads.running.attempt(&row.id) else {
                continue;
            };
            if store
                .claim_upload(row.id, &self.supervisor.instance, ABANDONED_AFTER)
                .await?
            {
                self.remove_left(&row).await;
            }
        }
        Ok(())
    }

    /// Removes an upload that this process claimed. One of a backend that can't be reached is tried again later.
    async fn remove_left(&self, row: &StoredUpload) {
        match self.with_files(row.backend).await {
            Ok((_, live)) => self.remove(row, &*live).await,
            Err(AppError::Files(error)) => self.leave(row, &error).await,
            // The backend has no files any more.
            Err(AppError::NoFiles(_)) => self.forget(row).await,
            Err(_) => {
                let error = Error::new(ErrorKind::NotMounted, "the backend");
                self.leave(row, &error).await;
            }
        }
    }
}
