//! The audit entry of one request, owned by whoever finishes it.

use actix_web::http::StatusCode;
use storage_domain::access::{Actor, AuditId, AuditRecord};
use storage_domain::{Backend, BackendId};
use time::OffsetDateTime;
use tokio::sync::oneshot;

use super::{AuditLog, PATIENCE, log};
use crate::limits::Client;

/// What a request does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Read,
    Probe,
    Change,
}

/// The record of a request under way. A change takes it along and writes it in its transaction; the boundary finishes
/// every other one. If neither happens, because the client hung up, its drop records the outcome as unknown.
#[derive(Debug, Default)]
pub struct AuditEntry(Option<Box<Open>>);

#[derive(Debug)]
struct Open {
    record: AuditRecord,
    kind: Kind,
    client: Client,
    log: AuditLog,
    /// Whether the record has its final id.
    is_stamped: bool,
    /// Where it goes back to when the change drops it.
    lender: Option<oneshot::Sender<AuditEntry>>,
}

/// The other end of an entry that was lent to a change.
#[derive(Debug)]
pub(crate) struct Loan(oneshot::Receiver<AuditEntry>);

impl AuditEntry {
    /// Returns an entry of which nothing is recorded.
    pub fn none() -> Self {
        Self::default()
    }

    /// Begins the entry of a client's request. `record` has its action.
    pub(crate) fn begin(log: &AuditLog, kind: Kind, client: Client, record: AuditRecord) -> Self {
        Self(Some(Box::new(Open {
            record,
            kind,
            client,
            log: log.clone(),
            is_stamped: false,
            lender: None,
        })))
    }

    /// Sets the client, once it is known.
    pub(crate) fn set_actor(&mut self, actor: &Actor) {
        if let Some(open) = &mut self.0 {
            open.record = open.record.clone().by(actor);
        }
    }

    /// Sets the backend, for records that no store completes.
    pub fn set_backend(&mut self, backend: &Backend) {
        if let Some(open) = &mut self.0 {
            open.record.tell_backend(backend);
        }
    }

    /// Sets the backend by the id that a body names.
    pub(crate) fn set_backend_id(&mut self, id: BackendId) {
        if let Some(open) = &mut self.0 {
            open.record.backend_id = Some(id.to_string());
        }
    }

    /// Sets further information.
    pub(crate) fn set_detail(&mut self, detail: &str) {
        if let Some(open) = &mut self.0 {
            open.record.detail = Some(detail.to_owned());
        }
    }

    /// Sets the status of the answer, if the change alone knows it.
    pub(crate) fn set_status(&mut self, status: u16) {
        if let Some(open) = &mut self.0 {
            open.record.status = Some(status);
        }
    }

    /// Lends the entry to a change, which is answered with `status` if it is done.
    pub(crate) fn lend(mut self, status: StatusCode) -> (Self, Option<Loan>) {
        let loan = self.0.as_mut().map(|open| {
            let (lender, loan) = oneshot::channel();
            open.lender = Some(lender);
            open.record.status = Some(status.as_u16());
            Loan(loan)
        });
        (self, loan)
    }

    /// Returns the record for the transaction of the change.
    pub fn record(&mut self) -> Option<&mut AuditRecord> {
        let open = self.0.as_mut()?;
        open.stamp();
        Some(&mut open.record)
    }

    /// Ends the entry of a change whose record is committed.
    pub fn written(&mut self) {
        if let Some(open) = self.0.take() {
            log(&open.record);
        }
    }

    /// Drops the entry without a record.
    pub(crate) fn discard(mut self) {
        self.0 = None;
    }

    /// Records the answer. That of a change waits for it until it is written, or for [`PATIENCE`].
    pub(crate) async fn finish(mut self, status: StatusCode, error: Option<&'static str>) {
        let Some(mut open) = self.0.take() else { return };
        open.record.status = Some(status.as_u16());
        open.record.error = error.map(str::to_owned);
        if open.kind == Kind::Change && open.record.actor.is_some() {
            let (written, done) = oneshot::channel();
            open.submit(Some(written));
            let _ = tokio::time::timeout(PATIENCE, done).await;
        } else {
            open.submit(None);
        }
    }
}

impl Open {
    /// Sets the time, and at first the id: if nobody knows whether a commit came through, its failure must not become a
    /// second record.
    fn stamp(&mut self) {
        self.record.at = OffsetDateTime::now_utc();
        if !std::mem::replace(&mut self.is_stamped, true) {
            self.record.id = AuditId::generate();
        }
    }

    fn submit(mut self: Box<Self>, written: Option<oneshot::Sender<()>>) {
        self.stamp();
        let Self {
            record,
            kind,
            client,
            log,
            ..
        } = *self;
        log.submit(record, kind, client, written);
    }
}

impl Loan {
    /// Returns the entry if the change gave it back, which it does unless it wrote it.
    pub(crate) fn returned(mut self) -> Option<AuditEntry> {
        self.0.try_recv().ok()
    }
}

impl Drop for AuditEntry {
    fn drop(&mut self) {
        let Some(mut open) = self.0.take() else { return };
        let lender = open.lender.take();
        let entry = Self(Some(open));
        // Without a lender, or with one that is gone, nobody is left who knows the outcome.
        let Some(mut entry) = (match lender {
            Some(lender) => lender.send(entry).err(),
            None => Some(entry),
        }) else {
            return;
        };
        if let Some(mut open) = entry.0.take() {
            open.record.status = None;
            open.submit(None);
        }
    }
}
