//! Extractors that validate what they take from a request.

mod body;
mod conditions;
mod json;

pub(crate) use body::{IgnoredBody, JsonBody, MAX_BODY_BYTES};
pub(crate) use conditions::{Conditions, field};

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::http::StatusCode;
use actix_web::{FromRequest, HttpMessage as _, HttpRequest};
use storage_domain::BackendId;

use crate::audit::AuditEntry;
use crate::error::ApiError;
use crate::service::Permit;

/// The id in the path; anything but a UUID is the id of no backend.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Id(pub(crate) BackendId);

/// Returns the id in the path, if there is one.
pub(super) fn backend_id(request: &HttpRequest) -> Option<BackendId> {
    request.match_info().get("id")?.parse().ok()
}

impl FromRequest for Id {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(
            backend_id(request)
                .map(Self)
                .ok_or_else(ApiError::backend_not_found),
        )
    }
}

/// The client's permit, for the work to hold.
#[derive(Debug)]
pub(crate) struct HeldPermit(pub(crate) Permit);

impl FromRequest for HeldPermit {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let permit = request.extensions_mut().remove().unwrap_or_default();
        ready(Ok(Self(permit)))
    }
}

/// Lends the audit entry of a request to a change, which is answered with `status` if it is done.
pub(crate) fn lend_entry(request: &HttpRequest, status: StatusCode) -> AuditEntry {
    let entry: AuditEntry = request.extensions_mut().remove().unwrap_or_default();
    let (entry, loan) = entry.lend(status);
    if let Some(loan) = loan {
        request.extensions_mut().insert(loan);
    }
    entry
}
