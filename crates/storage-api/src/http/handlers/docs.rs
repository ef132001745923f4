//! The OpenAPI document, and Swagger UI served from the binary.

use std::borrow::Cow;
use std::sync::{Arc, LazyLock};

use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, LOCATION};
use actix_web::web::{Bytes, Data};
use actix_web::{HttpRequest, HttpResponse};
use utoipa_swagger_ui::Config;

use crate::error::ApiError;
use crate::http::extract::Conditions;
use crate::http::state::State;
use crate::problem::Code;

/// Where Swagger UI finds the document.
static SWAGGER: LazyLock<Arc<Config<'static>>> =
    LazyLock::new(|| Arc::new(Config::from("/api/v1/openapi.json")));

/// `GET /api/v1/openapi.json`
pub(crate) async fn openapi(
    state: Data<State>,
    Conditions(conditions): Conditions,
) -> Result<HttpResponse, ApiError> {
    let document = &**state.document;
    let tag = document.entity_tag.clone();
    if conditions.not_modified(&tag)? {
        return Ok(HttpResponse::NotModified().insert_header((ETAG, tag)).finish());
    }
    Ok(HttpResponse::Ok()
        .insert_header((ETAG, tag))
        .insert_header((CACHE_CONTROL, "no-cache"))
        .insert_header((CONTENT_TYPE, "application/json"))
        .body(document.body.clone()))
}

/// `GET /docs`: the pages' own links need the slash.
pub(crate) async fn redirect() -> HttpResponse {
    HttpResponse::PermanentRedirect()
        .insert_header((LOCATION, "/docs/"))
        .json(serde_json::json!({"success": true, "data": {"location": "/docs/"}, "message": null}))
}

/// `GET /docs/…`: the files are parts of the binary, and are sent without a copy.
pub(crate) async fn swagger_ui(request: HttpRequest) -> Result<HttpResponse, ApiError> {
    let path = request.match_info().get("file").unwrap_or_default();
    let file = utoipa_swagger_ui::serve(path, Arc::clone(&SWAGGER))
        .ok()
        .flatten();
    let Some(file) = file else {
        return Err(ApiError::new(
            Code::NotFound,
            "There is no such page; begin at /docs/",
        ));
    };
    let body = match file.bytes {
        Cow::Borrowed(bytes) => Bytes::from_static(bytes),
        Cow::Owned(bytes) => Bytes::from(bytes),
    };
    Ok(HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, file.content_type))
        .insert_header((CACHE_CONTROL, "max-age=3600"))
        .body(body))
}
