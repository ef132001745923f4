//! The boundary: what happens to every request and every answer.

mod answer;
mod request_id;

use std::panic::AssertUnwindSafe;
use std::time::Instant;

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage as _, HttpRequest, HttpResponse};
use futures_util::FutureExt as _;
use storage_domain::access::{Actor, AuditRecord};
use time::OffsetDateTime;
use tracing::Instrument as _;

use super::route::{Class, Policies, Policy};
use super::state::State;
use crate::audit::{AuditEntry, Kind, Loan};
use crate::auth::link::{Link, SignedLink};
use crate::error::ApiError;
use crate::limits::Source;
use crate::problem::Code;
use crate::service::{Permit, millis};
use answer::{add_headers, as_problem};
use request_id::RequestId;

/// The longest address (RFC 9110, section 4.1, asks for 8000 at least).
pub(crate) const MAX_URI_BYTES: usize = 8192;
/// The largest sum of header names and values.
pub(crate) const MAX_HEADER_BYTES: usize = 64 * 1024;
/// How much of a method is shown: every registered one is shorter.
const MAX_METHOD_BYTES: usize = 20;

/// Logs an answer at a level.
macro_rules! answered {
    ($level:ident, $visit:expr, $status:expr) => {
        tracing::$level!(
            method = short_method(&$visit.http),
            route = $visit.http.match_pattern().as_deref().unwrap_or("-"),
            status = $status.as_u16(),
            duration_ms = millis($visit.started.elapsed()),
            "answered"
        )
    };
}

/// A request under way.
struct Visit {
    state: State,
    policies: Policies,
    http: HttpRequest,
    id: RequestId,
    source: Source,
    started: Instant,
}

/// Leads a request from HTTP to its handler, and the answer back. It wraps each resource, so that a request may be
/// cloned here.
pub(crate) async fn cross(
    state: State,
    policies: Policies,
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let http = request.request().clone();
    let visit = Visit {
        id: RequestId::of(&http),
        source: state.access.source(&http),
        started: Instant::now(),
        state,
        policies,
        http,
    };
    let span = tracing::info_span!("request", request_id = %visit.id);
    visit.begin_entry();
    let answer = async {
        within_limits(&visit.http)?;
        if let Some(preflight) = visit.preflight() {
            return Ok(preflight);
        }
        let _permit = visit.admit().await?;
        let answer = next.call(request).await?;
        Ok::<_, Error>(answer.into_parts().1.map_into_boxed_body())
    };
    let answer = AssertUnwindSafe(answer)
        .catch_unwind()
        .instrument(span.clone())
        .await;
    let answer = answer.unwrap_or_else(|_| Err(ApiError::panicked().into()));
    // If no handler took it: the request is kept until its answer is sent.
    visit.http.extensions_mut().remove::<Permit>();
    let response = span.in_scope(|| visit.finished(answer));
    visit.record(&response).instrument(span).await;
    Ok(ServiceResponse::new(visit.http, response))
}

impl Visit {
    fn policy(&self) -> Option<&Policy> {
        self.policies.of(self.http.method())
    }

    /// Begins the audit entry of whatever is recorded even if its client hangs up.
    fn begin_entry(&self) {
        let kind = match self.policy().map(|policy| policy.class) {
            Some(Class::Probe) => Kind::Probe,
            Some(Class::Change | Class::Upload) => Kind::Change,
            Some(Class::Open | Class::Read | Class::Files) | None => return,
        };
        if let Some(entry) = self.entry(kind) {
            self.http.extensions_mut().insert(entry);
        }
    }

    fn entry(&self, kind: Kind) -> Option<AuditEntry> {
        let log = self.state.access.audit.as_ref()?;
        let action = self.policy()?.action?;
        let mut record = AuditRecord::new(action);
        record.address = self.source.address().map(|address| address.to_string());
        record.method = Some(self.http.method().to_string());
        record.backend_id = super::extract::backend_id(&self.http).map(|id| id.to_string());
        record.request_id = Some(self.id.as_str().to_owned());
        Some(AuditEntry::begin(log, kind, self.source.client(), record))
    }

    /// Answers a browser that asks whether a page may call.
    fn preflight(&self) -> Option<HttpResponse> {
        let cors = &self.state.access.cors;
        cors.preflight(&self.http, || self.policies.methods())
    }

    /// Admits a client that may do this, and keeps who it is with the request. The permit is kept there too, for the work
    /// to hold, and returned, because the request holds it as long as its client waits.
    async fn admit(&self) -> Result<Permit, ApiError> {
        let Some(role) = self.policies.role(self.http.method()) else {
            return Ok(Permit::none());
        };
        let access = &self.state.access;
        let link = self.link();
        let is_link = link.is_some();
        let actor = access.identify(&self.http, link, &self.source).await?;
        if let Some(entry) = self.http.extensions_mut().get_mut::<AuditEntry>() {
            entry.set_actor(&actor);
        }
        let class = self.policy().map(|policy| policy.class);
        // Whoever holds a link must not use up what its maker may ask for.
        let counted = Some(&actor).filter(|_| !is_link);
        let admitted = access.authorize(&actor, counted, &self.source, role);
        let admitted = admitted.and_then(|()| match class {
            Some(Class::Probe) => Ok(access.limits.probe(counted, &self.source)?),
            Some(Class::Files | Class::Upload) => Ok(access.limits.files(counted, &self.source)?),
            Some(Class::Open | Class::Read | Class::Change) | None => Ok(None),
        });
        self.http.extensions_mut().insert(actor);
        let permit = admitted?.map(Permit::holding).unwrap_or_default();
        self.http.extensions_mut().insert(permit.clone());
        Ok(permit)
    }

    /// Returns the link by which a request comes, if the route takes links.
    fn link(&self) -> Option<Result<Link, ApiError>> {
        self.policy().filter(|policy| policy.takes_links)?;
        let link = SignedLink::of(&self.http, super::extract::backend_id(&self.http))?;
        let keys = self.state.app.link_keys();
        Some(link.and_then(|link| link.verify(&keys, OffsetDateTime::now_utc())))
    }

    fn finished(&self, answer: Result<HttpResponse, Error>) -> HttpResponse {
        let mut response = answer.unwrap_or_else(HttpResponse::from_error);
        if response.status().is_client_error() || response.status().is_server_error() {
            response = as_problem(response, &self.http, &self.id);
        }
        self.state
            .access
            .cors
            .decorate(&self.http, response.headers_mut());
        add_headers(&mut response, &self.id);
        self.log(&response);
        response
    }

    /// Writes one line a request; the span adds its id. What only reads and succeeds matters only in a search for a
    /// fault: the web UI asks every few seconds, and a line each would wear out a flash card. Strangers, and clients over
    /// their rate, have a number of lines between them.
    fn log(&self, response: &HttpResponse) {
        let status = response.status();
        let is_fine = status.is_success() || status.is_redirection();
        let is_bounded = status == 429 || !self.http.extensions().contains::<Actor>();
        if is_fine && (self.http.method().is_safe() || is_bounded) {
            answered!(debug, self, status);
        } else if !is_bounded || self.state.access.may_log_stranger() {
            answered!(info, self, status);
        } else {
            answered!(debug, self, status);
        }
    }

    /// Finishes the audit entry, unless it was written together with what was done. A read is recorded only if it was
    /// denied, and a client over its rate not at all.
    async fn record(&self, response: &HttpResponse) {
        let status = response.status();
        let lent = self.http.extensions_mut().remove::<Loan>();
        let entry = match lent {
            Some(loan) => loan.returned(),
            None => self.http.extensions_mut().remove::<AuditEntry>(),
        };
        let entry = entry.or_else(|| self.denied_read(status.as_u16()));
        let Some(entry) = entry else { return };
        if status == 429 {
            return entry.discard();
        }
        let code = response.extensions().get::<Code>().map(|code| code.as_str());
        entry.finish(status, code).await;
    }

    fn denied_read(&self, status: u16) -> Option<AuditEntry> {
        let is_read = self
            .policy()
            .is_some_and(|policy| matches!(policy.class, Class::Read | Class::Files));
        if !is_read || !matches!(status, 401 | 403) {
            return None;
        }
        let mut entry = self.entry(Kind::Read)?;
        if let Some(actor) = self.http.extensions().get::<Actor>() {
            entry.set_actor(actor);
        }
        Some(entry)
    }
}

/// Returns the method, cut short: a client may make one up that is as long as a head.
pub(super) fn short_method(request: &HttpRequest) -> &str {
    let method = request.method().as_str();
    method.get(..MAX_METHOD_BYTES).unwrap_or(method)
}

fn within_limits(request: &HttpRequest) -> Result<(), ApiError> {
    let uri = request.uri().path_and_query().map_or(0, |p| p.as_str().len());
    if uri > MAX_URI_BYTES {
        let detail = format!("The address is longer than {MAX_URI_BYTES} bytes; shorten the query");
        return Err(ApiError::new(Code::UriTooLong, detail));
    }
    let headers: usize = request
        .headers()
        .iter()
        .map(|(k, v)| k.as_str().len() + v.len())
        .sum();
    if headers > MAX_HEADER_BYTES {
        let detail = format!("The header fields are larger than {MAX_HEADER_BYTES} bytes; send fewer");
        return Err(ApiError::new(Code::HeadersTooLarge, detail));
    }
    Ok(())
}
