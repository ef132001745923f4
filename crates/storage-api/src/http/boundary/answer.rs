//! The last step of every answer: problems and header fields.

use actix_web::http::header::{
    CONTENT_TYPE, HeaderValue, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use actix_web::{HttpRequest, HttpResponse};

use super::request_id::{RequestId, X_REQUEST_ID};
use crate::chain::Chain;
use crate::error::ApiError;
use crate::problem::{MEDIA_TYPE, Problem};

/// Renders the problem of an error, whichever layer answered it.
pub(super) fn as_problem(mut response: HttpResponse, request: &HttpRequest, id: &RequestId) -> HttpResponse {
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

/// Adds the header fields of every answer.
pub(super) fn add_headers(response: &mut HttpResponse, id: &RequestId) {
    let headers = response.headers_mut();
    if let Ok(id) = HeaderValue::from_str(id.as_str()) {
        headers.insert(X_REQUEST_ID, id);
    }
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
}
