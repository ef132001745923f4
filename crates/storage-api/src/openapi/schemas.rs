//! The shapes of what is sent and answered.

mod problem;
mod tested;

use serde_json::{Map, Value, json};
use storage_domain::{BackendKind, BackendName, BackendStatus, ByteCount};

use super::configs::{self, Use};
use super::{discover, examples, luns};

/// All named schemas.
pub(super) fn all() -> Map<String, Value> {
    let mut all = Map::new();
    for kind in BackendKind::ALL {
        let name = kind.facts().title;
        all.insert(format!("{name}BackendCreate"), create(*kind));
        all.insert(format!("{name}Backend"), shown(*kind));
    }
    let fixed = [
        ("BackendCreate", alternatives("BackendCreate")),
        ("BackendUpdate", update()),
        ("Backend", alternatives("Backend")),
        ("S3Account", discover::account()),
        ("Stats", stats()),
        ("Incomplete", incomplete()),
        ("Skipped", skipped()),
        ("LastTest", tested::last_test()),
        ("Check", tested::check()),
        ("TestResult", tested::test_result()),
        ("MountInForce", tested::mount_in_force()),
        ("Target", luns::target()),
        ("Lun", luns::lun()),
        ("Unreadable", unreadable()),
        ("Problem", problem::problem()),
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

fn alternatives(suffix: &str) -> Value {
    let refs = BackendKind::ALL
        .iter()
        .map(|kind| reference(&format!("{}{suffix}", kind.facts().title)));
    let mapping: Map<String, Value> = BackendKind::ALL
        .iter()
        .map(|kind| {
            let target = format!("#/components/schemas/{}{suffix}", kind.facts().title);
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
            "incomplete": reference("Incomplete"),
            "skipped": reference("Skipped"),
        },
    })
}

fn incomplete() -> Value {
    json!({
        "type": "object",
        "description": "What the last count could not read: its figures are lower bounds. Absent if it was complete.",
        "required": ["errors", "first"],
        "properties": {
            "errors": count("Directories and files that could not be read, and bounds that ended the count."),
            "first": { "type": "string", "description": "The first of them, with its cause." },
        },
    })
}

fn skipped() -> Value {
    json!({
        "type": "object",
        "description": "What the last count left out on purpose. Absent if nothing was.",
        "required": ["ignored", "other_file_systems", "elsewhere", "unreadable_names", "first"],
        "properties": {
            "ignored": count("Directories that a file server keeps for itself."),
            "other_file_systems": count("Directories on which another file system is mounted."),
            "elsewhere": count("Entries that lead out of the backend."),
            "unreadable_names": count("Names that can't be read."),
            "first": { "type": ["string", "null"], "description": "The first of all." },
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
