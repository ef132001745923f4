//! The shapes of what is sent and answered.

use serde_json::{Map, Value, json};
use storage_domain::{BackendKind, BackendName, BackendStatus, ByteCount};

use super::configs::{self, Use};
use super::{discover, examples, luns};
use crate::problem::Code;

/// All named schemas.
pub(super) fn all() -> Map<String, Value> {
    let mut all = Map::new();
    for kind in BackendKind::ALL {
        let name = title(*kind);
        all.insert(format!("{name}BackendCreate"), create(*kind));
        all.insert(format!("{name}Backend"), shown(*kind));
    }
    let fixed = [
        ("BackendCreate", alternatives("BackendCreate")),
        ("BackendUpdate", update()),
        ("Backend", alternatives("Backend")),
        ("S3Account", discover::account()),
        ("Stats", stats()),
        ("LastTest", last_test()),
        ("Check", check()),
        ("TestResult", test_result()),
        ("MountInForce", mount_in_force()),
        ("Target", luns::target()),
        ("Lun", luns::lun()),
        ("Unreadable", unreadable()),
        ("Problem", problem()),
    ];
    all.extend(fixed.map(|(name, schema)| (name.to_owned(), schema)));
    all
}

/// A reference to a named schema.
pub(super) fn reference(name: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}

/// The envelope of one thing.
pub(super) fn one(data: &Value, message: Option<&str>) -> Value {
    let message = match message {
        Some(text) => json!({ "type": "string", "const": text }),
        None => json!({ "type": ["string", "null"] }),
    };
    json!({
        "type": "object",
        "required": ["success", "data", "message"],
        "properties": {
            "success": { "type": "boolean", "const": true }, "data": data, "message": message,
            "warnings": warnings(),
        },
    })
}

/// What is allowed, and worth a word.
fn warnings() -> Value {
    json!({
        "type": "array", "items": { "type": "string" },
        "description": "What the config allows, and is worth a word; absent where there is nothing.",
    })
}

/// The envelope of a list of backends.
pub(super) fn list() -> Value {
    json!({
        "type": "object",
        "required": ["success", "data", "total"],
        "properties": {
            "success": { "type": "boolean", "const": true },
            "data": { "type": "array", "items": reference("Backend") },
            "total": { "type": "integer", "minimum": 0, "description": "All matches, not just this page." },
            "unreadable": {
                "type": "array", "items": reference("Unreadable"),
                "description": "The rows of this page that can't be read; absent where there are none.",
            },
        },
    })
}

/// The envelope of a list of things that are not stored.
pub(super) fn list_of(item: &Value) -> Value {
    json!({
        "type": "object",
        "required": ["success", "data", "total"],
        "properties": {
            "success": { "type": "boolean", "const": true },
            "data": { "type": "array", "items": item },
            "total": { "type": "integer", "minimum": 0 },
        },
    })
}

fn title(kind: BackendKind) -> &'static str {
    match kind {
        BackendKind::Nfs => "Nfs",
        BackendKind::Http => "Http",
        BackendKind::S3 => "S3",
        BackendKind::Iscsi => "Iscsi",
    }
}

fn alternatives(suffix: &str) -> Value {
    let refs = BackendKind::ALL
        .iter()
        .map(|kind| reference(&format!("{}{suffix}", title(*kind))));
    let mapping: Map<String, Value> = BackendKind::ALL
        .iter()
        .map(|kind| {
            let target = format!("#/components/schemas/{}{suffix}", title(*kind));
            (kind.to_string(), Value::String(target))
        })
        .collect();
    json!({
        "oneOf": refs.collect::<Vec<_>>(),
        "discriminator": { "propertyName": "type", "mapping": mapping },
    })
}

fn name() -> Value {
    json!({
        "type": "string", "minLength": 1, "maxLength": BackendName::MAX_CHARS,
        "description": "Unique, compared exactly; not blank, no control characters.",
    })
}

fn create(kind: BackendKind) -> Value {
    json!({
        "type": "object",
        "required": ["name", "type", "config"],
        "properties": {
            "name": name(),
            "type": { "type": "string", "const": kind.as_str() },
            "config": configs::schema(kind, Use::Create),
        },
        "additionalProperties": false,
        "examples": examples::create(kind),
    })
}

fn update() -> Value {
    let kinds: Vec<Option<&str>> = BackendKind::ALL
        .iter()
        .map(|k| Some(k.as_str()))
        .chain([None])
        .collect();
    let configs: Vec<Value> = BackendKind::ALL
        .iter()
        .map(|kind| configs::schema(*kind, Use::Update))
        .chain([json!({ "type": "null" })])
        .collect();
    let mut name = name();
    name["type"] = json!(["string", "null"]);
    json!({
        "type": "object",
        "description": "What is absent or null stays as it is. `config` is merged key by key; null clears an optional field, an absent or empty secret stays.",
        "properties": {
            "name": name,
            "type": {
                "type": ["string", "null"], "enum": kinds, "description": "The backend's own type; another one is refused." },
            "config": { "anyOf": configs },
        },
        "additionalProperties": false,
        "examples": examples::update(),
    })
}

fn shown(kind: BackendKind) -> Value {
    let statuses: Vec<&str> = BackendStatus::ALL.iter().map(|s| s.as_str()).collect();
    json!({
        "type": "object",
        "required": ["id", "name", "type", "status", "config", "stats", "last_test", "created_at", "updated_at"],
        "properties": {
            "id": { "type": "string", "format": "uuid" },
            "name": name(),
            "type": { "type": "string", "const": kind.as_str() },
            "status": {
                "type": "string", "enum": statuses,
                "description": "offline: not tested since it was created or its config changed; online, error: what the last test said.",
            },
            "config": configs::schema(kind, Use::Show),
            "stats": reference("Stats"),
            "last_test": { "oneOf": [reference("LastTest"), { "type": "null" }] },
            "created_at": time(),
            "updated_at": time(),
        },
    })
}

fn time() -> Value {
    json!({ "type": "string", "format": "date-time", "description": "RFC 3339, UTC, milliseconds." })
}

fn count(description: &str) -> Value {
    json!({ "type": "integer", "minimum": 0, "maximum": ByteCount::MAX.get(), "description": description })
}

fn stats() -> Value {
    let mut total = count("Bytes in all; null where there is no bound, or it was not measured.");
    total["type"] = json!(["integer", "null"]);
    json!({
        "type": "object",
        "required": ["used_bytes", "total_bytes", "file_count", "template_count"],
        "properties": {
            "used_bytes": count("Bytes in use; 0 where that was not measured."),
            "total_bytes": total,
            "file_count": count("Regular files; 0 where they were not counted."),
            "template_count": count("Files that are boot or install images by their names."),
        },
    })
}

fn last_test() -> Value {
    json!({
        "type": "object",
        "required": ["at", "message"],
        "properties": { "at": time(), "message": { "type": "string" } },
    })
}

fn check() -> Value {
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

fn test_result() -> Value {
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

fn mount_in_force() -> Value {
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

fn unreadable() -> Value {
    json!({
        "type": "object",
        "required": ["id", "detail"],
        "properties": {
            "id": { "type": ["string", "null"], "format": "uuid" },
            "detail": { "type": "string" },
        },
    })
}

fn problem() -> Value {
    let codes: Vec<&str> = Code::ALL.iter().map(|c| c.as_str()).collect();
    json!({
        "type": "object",
        "description": "A problem after RFC 9457.",
        "required": ["type", "title", "status", "detail", "success", "error"],
        "properties": {
            "type": { "type": "string", "format": "uri-reference", "description": "Leads to what the code means." },
            "title": { "type": "string" },
            "status": { "type": "integer", "minimum": 400, "maximum": 599 },
            "detail": { "type": "string", "description": "One plain sentence that a person can act on." },
            "instance": { "type": "string", "format": "uri-reference", "description": "The path that was asked for." },
            "success": { "type": "boolean", "const": false },
            "error": { "type": "string", "enum": codes, "description": "The stable code." },
            "errors": {
                "type": "array",
                "description": "Every mistake of the input: a JSON Pointer (RFC 6901) into the body, or to the parameter of the query.",
                "items": {
                    "type": "object",
                    "required": ["pointer", "detail"],
                    "properties": { "pointer": { "type": "string", "format": "json-pointer" }, "detail": { "type": "string" } },
                },
            },
            "request_id": { "type": "string", "description": "The id under which the service's log tells more." },
            "stuck_since": time(),
            "holders": holders(),
        },
    })
}

fn holders() -> Value {
    json!({
        "type": "array",
        "description": "Who keeps the mount in use, as far as this service may see it.",
        "items": {
            "type": "object",
            "required": ["pid", "command"],
            "properties": { "pid": { "type": "integer", "minimum": 1 }, "command": { "type": "string" } },
        },
    })
}
