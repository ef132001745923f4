//! The OpenAPI 3.1 document: operations from the route table, configs from the domain's fields.

mod configs;
mod examples;
mod operations;
mod responses;
mod schema;
mod schemas;

use std::sync::LazyLock;

use serde_json::{Map, Value, json};
use storage_domain::Role;

use self::responses::Responses;
use super::extract::MAX_BODY_BYTES;
use super::parameter::Parameter;
use super::routes;
use super::state::Document;

/// Name of the security scheme.
const BEARER: &str = "bearer";
/// The role that most operations require. It stands once, for those that say nothing else.
const MOST: Role = Role::Admin;

/// The document as it is served.
pub(crate) static SERVED: LazyLock<Document> = LazyLock::new(|| Document::new(document()));

/// Returns the document as it is served and printed: JSON without spaces.
pub fn document() -> String {
    value().to_string()
}

/// Returns the document.
pub(crate) fn value() -> Value {
    let table = routes::table();
    let mut responses = Responses::of(&table);
    let paths = operations::paths(&table, &mut responses);
    let parameters = Parameter::ALL.iter().map(|p| (p.key().to_owned(), p.describe()));
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "PureBoot Storage",
            "description": format!("Registers, tests, mounts and measures the storage that machines boot from. Every refusal is a problem (RFC 9457) with a stable code in `error`. A JSON body is one object in UTF-8 of at most {MAX_BODY_BYTES} bytes, no key twice."),
            "version": env!("CARGO_PKG_VERSION"),
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
        },
        "servers": [{ "url": "/" }],
        "tags": [
            { "name": "backends" },
            { "name": "service" },
        ],
        "security": requires(MOST),
        "paths": paths,
        "components": {
            "schemas": schemas::all(),
            "responses": responses.into_components(),
            "parameters": parameters.collect::<Map<_, _>>(),
            "securitySchemes": { BEARER: bearer() },
        },
    })
}

/// Says that a role is required: for a bearer the array holds roles (OpenAPI 3.1, Security Requirement Object).
fn requires(role: Role) -> Value {
    json!([{ BEARER: [role.as_str()] }])
}

/// Describes how a client proves its identity.
fn bearer() -> Value {
    json!({
        "type": "http",
        "scheme": "bearer",
        "description": "An access token, or a JSON Web Token of a configured issuer. A service on loopback that has neither requires none.",
    })
}
