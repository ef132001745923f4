//! A request that the trail is to tell of.

use std::collections::HashMap;
use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::{Duration, Instant};

use actix_web::http::StatusCode;
use actix_web::{HttpMessage as _, HttpRequest};
use storage_domain::access::{Actor, AuditRecord};

use super::{Note, Trail, action_of};
use crate::problem::Code;

/// How often the same refusal of the same client is recorded, so that a client with an old token does not fill the trail.
const SAME_REFUSAL: Duration = Duration::from_mins(1);
/// How many refusals are remembered for that.
const MAX_REFUSALS: usize = 1024;

/// A request under way. Where it is dropped before [`Pending::end`], its client has hung up: the trail tells of it
/// without a status, for the work may go on to its end.
#[derive(Debug)]
pub(crate) struct Pending {
    trail: Trail,
    request: HttpRequest,
    request_id: String,
    action: &'static str,
    is_over: bool,
}

impl Pending {
    /// Begins, where the trail tells of such requests at all.
    pub(crate) fn begin(trail: &Trail, request: &HttpRequest, request_id: &str) -> Option<Self> {
        let action = action_of(request.method(), request.match_pattern()?.as_str())?;
        Some(Self {
            trail: trail.clone(),
            request: request.clone(),
            request_id: request_id.to_owned(),
            action,
            is_over: false,
        })
    }

    /// Records how it ended. Reads are of interest only where they were refused.
    pub(crate) async fn end(mut self, status: StatusCode, code: Option<Code>) {
        self.is_over = true;
        let is_refused = matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN);
        if status == StatusCode::TOO_MANY_REQUESTS || (!is_refused && is_read(self.action)) {
            return;
        }
        if is_refused && !self.is_news(code) {
            return;
        }
        let mut record = self.so_far();
        record.status = Some(status.as_u16());
        record.error = code.map(|code| code.as_str().to_owned());
        if is_change(self.action) && !is_refused {
            self.trail.record_now(record).await;
        } else {
            self.trail.record(record);
        }
    }

    fn so_far(&self) -> AuditRecord {
        let mut record = AuditRecord::new(self.action);
        if let Some(actor) = self.request.extensions().get::<Actor>() {
            record = record.by(actor);
        }
        let note = Note::of(&self.request);
        record.address = self.address();
        record.method = Some(self.request.method().to_string());
        record.backend_id = note.backend_id;
        record.backend_name = note.backend_name;
        record.fields = note.fields;
        record.request_id = Some(self.request_id.clone());
        record
    }

    fn address(&self) -> Option<String> {
        Some(self.request.peer_addr()?.ip().to_canonical().to_string())
    }

    /// Whether this refusal was not recorded a moment ago.
    fn is_news(&self, code: Option<Code>) -> bool {
        type Refusal = (Option<String>, &'static str, Option<&'static str>);
        static SEEN: LazyLock<Mutex<HashMap<Refusal, Instant>>> = LazyLock::new(Mutex::default);
        let refusal = (self.address(), self.action, code.map(Code::as_str));
        let mut seen = SEEN.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.get(&refusal).is_some_and(|at| at.elapsed() < SAME_REFUSAL) {
            return false;
        }
        if seen.len() >= MAX_REFUSALS {
            seen.retain(|_, at| at.elapsed() < SAME_REFUSAL);
        }
        if seen.len() >= MAX_REFUSALS {
            seen.clear();
        }
        seen.insert(refusal, Instant::now());
        true
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        if !self.is_over && !is_read(self.action) {
            self.trail.record(self.so_far());
        }
    }
}

fn is_change(action: &str) -> bool {
    matches!(action, "backend.create" | "backend.update" | "backend.delete")
}

fn is_read(action: &str) -> bool {
    matches!(action, "backend.list" | "backend.read" | "audit.read")
}
