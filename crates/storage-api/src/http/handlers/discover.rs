//! Discovery: what could be registered.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use storage_domain::s3::S3Account;

use crate::dto::{self, BucketDto, ExportDto, List, TargetDto};
use crate::error::ApiError;
use crate::http::extract::{HeldPermit, JsonBody};
use crate::http::state::State;
use crate::problem::{Code, Problem};

type Answer = Result<HttpResponse, ApiError>;

/// `POST /storage/discover/s3`
pub(crate) async fn s3(
    state: Data<State>,
    HeldPermit(permit): HeldPermit,
    JsonBody(body): JsonBody,
) -> Answer {
    let account = S3Account::parse(&body)
        .map_err(|wrong| Problem::of_input(Code::InvalidRequest, wrong.into_problems()))?;
    let found = state.app.discover_s3(account, permit).await?;
    let buckets = found.buckets.iter().map(BucketDto::from).collect();
    let message = found.left_out.map(|left_out| left_out.to_string());
    Ok(HttpResponse::Ok().json(List::whole(buckets).with_message(message)))
}

/// `GET /storage/discover/nfs`
pub(crate) async fn nfs(state: Data<State>, HeldPermit(permit): HeldPermit, request: HttpRequest) -> Answer {
    let server = dto::server(request.query_string())?;
    let found = state.app.discover_nfs(server, permit).await?;
    let exports = found.exports.iter().map(ExportDto::from).collect();
    Ok(HttpResponse::Ok().json(List::whole(exports)))
}

/// `GET /storage/discover/iscsi`
pub(crate) async fn iscsi(
    state: Data<State>,
    HeldPermit(permit): HeldPermit,
    request: HttpRequest,
) -> Answer {
    let portal = dto::portal(request.query_string())?;
    let targets = state.app.discover_iscsi(portal, permit).await?;
    Ok(HttpResponse::Ok().json(List::whole(targets.iter().map(TargetDto::from).collect())))
}
