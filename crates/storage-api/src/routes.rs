//! The route table.

mod audit;
mod backends;
mod discover;
mod docs;
mod endpoint;
mod health;
mod problems;

use actix_web::web::{self, ServiceConfig};
use storage_domain::Role;

use crate::access::Need;
use endpoint::Endpoint;

/// Reads what the database has.
const VIEWER: Need = Need::Role(Role::Viewer);
/// Makes the service ask storage.
const OPERATOR: Need = Need::Role(Role::Operator);
/// Changes.
const ADMIN: Need = Need::Role(Role::Admin);
/// What tells nothing of what is stored: whether the service works, and how to use it.
const OPEN: Need = Need::Nothing;

/// Where the API begins.
pub(crate) const BASE: &str = "/api/v1";

/// Every path, with what each of its methods needs and who handles it; whatever answers GET answers HEAD too.
pub(crate) fn table() -> Vec<Endpoint> {
    vec![
        Endpoint::at("/api/v1/storage/backends")
            .get(VIEWER, backends::list)
            .post(ADMIN, backends::create),
        Endpoint::at("/api/v1/storage/backends/{id}")
            .get(VIEWER, backends::get)
            .patch(ADMIN, backends::update)
            .delete(ADMIN, backends::delete),
        Endpoint::at("/api/v1/storage/backends/{id}/test").post(OPERATOR, backends::test),
        Endpoint::at("/api/v1/storage/backends/{id}/luns").get(OPERATOR, backends::luns),
        Endpoint::at("/api/v1/storage/discover/iscsi").get(OPERATOR, discover::iscsi),
        Endpoint::at("/api/v1/storage/discover/nfs").get(OPERATOR, discover::nfs),
        Endpoint::at("/api/v1/storage/discover/s3").post(OPERATOR, discover::s3),
        Endpoint::at("/api/v1/storage/audit").get(ADMIN, audit::list),
        Endpoint::at("/api/v1/openapi.json").get(OPEN, docs::openapi),
        Endpoint::at("/docs").get(OPEN, docs::redirect),
        Endpoint::at("/docs/{file:.*}").get(OPEN, docs::swagger_ui),
        Endpoint::at("/problems/{code}").get(OPEN, problems::get),
        Endpoint::at("/healthz").get(OPEN, health::alive),
        Endpoint::at("/readyz").get(OPEN, health::ready),
    ]
}

/// Puts the table into an application; whatever it does not name is not found.
pub(crate) fn configure(config: &mut ServiceConfig) {
    for endpoint in table() {
        config.service(endpoint.into_resource());
    }
    config.service(endpoint::unknown_path());
    config.default_service(web::to(endpoint::not_found));
}
