//! The paths that tell what could be registered.

use serde_json::{Value, json};
use storage_domain::s3::S3Account;
use storage_domain::{Host, Role};

use super::answers::{answer, operation, query};
use super::configs::{Use, schema_of};
use super::examples;
use super::paths::BODY;
use super::schemas::list_of;
use crate::problem::Code;

/// What every discovery may answer.
const DISCOVERY: [Code; 3] = [Code::DiscoveryFailed, Code::TooBusy, Code::ShuttingDown];
pub(super) fn s3() -> Value {
    let bucket =
        json!({ "type": "object", "required": ["name"], "properties": { "name": { "type": "string" } } });
    let mut buckets = list_of(&bucket);
    buckets["properties"]["message"] =
        json!({ "type": "string", "description": "What the list lacks; absent if nothing." });
    operation(
        Role::Operator,
        "discoverS3",
        "The buckets that a key may see; nothing of the body is stored",
        json!([]),
        Some("S3Account"),
        &[("200", answer("The buckets.", &buckets, &[]))],
        &[&BODY, &DISCOVERY],
    )
}

pub(super) fn nfs() -> Value {
    let mut server = query(
        "server",
        "A host name (RFC 1123), an IPv4 or an IPv6 address.",
        json!({ "type": "string", "minLength": 1, "maxLength": Host::MAX_CHARS, "examples": ["10.0.0.5"] }),
    );
    server["required"] = json!(true);
    let export = json!({
        "type": "object",
        "required": ["path", "clients"],
        "properties": {
            "path": { "type": "string" },
            "clients": {
                "type": "string",
                "description": "Who may mount it, in the server's words; empty where it does not say.",
            },
        },
    });
    operation(
        Role::Operator,
        "discoverNfs",
        "The exports of a server, as its mount daemon tells them",
        json!([server]),
        None,
        &[("200", answer("The exports.", &list_of(&export), &[]))],
        &[&DISCOVERY, &[Code::InvalidQuery]],
    )
}

/// The body of the discovery of buckets.
pub(super) fn account() -> Value {
    let mut account = schema_of(S3Account::fields(), Use::Create);
    account["examples"] = examples::account();
    account
}
