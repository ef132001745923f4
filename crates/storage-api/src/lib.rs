//! The REST API: use cases without web types, and thin handlers over them.

pub mod access;
mod chain;
mod dto;
mod ending;
mod error;
mod extract;
mod middleware;
pub mod openapi;
pub mod problem;
mod routes;
pub mod service;
mod state;
mod supervisor;
#[cfg(test)]
mod tests;
mod trail;

pub use access::{Access, AccessSettings, Auth, JwtSettings, LimitSettings};
pub use service::{App, AppSettings};

use std::sync::Arc;

use actix_web::web::{Data, ServiceConfig};

use state::State;

/// Configures an actix application with every route, which asks nobody who they are.
pub fn configure(app: Arc<App>) -> impl FnOnce(&mut ServiceConfig) + Clone {
    configure_guarded(app, Arc::new(Access::off()))
}

/// Configures an actix application with every route, the same for production and tests.
pub fn configure_guarded(app: Arc<App>, access: Arc<Access>) -> impl FnOnce(&mut ServiceConfig) + Clone {
    let state = State::new(app, access);
    move |config: &mut ServiceConfig| {
        config.app_data(Data::new(state));
        routes::configure(config);
    }
}
