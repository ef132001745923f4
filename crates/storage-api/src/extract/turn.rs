//! The client's turn.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpMessage as _, HttpRequest};

use crate::error::ApiError;
use crate::service::Permit;

/// The turn of the client that asks, for the work to hold.
#[derive(Debug)]
pub(crate) struct Turn(pub(crate) Permit);

impl FromRequest for Turn {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let permit = request.extensions_mut().remove::<Permit>();
        ready(Ok(Self(permit.unwrap_or_default())))
    }
}
