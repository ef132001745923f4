//! Jobs: long work on backends.

use actix_web::dev::Payload;
use actix_web::web::Data;
use actix_web::{FromRequest, HttpMessage as _, HttpRequest, HttpResponse};
use std::future::{Ready, ready};
use storage_domain::JobId;

use crate::audit::AuditEntry;
use crate::dto::{self, JobDto, List, One};
use crate::error::ApiError;
use crate::http::extract::IgnoredBody;
use crate::http::state::State;
use crate::service::AppError;

type Answer = Result<HttpResponse, ApiError>;

/// The id of the job in the path; anything but a UUID is the id of no job.
#[derive(Debug)]
pub(crate) struct Id(JobId);

impl FromRequest for Id {
    type Error = ApiError;
    type Future = Ready<Result<Self, ApiError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let id = request.match_info().get("job").and_then(|id| id.parse().ok());
        ready(id.map(Self).ok_or_else(|| AppError::NoJob.into()))
    }
}

/// `GET /storage/jobs`
pub(crate) async fn list(state: Data<State>, request: HttpRequest) -> Answer {
    let filter = dto::job_filter(request.query_string())?;
    let page = state.app.jobs(&filter).await?;
    let jobs = page.jobs.into_iter().map(JobDto::from).collect();
    Ok(HttpResponse::Ok().json(List::part(jobs, page.total)))
}

/// `GET /storage/jobs/{job}`
pub(crate) async fn get(state: Data<State>, Id(id): Id) -> Answer {
    let job = state.app.job(id).await?;
    Ok(HttpResponse::Ok().json(One::new(JobDto::from(job))))
}

/// `DELETE /storage/jobs/{job}`
pub(crate) async fn cancel(state: Data<State>, Id(id): Id, request: HttpRequest, _: IgnoredBody) -> Answer {
    let job = state.app.cancel_job(id).await?;
    if let Some(entry) = request.extensions_mut().get_mut::<AuditEntry>() {
        entry.set_backend_id(job.backend_id);
        entry.set_detail(&format!("job {id}, {}: {}", job.kind, job.subject));
    }
    Ok(HttpResponse::Ok().json(One::new(JobDto::from(job))))
}
