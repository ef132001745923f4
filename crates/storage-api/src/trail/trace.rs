//! What a request and the work that it began know of its record: the work goes on where the client hangs up.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use actix_web::http::StatusCode;
use actix_web::{HttpMessage as _, HttpRequest};
use storage_domain::Backend;
use storage_domain::access::{Actor, AuditId, AuditRecord};
use time::OffsetDateTime;

use super::{Note, log};

/// What there is to tell of a request; kept with it, and shared with its work.
#[derive(Debug)]
pub(crate) struct Mark {
    pub(super) action: &'static str,
    request_id: String,
    /// The same, whoever writes the record: so there is one.
    id: OnceLock<AuditId>,
    /// The backend that the work read.
    read: Mutex<Option<Note>>,
    is_written: AtomicBool,
}

impl Mark {
    pub(super) fn new(action: &'static str, request_id: &str) -> Self {
        Self {
            action,
            request_id: request_id.to_owned(),
            id: OnceLock::new(),
            read: Mutex::default(),
            is_written: AtomicBool::new(false),
        }
    }

    /// Whether the record is in the database, together with what it tells of.
    pub(super) fn is_written(&self) -> bool {
        self.is_written.load(Ordering::Acquire)
    }

    /// The record of a request that ends without one.
    pub(super) fn last_record(&self, request: &HttpRequest) -> AuditRecord {
        let mut record = self.record(request);
        record.id = self.id();
        record
    }

    /// What is known of the request by now.
    fn record(&self, request: &HttpRequest) -> AuditRecord {
        let mut record = AuditRecord::new(self.action);
        if let Some(actor) = request.extensions().get::<Actor>() {
            record = record.by(actor);
        }
        let read = self.read.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let note = read.unwrap_or_else(|| Note::of(request));
        record.address = address(request);
        record.method = Some(request.method().to_string());
        record.backend_id = note.backend_id;
        record.backend_name = note.backend_name;
        record.request_id = Some(self.request_id.clone());
        record
    }

    fn id(&self) -> AuditId {
        *self.id.get_or_init(AuditId::generate)
    }
}

fn address(request: &HttpRequest) -> Option<String> {
    Some(request.peer_addr()?.ip().to_canonical().to_string())
}

/// How the trail tells of a change: the store writes its record together with the change.
#[derive(Debug, Default)]
pub struct Trace(Option<(AuditRecord, Arc<Mark>)>);

impl Trace {
    /// Of a change that no trail tells of.
    pub fn none() -> Self {
        Self::default()
    }

    /// Of what this request asks for, which is answered with `status` where it is done.
    pub(crate) fn of(request: &HttpRequest, status: StatusCode) -> Self {
        let mark = request.extensions().get::<Arc<Mark>>().cloned();
        Self(mark.map(|mark| {
            let mut record = mark.record(request);
            record.status = Some(status.as_u16());
            (record, mark)
        }))
    }

    /// Notes which backend the work is about, for the record of its failure.
    pub(crate) fn saw(&self, backend: &Backend) {
        if let Some((_, mark)) = &self.0 {
            *mark.read.lock().unwrap_or_else(PoisonError::into_inner) = Some(Note::about(backend));
        }
    }

    /// The record, for the transaction of the change.
    pub(crate) fn record(&mut self) -> Option<&mut AuditRecord> {
        let (record, mark) = self.0.as_mut()?;
        (record.id, record.at) = (mark.id(), OffsetDateTime::now_utc());
        Some(record)
    }

    /// The change is done, and the record is written with it.
    pub(crate) fn written(self) {
        if let Some((record, mark)) = self.0 {
            mark.is_written.store(true, Ordering::Release);
            log(&record);
        }
    }
}
