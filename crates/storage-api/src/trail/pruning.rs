//! Deleting what is too old.

use std::time::Duration;

use storage_persistence::Store;
use time::OffsetDateTime;
use tokio::time::Instant;

use crate::chain::Chain;

/// How often old records are looked for, and how long after the start first.
const EVERY: Duration = Duration::from_hours(1);
const FIRST: Duration = Duration::from_secs(30);
/// How many are deleted at once, so that nobody waits long for the database, and how long after that the next ones: what
/// is to be written comes in between.
pub(super) const BATCH: u64 = 500;
const PAUSE: Duration = Duration::from_millis(100);

/// Deletes old records, a batch at a time.
#[derive(Debug)]
pub(super) struct Pruning {
    retention: time::Duration,
    due: Instant,
    /// How many this time.
    deleted: u64,
}

impl Pruning {
    pub(super) fn new(retention: time::Duration) -> Self {
        Self {
            retention,
            due: Instant::now() + FIRST,
            deleted: 0,
        }
    }

    /// When there is something to do.
    pub(super) fn due(&self) -> Instant {
        self.due
    }

    /// Deletes one batch.
    pub(super) async fn step(&mut self, store: &Store) {
        let before = OffsetDateTime::now_utc().saturating_sub(self.retention);
        let deleted = match store.prune_audit(before, BATCH).await {
            Ok(deleted) => deleted,
            Err(error) => {
                tracing::warn!(error = %Chain(&error), "the audit trail could not be shortened");
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
            tracing::info!(deleted, "old records of the audit trail were deleted");
        }
    }
}
