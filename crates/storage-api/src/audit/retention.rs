//! Deletes records that are too old.

use std::time::Duration;

use storage_persistence::Store;
use time::OffsetDateTime;
use tokio::time::Instant;

use crate::chain::Chain;

/// Time between two looks for old records, and before the first one.
const EVERY: Duration = Duration::from_hours(1);
const FIRST: Duration = Duration::from_secs(30);
/// Records that are deleted at once, and the time before the next ones: the queue is written in between, and nobody waits
/// long for the database.
pub(super) const BATCH: u64 = 500;
const PAUSE: Duration = Duration::from_millis(100);

/// Deletes old records, a batch at a time.
#[derive(Debug)]
pub(super) struct Retention {
    keep: time::Duration,
    due: Instant,
    /// Number of records deleted this time.
    deleted: u64,
}

impl Retention {
    pub(super) fn new(keep: time::Duration) -> Self {
        Self {
            keep,
            due: Instant::now() + FIRST,
            deleted: 0,
        }
    }

    /// Returns when the next step is due.
    pub(super) fn due(&self) -> Instant {
        self.due
    }

    /// Deletes one batch.
    pub(super) async fn step(&mut self, store: &Store) {
        let before = OffsetDateTime::now_utc().saturating_sub(self.keep);
        let deleted = match store.prune_audit(before, BATCH).await {
            Ok(deleted) => deleted,
            Err(error) => {
                tracing::warn!(error = %Chain(&error), "old records of the audit log could not be deleted");
                0
            }
        };
        self.deleted += deleted;
        if deleted > 0 {
            self.due = Instant::now() + PAUSE;
            return;
        }
        self.due = Instant::now() + EVERY;
        let deleted = std::mem::take(&mut self.deleted);
        if deleted > 0 {
            tracing::info!(deleted, "old records of the audit log were deleted");
        }
    }
}
