//! Bodies that can be sent as they are.

use serde_json::{Value, json};
use storage_domain::BackendKind;

/// Backends of a kind to be registered.
pub(super) fn create(kind: BackendKind) -> Value {
    json!([{ "name": format!("{kind}-primary"), "type": kind.as_str(), "config": kind.example() }])
}

/// Changes of a backend.
pub(super) fn update() -> Value {
    json!([{ "name": "renamed" }, { "config": {} }])
}

/// An account whose buckets are asked for.
pub(super) fn account() -> Value {
    json!([{
        "endpoint": "https://s3.example", "access_key_id": "AKEXAMPLE", "secret_access_key": "an example, no secret",
    }])
}
