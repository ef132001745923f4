//! The REST API: use cases without web types, and thin handlers over them.

pub mod app;
pub mod openapi;

pub use app::{App, AppSettings};

use std::sync::Arc;

use actix_web::web::ServiceConfig;

/// Configures an actix application with every route, the same for production and tests.
pub fn configure(_app: Arc<App>) -> impl FnOnce(&mut ServiceConfig) + Clone {
    |_config: &mut ServiceConfig| {}
}
