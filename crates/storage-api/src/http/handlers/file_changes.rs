//! Changes of a backend's files.

use actix_web::http::header::LOCATION;
use actix_web::web::Data;
use actix_web::{HttpMessage as _, HttpRequest, HttpResponse};
use serde_json::{Map, Value, json};
use storage_domain::BackendId;

use crate::audit::AuditEntry;
use crate::dto::{self, FileDto, JobDto, One};
use crate::error::ApiError;
use crate::http::extract::{Id, JsonBody};
use crate::http::state::State;
use crate::service::Change;

type Answer = Result<HttpResponse, ApiError>;

/// `POST /storage/backends/{id}/folders`
pub(crate) async fn make_folder(
    state: Data<State>,
    Id(id): Id,
    request: HttpRequest,
    JsonBody(body): JsonBody,
) -> Answer {
    let path = dto::folder(body)?;
    record(&state, id, &request, path.as_str()).await?;
    let entry = state.app.make_folder(id, path.clone()).await?;
    let made = One::with_message(FileDto::new(&path, entry), dto::FOLDER_CREATED);
    Ok(HttpResponse::Created().json(made))
}

/// `POST /storage/backends/{id}/files/move`
pub(crate) async fn rename(
    state: Data<State>,
    Id(id): Id,
    request: HttpRequest,
    JsonBody(body): JsonBody,
) -> Answer {
    let (what, subject) = dto::movement(body)?;
    record(&state, id, &request, &subject).await?;
    Ok(match state.app.move_files(id, what, subject).await? {
        Change::Done(n) => done("moved", "Moved", n),
        Change::GoesOn(job) => goes_on(JobDto::from(*job)),
    })
}

/// `POST /storage/backends/{id}/files/delete`
pub(crate) async fn delete_all(
    state: Data<State>,
    Id(id): Id,
    request: HttpRequest,
    JsonBody(body): JsonBody,
) -> Answer {
    delete(&state, id, &request, body, true).await
}

/// `DELETE /storage/backends/{id}/files`
pub(crate) async fn delete_each(
    state: Data<State>,
    Id(id): Id,
    request: HttpRequest,
    JsonBody(body): JsonBody,
) -> Answer {
    delete(&state, id, &request, body, false).await
}

/// `POST /storage/backends/{id}/files/fetch`
pub(crate) async fn fetch(
    state: Data<State>,
    Id(id): Id,
    request: HttpRequest,
    JsonBody(body): JsonBody,
) -> Answer {
    let (url, path, expected, subject) = dto::fetch(body)?;
    record(&state, id, &request, &subject).await?;
    let job = state.app.fetch_file(id, url, path, expected, subject).await?;
    Ok(goes_on(JobDto::from(*job)))
}

/// `POST /storage/backends/{id}/files/hash`
pub(crate) async fn hash(
    state: Data<State>,
    Id(id): Id,
    request: HttpRequest,
    JsonBody(body): JsonBody,
) -> Answer {
    let (path, subject) = dto::one_file(body)?;
    record(&state, id, &request, &subject).await?;
    let job = state.app.hash_file(id, path, subject).await?;
    Ok(goes_on(JobDto::from(*job)))
}

async fn delete(
    state: &State,
    id: BackendId,
    request: &HttpRequest,
    body: Map<String, Value>,
    recursive_by_default: bool,
) -> Answer {
    let (paths, deletion, subject) = dto::deletion(body, recursive_by_default)?;
    record(state, id, request, &subject).await?;
    Ok(
        match state.app.delete_files(id, paths, deletion, subject).await? {
            Change::Done(n) => done("deleted", "Deleted", n),
            Change::GoesOn(job) => goes_on(JobDto::from(*job)),
        },
    )
}

fn done(member: &str, verb: &str, n: u64) -> HttpResponse {
    HttpResponse::Ok().json(One::with_message(
        json!({ member: n }),
        format!("{verb} {n} item(s)"),
    ))
}

fn goes_on(job: JobDto) -> HttpResponse {
    HttpResponse::Accepted()
        .insert_header((LOCATION, format!("/api/v1/storage/jobs/{}", job.id())))
        .json(One::with_message(job, dto::GOES_ON))
}

/// Names the backend and the paths in the audit entry of the request.
async fn record(state: &State, id: BackendId, request: &HttpRequest, detail: &str) -> Result<(), ApiError> {
    let (backend, _) = state.app.with_files(id).await?;
    if let Some(entry) = request.extensions_mut().get_mut::<AuditEntry>() {
        entry.set_backend(&backend);
        entry.set_detail(detail);
    }
    Ok(())
}
