//! The paths and shapes of targets and their logical units.

use serde_json::{Value, json};
use storage_domain::{ByteCount, Host, Role};

use super::answers::{answer, operation, query};
use super::schemas::{list_of, reference};
use crate::problem::Code;

/// A target, with its logical units where a session was opened.
pub(super) fn target() -> Value {
    json!({
        "type": "object",
        "required": ["name", "portals"],
        "properties": {
            "name": { "type": "string", "description": "An IQN, or a name in another of the forms of RFC 7143." },
            "portals": {
                "type": "array", "items": { "type": "string" },
                "description": "Where it can be reached, as the portal tells it: 10.0.0.5:3260,1.",
            },
            "luns": {
                "type": "array", "items": reference("Lun"),
                "description": "Absent where no session could be opened, and in a discovery.",
            },
        },
    })
}

/// A logical unit.
pub(super) fn lun() -> Value {
    let size = |max: u64, description: &str| json!({ "type": ["integer", "null"], "minimum": 0, "maximum": max, "description": description });
    json!({
        "type": "object",
        "required": ["number", "kind", "size_bytes", "block_size", "vendor", "product", "serial", "ready"],
        "properties": {
            "number": { "type": "integer", "minimum": 0 },
            "kind": { "type": "string", "enum": ["disk", "cdrom"] },
            "size_bytes": size(ByteCount::MAX.get(), "Null where the unit did not tell it."),
            "block_size": size(u32::MAX.into(), "In bytes; null where the unit did not tell it."),
            "vendor": { "type": "string" },
            "product": { "type": "string" },
            "serial": { "type": ["string", "null"] },
            "ready": { "type": "boolean", "description": "Whether it takes commands that read blocks now." },
        },
    })
}

/// What a backend holds now.
pub(super) fn luns() -> Value {
    operation(
        Role::Operator,
        "listLuns",
        "The targets of a backend and their logical units, as they are now; only iSCSI backends have such",
        json!([]),
        None,
        &[("200", answer("The targets.", &list_of(&reference("Target")), &[]))],
        &[&[
            Code::DatabaseUnavailable,
            Code::BackendNotFound,
            Code::LunsNotAvailable,
            Code::BackendUnreadable,
            Code::DiscoveryFailed,
            Code::TooBusy,
            Code::ShuttingDown,
        ]],
    )
}

/// What a portal offers.
pub(super) fn discover() -> Value {
    let mut portal = query(
        "portal",
        "A host name, an IPv4 or an IPv6 address, with or without a port: nas.lab, 10.0.0.5:3260, [fd00::5]:3260.",
        json!({ "type": "string", "minLength": 1, "maxLength": Host::MAX_CHARS + "[]:65535".len(), "examples": ["10.0.0.5:3260"] }),
    );
    portal["required"] = json!(true);
    operation(
        Role::Operator,
        "discoverIscsi",
        "The targets that a portal offers to whoever asks without a password",
        json!([portal]),
        None,
        &[("200", answer("The targets.", &list_of(&reference("Target")), &[]))],
        &[&[
            Code::DiscoveryFailed,
            Code::TooBusy,
            Code::ShuttingDown,
            Code::InvalidQuery,
        ]],
    )
}
