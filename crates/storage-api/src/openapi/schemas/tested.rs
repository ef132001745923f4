//! What a test answers.

use serde_json::{Value, json};

use super::{count, reference, time, warnings};

pub(super) fn last_test() -> Value {
    json!({
        "type": "object",
        "required": ["at", "message"],
        "properties": { "at": time(), "message": { "type": "string" } },
    })
}

pub(super) fn check() -> Value {
    json!({
        "type": "object",
        "required": ["name", "outcome", "detail", "duration_ms"],
        "properties": {
            "name": { "type": "string", "description": "A stable name, such as resolve, exports, mount, capacity, scan." },
            "outcome": { "type": "string", "enum": ["passed", "failed", "skipped"] },
            "detail": { "type": "string" },
            "duration_ms": count("How long the step took."),
        },
    })
}

pub(super) fn test_result() -> Value {
    json!({
        "type": "object",
        "required": ["success", "message", "checks", "duration_ms"],
        "properties": {
            "success": { "type": "boolean", "description": "Whether the backend can be used." },
            "message": { "type": "string", "description": "What failed and what to do, or what was found." },
            "checks": { "type": "array", "items": reference("Check"), "description": "In the order in which they ran." },
            "targets": {
                "type": "array", "items": reference("Target"),
                "description": "The iSCSI targets that were found, and their logical units; absent for other types.",
            },
            "stuck_since": {
                "type": "string", "format": "date-time",
                "description": "Since when an earlier call on this backend hangs in the kernel; absent where none does.",
            },
            "mount": reference("MountInForce"),
            "warnings": warnings(),
            "duration_ms": count("How long the test took."),
        },
    })
}

pub(super) fn mount_in_force() -> Value {
    let mut patience = count("How long the kernel waits for the server before a call fails; null: for ever.");
    patience["type"] = json!(["integer", "null"]);
    json!({
        "type": "object",
        "description": "How the backend is mounted, as the kernel has it; absent where it is not mounted.",
        "required": ["source", "version", "read_write", "options", "gives_up_after_ms"],
        "properties": {
            "source": { "type": "string" },
            "version": { "type": ["string", "null"] },
            "read_write": { "type": "boolean" },
            "options": { "type": "array", "items": { "type": "string" } },
            "gives_up_after_ms": patience,
        },
    })
}
