//! The meaning of the codes of problems, to which their `type` leads.

use actix_web::{HttpRequest, HttpResponse};
use serde_json::json;

use crate::dto::One;
use crate::error::ApiError;
use crate::problem::Code;

/// `GET /problems/{code}`
pub(crate) async fn get(request: HttpRequest) -> Result<HttpResponse, ApiError> {
    let word = request.match_info().get("code").unwrap_or_default();
    let Some(code) = Code::ALL.iter().find(|code| code.as_str() == word) else {
        let detail = "There is no such problem code; docs/api.md lists them";
        return Err(ApiError::new(Code::NotFound, detail));
    };
    Ok(HttpResponse::Ok().json(One::new(json!({
        "code": code.as_str(),
        "status": code.status(),
        "title": code.title(),
        "remedy": code.remedy(),
    }))))
}
