//! The audit trail: who did what, written to the database and to the log.
//!
//! Records go through one queue to one writer, which takes as many as there are at once. A change is answered after its
//! record is written, or after [`PATIENCE`]; everything else does not wait. `docs/decisions/audit.md` says why.

mod note;
mod pending;
mod writer;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use storage_domain::access::AuditRecord;
use storage_persistence::Store;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};

pub(crate) use self::note::{Note, action_of};
pub(crate) use self::pending::Pending;

/// How many records wait for the database before further ones are only logged.
const MAX_WAITING: usize = 1024;
/// How long the answer to a change waits for its record.
const PATIENCE: Duration = Duration::from_secs(2);

/// What waits for the writer.
struct Entry {
    /// `None`: only what came before is waited for.
    record: Option<AuditRecord>,
    /// Told when it is written; dropped where that could not be done at once.
    written: Option<oneshot::Sender<()>>,
}

/// Where records go.
#[derive(Debug, Clone)]
pub(crate) struct Trail {
    queue: mpsc::Sender<Entry>,
    lost: Arc<AtomicU64>,
}

impl Trail {
    /// A trail whose records are kept for `retention`, or for ever. The writer runs on `runtime`.
    pub(crate) fn new(store: Store, retention: Option<time::Duration>, runtime: &Handle) -> Self {
        let (queue, entries) = mpsc::channel(MAX_WAITING);
        let lost = Arc::<AtomicU64>::default();
        runtime.spawn(writer::run(store, entries, retention, Arc::clone(&lost)));
        Self { queue, lost }
    }

    /// Records something, and does not wait.
    pub(crate) fn record(&self, record: AuditRecord) {
        self.put(record, None);
    }

    /// Records something, and waits until it is written, or for [`PATIENCE`].
    pub(crate) async fn record_now(&self, record: AuditRecord) {
        let (written, told) = oneshot::channel();
        self.put(record, Some(written));
        let _ = tokio::time::timeout(PATIENCE, told).await;
    }

    fn put(&self, record: AuditRecord, written: Option<oneshot::Sender<()>>) {
        log(&record);
        let entry = Entry {
            record: Some(record),
            written,
        };
        if self.queue.try_send(entry).is_err() {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Waits until everything that was recorded so far is written, at most so long.
    pub(crate) async fn flush(&self, within: Duration) {
        let all = async {
            let (written, told) = oneshot::channel();
            let mark = Entry {
                record: None,
                written: Some(written),
            };
            self.queue.send(mark).await.is_ok() && told.await.is_ok()
        };
        if !tokio::time::timeout(within, all).await.unwrap_or(false) {
            tracing::warn!("the audit trail could not be written to its end; the log has what is missing");
        }
    }
}

/// One line a record, with the target `audit`.
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
