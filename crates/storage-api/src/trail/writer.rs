//! The one that writes the trail.

use std::slice;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use storage_domain::access::AuditRecord;
use storage_persistence::{MAX_AUDIT_BATCH, Store, StoreError};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep, sleep_until};

use super::Entry;
use super::pruning::Pruning;
use crate::chain::Chain;

/// How long the writer waits before it tries again what the database did not take.
const AGAIN_AFTER: Duration = Duration::from_secs(1);
/// The record that tells how many there are not.
const LOST: &str = "audit.lost";

/// Writes what comes, until nobody can send any more; in between, deletes what is old.
pub(super) async fn run(
    store: Store,
    mut entries: mpsc::Receiver<Entry>,
    retention: Option<time::Duration>,
    lost: Arc<AtomicU64>,
) {
    let mut pruning = retention.map(Pruning::new);
    let mut batch = Vec::new();
    loop {
        let due = pruning.as_ref().map_or_else(Instant::now, Pruning::due);
        tokio::select! {
            taken = entries.recv_many(&mut batch, MAX_AUDIT_BATCH - 1) => {
                if taken == 0 {
                    return;
                }
                write(&store, &mut batch, &lost).await;
            }
            () = sleep_until(due), if pruning.is_some() => {
                if let Some(pruning) = &mut pruning {
                    pruning.step(&store).await;
                }
            }
        }
    }
}

/// Writes a batch, and tells those who wait for it. Where the database refuses it for good, each record is tried by
/// itself, so that one does not take the others with it; those that are refused are counted as lost.
async fn write(store: &Store, batch: &mut Vec<Entry>, lost: &AtomicU64) {
    let (mut records, mut waiting) = (Vec::with_capacity(batch.len() + 1), Vec::new());
    for Entry { record, written } in batch.drain(..) {
        records.extend(record);
        waiting.extend(written);
    }
    let missing = lost.swap(0, Ordering::Relaxed);
    if missing > 0 {
        let mut record = AuditRecord::new(LOST);
        record.detail = Some(format!(
            "{missing} records are in the log only, for the database did not take them"
        ));
        records.push(record);
    }
    if !records.is_empty() && insist(store, &records, &mut waiting).await.is_err() {
        for record in &records {
            if let Err(error) = insist(store, slice::from_ref(record), &mut waiting).await {
                let of_itself = if record.action == LOST { missing } else { 1 };
                lost.fetch_add(of_itself, Ordering::Relaxed);
                waiting.clear();
                tracing::error!(error = %Chain(&error), action = record.action, "a record of the audit trail is in the log only");
            }
        }
    }
    for told in waiting {
        // Whoever waited may have gone.
        let _ = told.send(());
    }
}

/// Writes records, again and again until the database takes them.
///
/// # Errors
/// It refuses them for good.
async fn insist(
    store: &Store,
    records: &[AuditRecord],
    waiting: &mut Vec<oneshot::Sender<()>>,
) -> Result<(), StoreError> {
    let mut is_told = false;
    loop {
        match store.add_audit(records).await {
            Err(error @ StoreError::Unavailable(_)) => {
                // Nobody waits for a database that is away.
                waiting.clear();
                if !std::mem::replace(&mut is_told, true) {
                    tracing::error!(error = %Chain(&error), "the audit trail can't be written; its records wait");
                }
                sleep(AGAIN_AFTER).await;
            }
            Ok(()) if is_told => {
                tracing::info!("the audit trail is written again");
                return Ok(());
            }
            ended => return ended,
        }
    }
}

#[cfg(test)]
mod tests;
