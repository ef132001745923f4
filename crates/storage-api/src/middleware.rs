//! What happens to every request and every answer: its id, the limits, the problem, the log line.

mod request_id;

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Instant;

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{
    CONTENT_TYPE, HeaderName, HeaderValue, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use actix_web::middleware::Next;
use actix_web::web::Data;
use actix_web::{Error, HttpMessage as _, HttpRequest, HttpResponse};
use futures_util::FutureExt as _;
use tracing::Instrument as _;

use crate::access::{Need, Needs};
use crate::chain::Chain;
use crate::error::ApiError;
use crate::problem::{Code, MEDIA_TYPE, Problem};
use crate::service::{Permit, millis};
use crate::state::State;
use crate::trail::Pending;
use request_id::RequestId;

/// The longest address (RFC 9110, section 4.1, asks for 8000 at least).
pub(crate) const MAX_URI_BYTES: usize = 8192;
/// The largest sum of header names and values.
pub(crate) const MAX_HEADER_BYTES: usize = 64 * 1024;
const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Logs an answer at a level.
macro_rules! answered {
    ($level:ident, $request:expr, $status:expr, $started:expr) => {
        tracing::$level!(
            method = %$request.method(),
            route = $request.match_pattern().as_deref().unwrap_or("-"),
            status = $status.as_u16(),
            duration_ms = millis($started.elapsed()),
            "answered"
        )
    };
}

/// The boundary of what is open to everybody.
pub(crate) async fn boundary(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    cross(&Needs::new(Vec::new()), request, next).await
}

/// The boundary of a path whose methods need a role.
pub(crate) async fn guarded(
    needs: Arc<Needs>,
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    cross(&needs, request, next).await
}

/// The boundary between HTTP and the handlers. It wraps each resource, so that a request may be cloned here.
async fn cross(
    needs: &Needs,
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let started = Instant::now();
    let http = request.request().clone();
    let id = RequestId::of(&http);
    let span = tracing::info_span!("request", request_id = %id);
    let state = http.app_data::<Data<State>>().cloned();
    let trail = state.as_ref().and_then(|state| state.access.trail.as_ref());
    // Tells the trail of a client that hangs up, when it is dropped.
    let pending = trail.and_then(|trail| Pending::begin(trail, &http, id.as_str()));
    let answer = async {
        within_limits(&http)?;
        if let Some(preflight) = preflight(state.as_ref(), &http, needs) {
            return Ok(preflight);
        }
        let _permit = admit(state.as_ref(), &http, needs.of(http.method())).await?;
        let answer = next.call(request).await?;
        Ok::<_, Error>(answer.into_parts().1.map_into_boxed_body())
    };
    let answer = AssertUnwindSafe(answer)
        .catch_unwind()
        .instrument(span.clone())
        .await;
    let answer = answer.unwrap_or_else(|_| Err(ApiError::panicked().into()));
    // Whatever did not take it: the request is kept until its answer is sent.
    http.extensions_mut().remove::<Permit>();
    let mut response = span.in_scope(|| finished(answer, &http, &id));
    if let Some(pending) = pending {
        let code = response.extensions().get::<Code>().copied();
        pending
            .end(response.status(), code)
            .instrument(span.clone())
            .await;
    }
    if let Some(state) = &state {
        state.access.cors.decorate(&http, response.headers_mut());
    }
    span.in_scope(|| log(&http, &response, started));
    Ok(ServiceResponse::new(http, response))
}

/// The answer as it goes out, whoever gave it.
fn finished(answer: Result<HttpResponse, Error>, http: &HttpRequest, id: &RequestId) -> HttpResponse {
    let mut response = answer.unwrap_or_else(HttpResponse::from_error);
    if response.status().is_client_error() || response.status().is_server_error() {
        response = as_problem(response, http, id);
    }
    add_headers(&mut response, id);
    response
}

/// The answer to a browser that asks whether a page may call.
fn preflight(state: Option<&Data<State>>, request: &HttpRequest, needs: &Needs) -> Option<HttpResponse> {
    state?.access.cors.preflight(request, needs.methods())
}

/// Lets in who may do this, and tells the handlers who it is. The permit is kept with the request, for the work that it
/// asks for to hold, and answered, for the request to hold as long as somebody waits for it.
async fn admit(state: Option<&Data<State>>, request: &HttpRequest, need: Need) -> Result<Permit, ApiError> {
    if need == Need::Nothing {
        return Ok(Permit::none());
    }
    // Without a state nobody could be asked.
    let access = &state.ok_or_else(ApiError::panicked)?.access;
    let Some(actor) = access.admit(request, need).await? else {
        return Ok(Permit::none());
    };
    let turn = access.count(&actor, request, need)?;
    let permit = turn.map(Permit::holding).unwrap_or_default();
    let mut extensions = request.extensions_mut();
    extensions.insert(actor);
    extensions.insert(permit.clone());
    drop(extensions);
    Ok(permit)
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

/// Renders the problem of a refusal, whoever refused.
fn as_problem(mut response: HttpResponse, request: &HttpRequest, id: &RequestId) -> HttpResponse {
    let problem = response.extensions_mut().remove::<Problem>();
    let is_rendered = response
        .headers()
        .get(CONTENT_TYPE)
        .is_some_and(|t| t == MEDIA_TYPE);
    let error = match problem {
        Some(problem) => ApiError(problem),
        None if is_rendered => return response,
        None => ApiError::of_status(response.status()),
    };
    if let Some(cause) = &error.0.cause {
        tracing::error!(code = error.0.code.as_str(), error = %Chain(cause), "a request failed");
    }
    error.respond(Some(request.path()), Some(id.as_str()))
}

fn add_headers(response: &mut HttpResponse, id: &RequestId) {
    let headers = response.headers_mut();
    if let Ok(id) = HeaderValue::from_str(id.as_str()) {
        headers.insert(X_REQUEST_ID, id);
    }
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
}

/// One line a request; the span adds its id. What only reads and succeeds is of interest in a search for a fault only:
/// the web UI asks every few seconds, and a line each would wear out a flash card.
fn log(request: &HttpRequest, response: &HttpResponse, started: Instant) {
    let status = response.status();
    if request.method().is_safe() && (status.is_success() || status.is_redirection()) {
        answered!(debug, request, status, started);
    } else {
        answered!(info, request, status, started);
    }
}
