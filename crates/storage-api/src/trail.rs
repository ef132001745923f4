//! The audit trail: who did what, written to the database and to the log.
//!
//! The record of a change that is done is written by the store, in the change's own transaction. All others go through
//! one queue to one writer, which takes as many as there are at once. A change that failed is answered after its record is
//! written, or after [`PATIENCE`]; everything else does not wait. `docs/decisions/audit.md` says why.

mod note;
mod pending;
mod pruning;
mod refusals;
mod trace;
mod writer;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use storage_domain::access::AuditRecord;
use storage_persistence::Store;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};

pub(crate) use self::note::{Note, action_of};
pub(crate) use self::pending::Pending;
use self::refusals::{Refusal, Refusals};
pub(crate) use self::trace::Mark;
pub use self::trace::Trace;

/// How many records of changes that failed wait for the database before further ones are only logged.
const MAX_CHANGES: usize = 1024;
/// How many places there are for tests, discoveries and refusals besides; they never take one of a change.
const MAX_OTHERS: usize = 256;
/// How many places there are for refusals besides; they never take one of anything else.
const MAX_REFUSALS: usize = 128;
/// How long the answer to a change that failed waits for its record.
const PATIENCE: Duration = Duration::from_secs(2);

/// What waits for the writer.
struct Entry {
    /// `None`: only what came before is waited for.
    record: Option<AuditRecord>,
    /// Told when it is written; dropped where that could not be done at once.
    written: Option<oneshot::Sender<()>>,
}

/// What a record is about, where there are too many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lane {
    Change,
    Other,
    Refusal,
}

impl Lane {
    /// How many places have to stay free for what is worth more.
    const fn leaves(self) -> usize {
        match self {
            Self::Change => 0,
            Self::Other => MAX_CHANGES,
            Self::Refusal => MAX_CHANGES + MAX_OTHERS,
        }
    }
}

/// Where records go.
#[derive(Debug, Clone)]
pub(crate) struct Trail {
    queue: mpsc::Sender<Entry>,
    lost: Arc<AtomicU64>,
    refusals: Arc<Refusals>,
}

impl Trail {
    /// A trail whose records are kept for `retention`, or for ever. The writer runs on `runtime`.
    pub(crate) fn new(store: Store, retention: Option<time::Duration>, runtime: &Handle) -> Self {
        let (trail, entries) = Self::unwritten();
        let lost = Arc::clone(&trail.lost);
        runtime.spawn(writer::run(store, entries, retention, lost));
        trail
    }

    fn unwritten() -> (Self, mpsc::Receiver<Entry>) {
        let (queue, entries) = mpsc::channel(MAX_CHANGES + MAX_OTHERS + MAX_REFUSALS);
        let trail = Self {
            queue,
            lost: Arc::default(),
            refusals: Arc::default(),
        };
        (trail, entries)
    }

    /// Records something that is no change, and does not wait.
    fn record(&self, record: AuditRecord) {
        log(&record);
        self.put(record, None, Lane::Other);
    }

    /// Records a change without waiting, for nobody is there who could.
    fn record_left(&self, record: AuditRecord) {
        log(&record);
        self.put(record, None, Lane::Change);
    }

    /// Records a change that failed or changed nothing, and waits until it is written, or for [`PATIENCE`].
    async fn record_now(&self, record: AuditRecord) {
        log(&record);
        let (written, told) = oneshot::channel();
        self.put(record, Some(written), Lane::Change);
        let _ = tokio::time::timeout(PATIENCE, told).await;
    }

    /// Records a refusal: in the log always, in the database where it is no repetition and there are not too many.
    fn record_refusal(&self, mut record: AuditRecord, refusal: Refusal) {
        log(&record);
        let Some(left_out) = self.refusals.admit(refusal, Instant::now()) else {
            return;
        };
        if left_out > 0 {
            record.detail = Some(format!("{left_out} refusals before this one are in the log only"));
        }
        self.put(record, None, Lane::Refusal);
    }

    fn put(&self, record: AuditRecord, written: Option<oneshot::Sender<()>>, lane: Lane) {
        let entry = Entry {
            record: Some(record),
            written,
        };
        if self.queue.capacity() <= lane.leaves() || self.queue.try_send(entry).is_err() {
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

#[cfg(test)]
mod tests {
    use super::*;

    /// While the database does not answer, nothing that is worth less takes the place of a change.
    #[test]
    fn changes_find_a_place_whatever_else_waits() {
        let (trail, mut entries) = Trail::unwritten();
        let put = |times: usize, action: &str, lane: Lane| {
            for _ in 0..times {
                trail.put(AuditRecord::new(action), None, lane);
            }
            trail.lost.swap(0, Ordering::Relaxed)
        };
        assert_eq!(put(5000, "refusal", Lane::Refusal), 5000 - MAX_REFUSALS as u64);
        assert_eq!(put(5000, "other", Lane::Other), 5000 - MAX_OTHERS as u64);
        assert_eq!(put(MAX_CHANGES, "change", Lane::Change), 0);
        assert_eq!(put(1, "change", Lane::Change), 1);
        let mut changes = 0;
        while let Ok(Entry {
            record: Some(record), ..
        }) = entries.try_recv()
        {
            changes += usize::from(record.action == "change");
        }
        assert_eq!(changes, MAX_CHANGES);
    }
}
