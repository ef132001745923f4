//! The REST API: use cases without web types, and thin handlers over them.

pub mod app;
mod chain;
mod dto;
mod error;
mod extract;
mod middleware;
pub mod openapi;
pub mod problem;
mod routes;
mod state;
#[cfg(test)]
mod tests;

pub use app::{App, AppSettings};

use std::sync::Arc;

use actix_web::web::{Data, ServiceConfig};

use state::State;

/// Configures an actix application with every route, the same for production and tests.
pub fn configure(app: Arc<App>) -> impl FnOnce(&mut ServiceConfig) + Clone {
    let state = State::new(app);
    move |config: &mut ServiceConfig| {
        config.app_data(Data::new(state));
        routes::configure(config);
    }
}
