//! The route table.

mod backends;
mod discover;
mod docs;
mod endpoint;
mod health;
mod problems;

use actix_web::web::{self, ServiceConfig};

use endpoint::Endpoint;

/// Where the API begins.
pub(crate) const BASE: &str = "/api/v1";

/// Every path, with the handlers of its methods; whatever answers GET answers HEAD too.
pub(crate) fn table() -> Vec<Endpoint> {
    vec![
        Endpoint::at("/api/v1/storage/backends")
            .get(backends::list)
            .post(backends::create),
        Endpoint::at("/api/v1/storage/backends/{id}")
            .get(backends::get)
            .patch(backends::update)
            .delete(backends::delete),
        Endpoint::at("/api/v1/storage/backends/{id}/test").post(backends::test),
        Endpoint::at("/api/v1/storage/backends/{id}/luns").get(backends::luns),
        Endpoint::at("/api/v1/storage/discover/iscsi").get(discover::iscsi),
        Endpoint::at("/api/v1/storage/discover/nfs").get(discover::nfs),
        Endpoint::at("/api/v1/storage/discover/s3").post(discover::s3),
        Endpoint::at("/api/v1/openapi.json").get(docs::openapi),
        Endpoint::at("/docs").get(docs::redirect),
        Endpoint::at("/docs/{file:.*}").get(docs::swagger_ui),
        Endpoint::at("/problems/{code}").get(problems::get),
        Endpoint::at("/healthz").get(health::alive),
        Endpoint::at("/readyz").get(health::ready),
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
