//! The logical units of all iSCSI backends.

use actix_web::HttpResponse;
use actix_web::web::Data;

use crate::dto::{List, LogicalUnitDto};
use crate::error::ApiError;
use crate::http::state::State;

/// `GET /storage/luns`
pub(crate) async fn list(state: Data<State>) -> Result<HttpResponse, ApiError> {
    let seen = state.app.seen_luns().await?;
    let units = seen
        .iter()
        .flat_map(|(backend, targets)| LogicalUnitDto::all(backend, targets));
    Ok(HttpResponse::Ok().json(List::whole(units.collect())))
}
