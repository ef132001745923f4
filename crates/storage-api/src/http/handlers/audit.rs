//! The audit log.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};

use crate::dto::{self, AuditDto, List};
use crate::error::ApiError;
use crate::http::state::State;

/// `GET /storage/audit`
pub(crate) async fn list(state: Data<State>, request: HttpRequest) -> Result<HttpResponse, ApiError> {
    let filter = dto::audit_filter(request.query_string())?;
    let page = state.app.audit(&filter).await?;
    let records = page.records.iter().map(AuditDto::from).collect();
    Ok(HttpResponse::Ok().json(List::part(records, page.total)))
}
