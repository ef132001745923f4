//! The OpenAPI 3.1 document, built from the same constants and tables that the code checks with.

mod answers;
mod audit;
mod configs;
mod discover;
mod examples;
mod luns;
mod paths;
mod schemas;

use serde_json::{Value, json};

/// The document as pretty JSON.
pub fn document() -> String {
    let mut text = serde_json::to_string_pretty(&value()).unwrap_or_default();
    text.push('\n');
    text
}

/// The document.
pub(crate) fn value() -> Value {
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "PureBoot Storage",
            "description": "Registers, tests, mounts and measures the storage that machines boot from. Every refusal is a problem (RFC 9457) with a stable code in `error`.",
            "version": env!("CARGO_PKG_VERSION"),
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
        },
        "servers": [{ "url": "/" }],
        "tags": [
            { "name": "backends", "description": "Storage backends" },
            { "name": "service", "description": "The service itself" },
        ],
        "paths": paths::all(),
        "components": { "schemas": schemas::all(), "securitySchemes": { answers::BEARER: bearer() } },
    })
}

/// How a client shows who it is.
fn bearer() -> Value {
    json!({
        "type": "http",
        "scheme": "bearer",
        "description": "An access token (`pureboot-storage token create`), or a JSON Web Token of an issuer that is configured. A service on loopback that has neither asks for none.",
    })
}
