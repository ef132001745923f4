//! HTTP: the route table, what goes through it, and the OpenAPI document that comes from it.

pub(crate) mod boundary;
pub(crate) mod download;
pub(crate) mod extract;
mod handlers;
pub mod openapi;
mod parameter;
pub(crate) mod route;
pub(crate) mod routes;
pub(crate) mod state;
mod upload;

use std::sync::Arc;

use actix_web::web::{Data, ServiceConfig};

use self::state::State;
use crate::access::Access;
use crate::boot::Boot;
use crate::service::App;

/// Configures an actix application with every route, for everybody.
pub fn configure(app: Arc<App>) -> impl FnOnce(&mut ServiceConfig) + Clone {
    configure_guarded(app, Arc::new(Access::off()))
}

/// Configures an actix application with every route, without a boot listener.
pub fn configure_guarded(app: Arc<App>, access: Arc<Access>) -> impl FnOnce(&mut ServiceConfig) + Clone {
    let boot = Boot::new(Arc::clone(&app), Arc::clone(&access), Vec::new(), Vec::new());
    configure_booting(app, access, boot)
}

/// Configures an actix application with every route, beside a boot listener.
pub fn configure_booting(
    app: Arc<App>,
    access: Arc<Access>,
    boot: Arc<Boot>,
) -> impl FnOnce(&mut ServiceConfig) + Clone {
    let state = State::new(app, access, boot, &openapi::SERVED);
    move |config: &mut ServiceConfig| {
        config.app_data(Data::new(state.clone()));
        routes::configure(config, &state);
    }
}
