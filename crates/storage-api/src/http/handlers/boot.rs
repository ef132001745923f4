//! What machines boot from, and what they have fetched.

use actix_web::http::header::HOST;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};

use crate::dto::{self, BootStatsDto, CheckedDto, One};
use crate::error::ApiError;
use crate::http::extract::{HeldPermit, Id};
use crate::http::state::State;

type Answer = Result<HttpResponse, ApiError>;

/// `GET /storage/backends/{id}/boot-check`
pub(crate) async fn check(
    state: Data<State>,
    Id(id): Id,
    HeldPermit(_until_the_end): HeldPermit,
    request: HttpRequest,
) -> Answer {
    let path = dto::file_path(request.query_string())?;
    let host = request.headers().get(HOST).and_then(|host| host.to_str().ok());
    let checked = state.boot.check(id, &path, host).await?;
    Ok(HttpResponse::Ok().json(One::new(CheckedDto::from(checked))))
}

/// `GET /storage/boot/stats`
pub(crate) async fn stats(state: Data<State>) -> Answer {
    let (since, counts, names) = state.boot.fetched().await?;
    Ok(HttpResponse::Ok().json(One::new(BootStatsDto::new(since, &counts, names))))
}
