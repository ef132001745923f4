//! Health: whether the process answers, and whether the service is ready.

use std::sync::Arc;

use actix_web::HttpResponse;
use actix_web::http::header::{CACHE_CONTROL, HeaderValue};
use actix_web::web::Data;
use serde_json::json;

use crate::dto::One;
use crate::error::{ApiError, RETRY_AFTER_SECONDS};
use crate::http::state::State;
use crate::problem::{Code, Problem};
use crate::service::AppError;

const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");

/// `GET /healthz`: the process answers.
pub(crate) async fn alive() -> HttpResponse {
    let body = One::new(json!({"status": "alive", "version": env!("CARGO_PKG_VERSION")}));
    HttpResponse::Ok()
        .insert_header((CACHE_CONTROL, NO_STORE))
        .json(body)
}

/// `GET /readyz`: the database answers and its schema is up to date.
pub(crate) async fn ready(state: Data<State>) -> Result<HttpResponse, ApiError> {
    match state.app.ready().await {
        Ok(()) => Ok(HttpResponse::Ok()
            .insert_header((CACHE_CONTROL, NO_STORE))
            .json(One::new(json!({"status": "ready"})))),
        Err(AppError::ShuttingDown) => Err(AppError::ShuttingDown.into()),
        Err(error) => {
            let detail = "The database does not answer, or its schema is not up to date";
            let problem = Problem::new(Code::NotReady, detail)
                .with_header("retry-after", RETRY_AFTER_SECONDS.to_string())
                .caused_by(Arc::new(error));
            Err(problem.into())
        }
    }
}
