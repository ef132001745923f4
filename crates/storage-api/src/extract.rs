//! Extractors that validate what they take from a request.

mod body;
mod conditions;
mod json;
mod turn;

pub(crate) use body::{IgnoredBody, JsonBody, MAX_BODY_BYTES};
pub(crate) use conditions::Conditions;
pub(crate) use turn::Turn;

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};
use storage_domain::BackendId;

use crate::error::ApiError;

/// The id in the path; one that is no UUID is the id of no backend.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Id(pub(crate) BackendId);

impl FromRequest for Id {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let id = request.match_info().get("id").and_then(|id| id.parse().ok());
        ready(id.map(Self).ok_or_else(ApiError::backend_not_found))
    }
}
