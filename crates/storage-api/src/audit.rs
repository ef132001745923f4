//! The audit log: who did what, written to the database and to the log.
//!
//! The store writes the record of a change in the transaction of the change. All other records go through one queue to
//! one writer, which takes as many as there are at once. `docs/decisions/audit.md` has the reasons.

mod denied;
mod entry;
mod retention;
mod writer;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use storage_domain::access::AuditRecord;
use storage_persistence::Store;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};

use self::denied::{Budgets, Standing};
pub use self::entry::AuditEntry;
pub(crate) use self::entry::{Kind, Loan};
use crate::limits::Client;

/// Queue places for changes that failed or changed nothing; further ones are only logged.
const MAX_CHANGES: usize = 1024;
/// Queue places for tests and discoveries besides.
const MAX_PROBES: usize = 256;
/// Queue places for denied requests besides.
const MAX_DENIED: usize = 128;
/// Time that the answer to a change waits for a record that is not in the change's transaction.
const PATIENCE: Duration = Duration::from_secs(2);

/// What waits for the writer.
struct Queued {
    /// `None`: only what came before is waited for.
    record: Option<AuditRecord>,
    /// Notified after the write; dropped if the database did not take it at once.
    written: Option<oneshot::Sender<()>>,
}

/// The audit log.
#[derive(Debug, Clone)]
pub(crate) struct AuditLog {
    queue: mpsc::Sender<Queued>,
    lost: Arc<AtomicU64>,
    budgets: Arc<Budgets>,
}

impl AuditLog {
    /// Keeps records for `retention`, or as long as the database. The writer runs on `runtime`.
    pub(crate) fn new(store: Store, retention: Option<time::Duration>, runtime: &Handle) -> Self {
        let (log, entries) = Self::unwritten();
        let lost = Arc::clone(&log.lost);
        runtime.spawn(writer::run(store, entries, retention, lost));
        log
    }

    fn unwritten() -> (Self, mpsc::Receiver<Queued>) {
        let (queue, entries) = mpsc::channel(MAX_CHANGES + MAX_PROBES + MAX_DENIED);
        let log = Self {
            queue,
            lost: Arc::default(),
            budgets: Arc::default(),
        };
        (log, entries)
    }

    /// Records a request that did not write its own record, within the budget of its kind. Of clients that nobody
    /// knows, the log has no more lines than the database has records.
    fn submit(
        &self,
        mut record: AuditRecord,
        kind: Kind,
        client: Client,
        written: Option<oneshot::Sender<()>>,
    ) {
        let standing = Standing::of(&record, kind);
        let left_out = self
            .budgets
            .admit(standing, kind, &record, client, Instant::now());
        if left_out.is_some() || standing != Standing::Stranger {
            log(&record);
        }
        let Some(left_out) = left_out else { return };
        if left_out > 0 {
            record.detail = Some(format!("{left_out} requests before this one have no record"));
        }
        self.enqueue(record, written, standing.reserved_places(kind));
    }

    /// Puts a record into the queue, if that leaves `reserved` places.
    fn enqueue(&self, record: AuditRecord, written: Option<oneshot::Sender<()>>, reserved: usize) {
        let queued = Queued {
            record: Some(record),
            written,
        };
        if self.queue.capacity() <= reserved || self.queue.try_send(queued).is_err() {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Waits until every record so far is written, at most `within`.
    pub(crate) async fn flush(&self, within: Duration) {
        let all = async {
            let (written, done) = oneshot::channel();
            let mark = Queued {
                record: None,
                written: Some(written),
            };
            self.queue.send(mark).await.is_ok() && done.await.is_ok()
        };
        if !tokio::time::timeout(within, all).await.unwrap_or(false) {
            tracing::warn!(
                "the end of the audit log could not be written; the service's log has what is missing"
            );
        }
    }
}

/// Writes one line a record, with the target `audit`.
fn log(record: &AuditRecord) {
    tracing::info!(
        target: "audit",
        action = record.action,
        actor = record.actor,
        how = record.how,
        role = record.role.map(storage_domain::Role::as_str),
        address = record.address,
        backend.id = record.backend_id,
        backend.name = record.backend_name,
        fields = (!record.fields.is_empty()).then(|| record.fields.join(",")),
        status = record.status,
        code = record.error,
        request_id = record.request_id,
        "audit"
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    /// While the database does not answer, nothing that matters less takes the place of a change.
    #[test]
    fn changes_find_a_place_whatever_else_waits() {
        let (log, mut entries) = AuditLog::unwritten();
        let put = |times: usize, action: &str, standing: Standing, kind: Kind| {
            for _ in 0..times {
                log.enqueue(AuditRecord::new(action), None, standing.reserved_places(kind));
            }
            log.lost.swap(0, Ordering::Relaxed)
        };
        assert_eq!(
            put(5000, "denied", Standing::Denied, Kind::Change),
            5000 - MAX_DENIED as u64
        );
        assert_eq!(
            put(5000, "probe", Standing::Done, Kind::Probe),
            5000 - MAX_PROBES as u64
        );
        assert_eq!(put(MAX_CHANGES, "change", Standing::Failed, Kind::Change), 0);
        assert_eq!(put(1, "change", Standing::Failed, Kind::Change), 1);
        let mut changes = 0;
        while let Ok(Queued {
            record: Some(record), ..
        }) = entries.try_recv()
        {
            changes += usize::from(record.action == "change");
        }
        assert_eq!(changes, MAX_CHANGES);
    }
}
