//! The id that ties a request to its log lines.

use std::fmt;

use actix_web::HttpRequest;
use actix_web::http::header::{HeaderName, HeaderValue};
use uuid::Uuid;

pub(super) const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// The longest id that a client may choose.
pub(crate) const MAX_BYTES: usize = 128;

/// The id of one request: the client's own where that is 1 to [`MAX_BYTES`] visible ASCII characters, else a new one.
#[derive(Debug)]
pub(crate) struct RequestId(String);

impl RequestId {
    pub(crate) fn of(request: &HttpRequest) -> Self {
        let given = request.headers().get(X_REQUEST_ID).map(HeaderValue::as_bytes);
        let sane = |id: &&[u8]| (1..=MAX_BYTES).contains(&id.len()) && id.iter().all(u8::is_ascii_graphic);
        let given = given.filter(sane).and_then(|id| std::str::from_utf8(id).ok());
        Self(given.map_or_else(|| Uuid::now_v7().to_string(), str::to_owned))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
