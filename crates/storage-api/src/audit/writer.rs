//! Writes the audit log.

use std::slice;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use storage_domain::access::AuditRecord;
use storage_persistence::{MAX_AUDIT_BATCH, Store, StoreError};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{sleep, sleep_until};

use super::Queued;
use super::retention::Retention;
use crate::chain::Chain;

/// Time before the writer tries again what the database did not take.
const AGAIN_AFTER: Duration = Duration::from_secs(1);
/// Action of the record that has the number of lost ones.
const LOST: &str = "audit.lost";

/// Writes what is queued until every sender is gone, and deletes old records in between.
pub(super) async fn run(
    store: Store,
    mut entries: mpsc::Receiver<Queued>,
    retention: Option<time::Duration>,
    lost: Arc<AtomicU64>,
) {
    let mut retention = Retention::new(retention);
    let mut batch = Vec::new();
    loop {
        tokio::select! {
            taken = entries.recv_many(&mut batch, MAX_AUDIT_BATCH - 1) => {
                if taken == 0 {
                    return;
                }
                write(&store, &mut batch, &lost).await;
            }
            () = sleep_until(retention.due()) => retention.step(&store).await,
        }
    }
}

/// Writes a batch and notifies those that wait for it. If the database refuses it for good, each record is tried by itself,
/// so that one does not take the others along; those that are refused are counted as lost.
async fn write(store: &Store, batch: &mut Vec<Queued>, lost: &AtomicU64) {
    let (mut records, mut waiting) = (Vec::with_capacity(batch.len() + 1), Vec::new());
    for Queued { record, written } in batch.drain(..) {
        records.extend(record);
        waiting.extend(written);
    }
    let missing = lost.swap(0, Ordering::Relaxed);
    if missing > 0 {
        let mut record = AuditRecord::new(LOST);
        record.detail = Some(format!(
            "{missing} records are in the service's log only, because the database did not take them"
        ));
        records.push(record);
    }
    if !records.is_empty() && insist(store, &records, &mut waiting).await.is_err() {
        for record in &records {
            if let Err(error) = insist(store, slice::from_ref(record), &mut waiting).await {
                let of_itself = if record.action == LOST { missing } else { 1 };
                lost.fetch_add(of_itself, Ordering::Relaxed);
                waiting.clear();
                tracing::error!(error = %Chain(&error), action = record.action, "a record of the audit log is in the service's log only");
            }
        }
    }
    for written in waiting {
        // The request may have gone.
        let _ = written.send(());
    }
}

/// Writes records, again and again until the database takes them.
///
/// # Errors
/// The database refuses them for good.
async fn insist(
    store: &Store,
    records: &[AuditRecord],
    waiting: &mut Vec<oneshot::Sender<()>>,
) -> Result<(), StoreError> {
    let mut is_logged = false;
    loop {
        match store.add_audit(records).await {
            Err(error @ StoreError::Unavailable(_)) => {
                // No request waits for a database that is away.
                waiting.clear();
                if !std::mem::replace(&mut is_logged, true) {
                    tracing::error!(error = %Chain(&error), "the audit log can't be written; its records wait");
                }
                sleep(AGAIN_AFTER).await;
            }
            Ok(()) if is_logged => {
                tracing::info!("the audit log is written again");
                return Ok(());
            }
            ended => return ended,
        }
    }
}

#[cfg(test)]
mod tests;
