//! Bodies, read under a limit of size and time.

use std::time::Duration;

use actix_web::dev::Payload;
use actix_web::http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use actix_web::web::{Bytes, BytesMut};
use actix_web::{FromRequest, HttpRequest};
use futures_util::StreamExt as _;
use futures_util::future::LocalBoxFuture;
use serde_json::{Map, Value};

use super::json;
use crate::error::ApiError;
use crate::problem::Code;

/// The largest body, in bytes.
pub(crate) const MAX_BODY_BYTES: usize = 64 * 1024;
/// Time in which a body has to arrive.
const BODY_DEADLINE: Duration = Duration::from_secs(30);

/// A body that is one JSON object.
#[derive(Debug)]
pub(crate) struct JsonBody(pub(crate) Map<String, Value>);

/// A body of which only the size matters, because some clients send one with every call.
#[derive(Debug)]
pub(crate) struct IgnoredBody;

impl FromRequest for JsonBody {
    type Error = ApiError;
    type Future = LocalBoxFuture<'static, Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (request, payload) = (request.clone(), payload.take());
        Box::pin(async move {
            let body = read(&request, payload).await?;
            accept_media_type(&request, body.is_empty())?;
            json::object(&body).map(Self)
        })
    }
}

impl FromRequest for IgnoredBody {
    type Error = ApiError;
    type Future = LocalBoxFuture<'static, Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (request, payload) = (request.clone(), payload.take());
        Box::pin(async move { read(&request, payload).await.map(|_| Self) })
    }
}

async fn read(request: &HttpRequest, payload: Payload) -> Result<Bytes, ApiError> {
    let announced = request.headers().get(CONTENT_LENGTH);
    let announced = announced.and_then(|n| n.to_str().ok()?.parse::<usize>().ok());
    if announced.is_some_and(|n| n > MAX_BODY_BYTES) {
        return Err(too_large());
    }
    tokio::time::timeout(BODY_DEADLINE, collect(payload))
        .await
        .unwrap_or_else(|_| {
            Err(ApiError::new(
                Code::RequestTimeout,
                "The body did not arrive in time",
            ))
        })
}

async fn collect(mut payload: Payload) -> Result<Bytes, ApiError> {
    let mut body = BytesMut::new();
    while let Some(chunk) = payload.next().await {
        let chunk = chunk.map_err(|_| ApiError::new(Code::BadRequest, "The body broke off on its way"))?;
        if body.len() + chunk.len() > MAX_BODY_BYTES {
            return Err(too_large());
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.freeze())
}

fn too_large() -> ApiError {
    let detail = format!("The body is larger than {MAX_BODY_BYTES} bytes; send a smaller one");
    ApiError::new(Code::PayloadTooLarge, detail)
}

/// Accepts `application/json` with any parameters; an empty body needs no type.
fn accept_media_type(request: &HttpRequest, is_empty: bool) -> Result<(), ApiError> {
    let field = |name| request.headers().get(name).map(|v| v.to_str().unwrap_or(""));
    let coding = field(CONTENT_ENCODING).filter(|c| !c.eq_ignore_ascii_case("identity"));
    let is_json = match field(CONTENT_TYPE) {
        None => is_empty,
        Some(value) => {
            let essence = value.split(';').next().unwrap_or("").trim();
            essence.eq_ignore_ascii_case("application/json")
        }
    };
    if is_json && coding.is_none() {
        return Ok(());
    }
    let detail = "The body must be sent as Content-Type: application/json, without a content coding";
    let problem = crate::problem::Problem::new(Code::UnsupportedMediaType, detail);
    Err(problem
        .with_header("accept", "application/json")
        .with_header("accept-encoding", "identity")
        .into())
}
