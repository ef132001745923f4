//! The one that writes the trail.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use storage_domain::access::AuditRecord;
use storage_persistence::{MAX_AUDIT_BATCH, Store, StoreError};
use time::OffsetDateTime;
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep};

use super::Entry;
use crate::chain::Chain;

/// How long the writer waits before it tries again what the database did not take.
const AGAIN_AFTER: Duration = Duration::from_secs(1);
/// How often old records are looked for, and how long after the start first.
const PRUNE_EVERY: Duration = Duration::from_hours(1);
const FIRST_PRUNE: Duration = Duration::from_secs(30);
/// How many are deleted at once, so that nobody waits long for the database.
const PRUNE_BATCH: u64 = 500;

/// Writes what comes, until nobody can send any more.
pub(super) async fn run(
    store: Store,
    mut entries: mpsc::Receiver<Entry>,
    retention: Option<time::Duration>,
    lost: Arc<AtomicU64>,
) {
    let mut prune = interval_at(Instant::now() + FIRST_PRUNE, PRUNE_EVERY);
    prune.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut batch = Vec::new();
    loop {
        tokio::select! {
            taken = entries.recv_many(&mut batch, MAX_AUDIT_BATCH - 1) => {
                if taken == 0 {
                    return;
                }
                write(&store, &mut batch, &lost).await;
            }
            _ = prune.tick(), if retention.is_some() => {
                if let Some(retention) = retention {
                    shorten(&store, retention).await;
                }
            }
        }
    }
}

/// Writes a batch, again and again until the database takes it or refuses it for good.
async fn write(store: &Store, batch: &mut Vec<Entry>, lost: &AtomicU64) {
    let (mut records, mut waiting) = (Vec::with_capacity(batch.len() + 1), Vec::new());
    for Entry { record, written } in batch.drain(..) {
        records.extend(record);
        waiting.extend(written);
    }
    if let missing @ 1.. = lost.swap(0, Ordering::Relaxed) {
        let mut record = AuditRecord::new("audit.lost");
        record.detail = Some(format!(
            "{missing} records are in the log only, for the database did not answer"
        ));
        records.push(record);
    }
    let mut is_told = false;
    while !records.is_empty() {
        match store.add_audit(&records).await {
            Ok(()) => {
                if is_told {
                    tracing::info!("the audit trail is written again");
                }
                break;
            }
            Err(error @ StoreError::Unavailable(_)) => {
                // Nobody waits for a database that is away.
                waiting.clear();
                if !std::mem::replace(&mut is_told, true) {
                    tracing::error!(error = %Chain(&error), "the audit trail can't be written; its records wait");
                }
                sleep(AGAIN_AFTER).await;
            }
            Err(error) => {
                tracing::error!(error = %Chain(&error), records = records.len(), "records of the audit trail are in the log only");
                return;
            }
        }
    }
    for told in waiting {
        // Whoever waited may have gone.
        let _ = told.send(());
    }
}

async fn shorten(store: &Store, retention: time::Duration) {
    let before = OffsetDateTime::now_utc().saturating_sub(retention);
    let mut deleted = 0;
    loop {
        match store.prune_audit(before, PRUNE_BATCH).await {
            Ok(0) => break,
            Ok(some) => deleted += some,
            Err(error) => {
                tracing::warn!(error = %Chain(&error), "the audit trail could not be shortened");
                break;
            }
        }
    }
    if deleted > 0 {
        tracing::info!(deleted, "old records of the audit trail were deleted");
    }
}
