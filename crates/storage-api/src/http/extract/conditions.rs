//! The conditional header fields.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::http::header::{IF_MATCH, IF_NONE_MATCH};
use actix_web::{FromRequest, HttpRequest};

use crate::error::ApiError;
use crate::service::Preconditions;

/// `If-Match` and `If-None-Match`; several lines of one field are one list (RFC 9110, section 5.3).
#[derive(Debug)]
pub(crate) struct Conditions(pub(crate) Preconditions);

impl FromRequest for Conditions {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Ok(Self(conditions(request))))
    }
}

/// Reads the conditions of a request.
fn conditions(request: &HttpRequest) -> Preconditions {
    let if_match = field(request, IF_MATCH.as_str());
    let if_none_match = field(request, IF_NONE_MATCH.as_str());
    Preconditions::new(if_match.as_deref(), if_none_match.as_deref())
}

/// Returns the value of a field; several lines are one list.
pub(crate) fn field(request: &HttpRequest, name: &str) -> Option<String> {
    let lines: Vec<String> = request
        .headers()
        .get_all(name)
        .map(|line| String::from_utf8_lossy(line.as_bytes()).into_owned())
        .collect();
    (!lines.is_empty()).then(|| lines.join(", "))
}
