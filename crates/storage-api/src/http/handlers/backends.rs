//! The six endpoints of storage backends.

use actix_web::http::StatusCode;
use actix_web::http::header::{ContentType, ETAG, LOCATION, RETRY_AFTER};
use actix_web::web::Data;
use actix_web::{HttpMessage as _, HttpRequest, HttpResponse};
use serde_json::json;
use storage_domain::Backend;

use crate::audit::AuditEntry;
use crate::dto::{self, List, One, TargetDto, TestDto};
use crate::error::{ApiError, RETRY_AFTER_SECONDS};
use crate::http::extract::{Conditions, HeldPermit, Id, IgnoredBody, JsonBody, lend_entry};
use crate::http::state::State;
use crate::service::entity_tag;

type Answer = Result<HttpResponse, ApiError>;

/// `GET /storage/backends`
pub(crate) async fn list(state: Data<State>, request: HttpRequest) -> Answer {
    let filter = dto::list_filter(request.query_string())?;
    let listing = state.app.list(&filter).await?;
    let body = dto::list(listing).map_err(|_| ApiError::of_status(StatusCode::INTERNAL_SERVER_ERROR))?;
    Ok(HttpResponse::Ok().content_type(ContentType::json()).body(body))
}

/// `POST /storage/backends`
pub(crate) async fn create(state: Data<State>, request: HttpRequest, JsonBody(body): JsonBody) -> Answer {
    let entry = lend_entry(&request, StatusCode::CREATED);
    let created = state.app.create(dto::creation(body), entry).await?;
    let warnings = state.app.warnings(&created);
    let location = format!("/api/v1/storage/backends/{}", created.id);
    Ok(HttpResponse::Created()
        .insert_header((LOCATION, location))
        .insert_header((ETAG, entity_tag(created.version)))
        .json(One::with_message(created.as_shown(), dto::CREATED).with_warnings(warnings)))
}

/// `GET /storage/backends/{id}`
pub(crate) async fn get(state: Data<State>, Id(id): Id, Conditions(conditions): Conditions) -> Answer {
    let shown = state.app.show(id).await?;
    let tag = entity_tag(shown.version);
    if conditions.not_modified(&tag)? {
        return Ok(HttpResponse::NotModified().insert_header((ETAG, tag)).finish());
    }
    Ok(HttpResponse::Ok()
        .insert_header((ETAG, tag))
        .content_type(ContentType::json())
        .body(dto::one(&shown.json)))
}

/// `PATCH /storage/backends/{id}`
pub(crate) async fn update(
    state: Data<State>,
    Id(id): Id,
    Conditions(conditions): Conditions,
    request: HttpRequest,
    JsonBody(body): JsonBody,
) -> Answer {
    let entry = lend_entry(&request, StatusCode::OK);
    let updated = state.app.update(id, dto::update(body), conditions, entry).await?;
    let warnings = state.app.warnings(&updated);
    Ok(HttpResponse::Ok()
        .insert_header((ETAG, entity_tag(updated.version)))
        .json(One::with_message(updated.as_shown(), dto::UPDATED).with_warnings(warnings)))
}

/// `DELETE /storage/backends/{id}`
pub(crate) async fn delete(
    state: Data<State>,
    Id(id): Id,
    Conditions(conditions): Conditions,
    request: HttpRequest,
    _: IgnoredBody,
) -> Answer {
    let force = dto::wants_force(request.query_string())?;
    let entry = lend_entry(&request, StatusCode::OK);
    state.app.delete(id, force, conditions, entry).await?;
    let gone = json!({ "id": id.to_string() });
    Ok(HttpResponse::Ok().json(One::with_message(gone, dto::DELETED)))
}

/// `POST /storage/backends/{id}/test`
pub(crate) async fn test(
    state: Data<State>,
    Id(id): Id,
    HeldPermit(permit): HeldPermit,
    request: HttpRequest,
    _: IgnoredBody,
) -> Answer {
    let outcome = state.app.test(id, permit, name_backend(&request)).await?;
    let mut answer = HttpResponse::Ok();
    if outcome.stuck_since.is_some() {
        answer.insert_header((RETRY_AFTER, RETRY_AFTER_SECONDS.to_string()));
    }
    Ok(answer.json(One::new(TestDto::from(&*outcome))))
}

/// `POST /storage/test`
pub(crate) async fn try_config(
    state: Data<State>,
    HeldPermit(permit): HeldPermit,
    request: HttpRequest,
    JsonBody(body): JsonBody,
) -> Answer {
    let (draft, secrets_of) = dto::trial(body);
    if let Some(id) = secrets_of
        && let Some(entry) = request.extensions_mut().get_mut::<AuditEntry>()
    {
        entry.set_backend_id(id);
    }
    let outcome = state.app.test_config(draft, secrets_of, permit).await?;
    Ok(HttpResponse::Ok().json(One::new(TestDto::from(&outcome))))
}

/// `GET /storage/backends/{id}/luns`
pub(crate) async fn luns(
    state: Data<State>,
    Id(id): Id,
    HeldPermit(permit): HeldPermit,
    request: HttpRequest,
) -> Answer {
    let targets = state.app.luns(id, permit, name_backend(&request)).await?;
    Ok(HttpResponse::Ok().json(List::whole(targets.iter().map(TargetDto::from).collect())))
}

/// Names the backend in the audit entry of the request.
fn name_backend(request: &HttpRequest) -> impl FnOnce(&Backend) {
    |backend| {
        if let Some(entry) = request.extensions_mut().get_mut::<AuditEntry>() {
            entry.set_backend(backend);
        }
    }
}
