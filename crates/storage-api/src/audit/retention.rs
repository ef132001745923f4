//! Deletes records and jobs that are too old.

use std::time::Duration;

use storage_persistence::{Store, StoreError};
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
/// How long jobs are kept.
const KEEP_JOBS: time::Duration = time::Duration::WEEK;

/// Deletes old records and jobs, a batch at a time.
#[derive(Debug)]
pub(super) struct Retention {
    /// How long records are kept; `None` is as long as the database.
    keep: Option<time::Duration>,
    due: Instant,
    /// Number of rows deleted this time.
    deleted: u64,
}

impl Retention {
    pub(super) fn new(keep: Option<time::Duration>) -> Self {
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

    /// Deletes one batch of each.
    pub(super) async fn step(&mut self, store: &Store) {
        let now = OffsetDateTime::now_utc();
        let mut deleted = rows(store.prune_jobs(now.saturating_sub(KEEP_JOBS), BATCH).await);
        if let Some(keep) = self.keep {
            deleted += rows(store.prune_audit(now.saturating_sub(keep), BATCH).await);
        }
        self.deleted += deleted;
        if deleted > 0 {
            self.due = Instant::now() + PAUSE;
            return;
        }
        self.due = Instant::now() + EVERY;
        let deleted = std::mem::take(&mut self.deleted);
        if deleted > 0 {
            tracing::info!(
                deleted,
                "old records of the audit log, and old jobs, were deleted"
            );
        }
    }
}

fn rows(deleted: Result<u64, StoreError>) -> u64 {
    deleted.unwrap_or_else(|error| {
        tracing::warn!(error = %Chain(&error), "old records or jobs could not be deleted");
        0
    })
}
