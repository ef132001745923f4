//! Cross-origin resource sharing (<https://fetch.spec.whatwg.org/#http-cors-protocol>): off, unless origins are named.

use actix_web::http::Method;
use actix_web::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD, HeaderMap,
    HeaderValue, ORIGIN, VARY,
};
use actix_web::{HttpRequest, HttpResponse};
use serde_json::json;

/// Header fields that a page may send.
const ALLOWED: &str = "authorization, content-type, if-match, if-none-match, if-range, range, x-request-id";
/// Header fields that a page may read.
const EXPOSED: &str = "accept-ranges, content-disposition, content-range, etag, location, retry-after, www-authenticate, x-request-id";
/// Seconds in which a browser need not ask again.
const MAX_AGE: &str = "600";

/// The origins whose pages may use the service. They send no cookies: there are none, and credentials of the browser are
/// never allowed along.
#[derive(Debug, Default)]
pub(crate) struct Cors {
    origins: Vec<String>,
}

impl Cors {
    pub(crate) fn new(origins: Vec<String>) -> Self {
        Self { origins }
    }

    /// Returns whether pages of this origin may use the service.
    pub(crate) fn allows(&self, origin: &str) -> bool {
        self.origins
            .iter()
            .any(|known| known.eq_ignore_ascii_case(origin))
    }

    /// Answers a browser that asks beforehand, for a path that has these methods.
    pub(crate) fn preflight(
        &self,
        request: &HttpRequest,
        methods: impl FnOnce() -> String,
    ) -> Option<HttpResponse> {
        let asks = request.headers().contains_key(ACCESS_CONTROL_REQUEST_METHOD);
        if request.method() != Method::OPTIONS || !asks || self.origin(request).is_none() {
            return None;
        }
        let answer = HttpResponse::Ok()
            .insert_header((ACCESS_CONTROL_ALLOW_METHODS, methods()))
            .insert_header((ACCESS_CONTROL_ALLOW_HEADERS, ALLOWED))
            .insert_header((ACCESS_CONTROL_MAX_AGE, MAX_AGE))
            .json(json!({"success": true, "data": {}, "message": null}));
        Some(answer)
    }

    /// Lets a page of a named origin read the answer.
    pub(crate) fn decorate(&self, request: &HttpRequest, headers: &mut HeaderMap) {
        if self.origins.is_empty() {
            return;
        }
        headers.append(VARY, HeaderValue::from_static("Origin"));
        if let Some(origin) = self.origin(request) {
            headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
            headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(EXPOSED));
        }
    }

    fn origin<'a>(&self, request: &'a HttpRequest) -> Option<&'a HeaderValue> {
        let origin = request.headers().get(ORIGIN)?;
        origin.to_str().is_ok_and(|o| self.allows(o)).then_some(origin)
    }
}

/// Returns whether a text is an origin that `cors_origins` can name (RFC 6454, section 6.2).
pub(crate) fn is_origin(text: &str) -> bool {
    const MAX_BYTES: usize = 300;
    let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-.:[]".contains(c);
    let authority = text
        .strip_prefix("http://")
        .or_else(|| text.strip_prefix("https://"));
    text.len() <= MAX_BYTES && authority.is_some_and(|a| !a.is_empty() && a.chars().all(is_plain))
}
