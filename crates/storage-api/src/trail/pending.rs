//! A request that the trail is to tell of.

use std::sync::Arc;

use actix_web::http::StatusCode;
use actix_web::{HttpMessage as _, HttpRequest};
use storage_domain::access::Actor;

use super::{Mark, Note, Refusal, Trail, action_of};
use crate::access::Client;
use crate::problem::Code;

/// A request under way. Where it is dropped before [`Pending::end`], its client has hung up: the trail tells of it
/// without a status, for the work may go on to its end; where that is a change that is done, its own record takes the
/// place of this one.
#[derive(Debug)]
pub(crate) struct Pending {
    trail: Trail,
    request: HttpRequest,
    mark: Arc<Mark>,
    is_over: bool,
}

impl Pending {
    /// Begins, where the trail tells of such requests at all.
    pub(crate) fn begin(trail: &Trail, request: &HttpRequest, request_id: &str) -> Option<Self> {
        let action = action_of(request.method(), request.match_pattern()?.as_str())?;
        let mark = Arc::new(Mark::new(action, request_id));
        request.extensions_mut().insert(Arc::clone(&mark));
        Some(Self {
            trail: trail.clone(),
            request: request.clone(),
            mark,
            is_over: false,
        })
    }

    /// Records how it ended, unless that was written together with what was done. Reads are of interest only where they
    /// were refused.
    pub(crate) async fn end(mut self, status: StatusCode, code: Option<Code>) {
        self.is_over = true;
        if self.mark.is_written() {
            return;
        }
        let is_refused = matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN);
        if status == StatusCode::TOO_MANY_REQUESTS || (!is_refused && is_read(self.mark.action)) {
            return;
        }
        let mut record = self.mark.last_record(&self.request);
        record.status = Some(status.as_u16());
        record.error = code.map(|code| code.as_str().to_owned());
        if is_refused || self.actor().is_none() {
            self.trail.record_refusal(record, self.refusal(code));
        } else if is_change(self.mark.action) {
            self.trail.record_now(record).await;
        } else {
            self.trail.record(record);
        }
    }

    /// Who asks; `None` until that is known.
    fn actor(&self) -> Option<Actor> {
        self.request.extensions().get().cloned()
    }

    fn refusal(&self, code: Option<Code>) -> Refusal {
        Refusal {
            client: Client::at(&self.request),
            actor: self.actor().map(|actor| (actor.name, actor.how)),
            action: self.mark.action,
            code: code.map(Code::as_str),
            backend: Note::of(&self.request).backend_id,
        }
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        if self.is_over || self.mark.is_written() || is_read(self.mark.action) {
            return;
        }
        let record = self.mark.last_record(&self.request);
        if self.actor().is_none() {
            // Nobody was let in, so nothing was done.
            self.trail.record_refusal(record, self.refusal(None));
        } else if is_change(self.mark.action) {
            self.trail.record_left(record);
        } else {
            self.trail.record(record);
        }
    }
}

fn is_change(action: &str) -> bool {
    matches!(action, "backend.create" | "backend.update" | "backend.delete")
}

fn is_read(action: &str) -> bool {
    matches!(action, "backend.list" | "backend.read" | "audit.read")
}
