//! Bodies that can be sent as they are.

use serde_json::{Value, json};
use storage_domain::BackendKind;

/// Backends of a kind to be registered.
pub(super) fn create(kind: BackendKind) -> Value {
    let config = match kind {
        BackendKind::Nfs => json!({ "server": "10.0.0.5", "export_path": "/srv/images" }),
        BackendKind::Http => json!({ "base_url": "https://images.example/boot" }),
        BackendKind::S3 => json!({
            "endpoint": "https://s3.example", "bucket": "images", "access_key_id": "AKEXAMPLE",
        }),
        BackendKind::Iscsi => json!({ "target": "10.0.0.6", "iqn": "iqn.2026-11.example:images" }),
    };
    json!([{ "name": format!("{kind}-primary"), "type": kind.as_str(), "config": config }])
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
