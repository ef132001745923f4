//! The parts of schemas.

use serde_json::{Map, Value, json};

/// Refers to a named schema.
pub(super) fn reference(name: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}

/// Adds to a named schema: what fits has to fit both.
pub(super) fn extend(name: &str, own: Value) -> Value {
    let both = vec![reference(name), own];
    json!({ "allOf": both })
}

/// Describes an object whose members are there always, or only sometimes.
pub(super) fn object(always: &[(&str, Value)], sometimes: &[(&str, Value)]) -> Value {
    let members = always.iter().chain(sometimes);
    let properties: Map<String, Value> = members.map(|(name, s)| ((*name).to_owned(), s.clone())).collect();
    let required: Vec<&str> = always.iter().map(|(name, _)| *name).collect();
    json!({ "type": "object", "required": required, "properties": properties })
}

/// Adds a description.
pub(super) fn about(mut schema: Value, description: &str) -> Value {
    schema["description"] = description.into();
    schema
}

/// Allows null as well.
pub(super) fn nullable(mut schema: Value) -> Value {
    let Some(kind) = schema.get("type").cloned() else {
        return json!({ "oneOf": [schema, { "type": "null" }] });
    };
    schema["type"] = json!([kind, "null"]);
    if let Some(words) = schema.get_mut("enum").and_then(Value::as_array_mut) {
        words.push(Value::Null);
    }
    schema
}

pub(super) fn list(items: Value) -> Value {
    let mut list = json!({ "type": "array" });
    list["items"] = items;
    list
}

pub(super) fn text() -> Value {
    json!({ "type": "string" })
}

pub(super) fn binary() -> Value {
    json!({ "type": "string", "format": "binary" })
}

pub(super) fn flag() -> Value {
    json!({ "type": "boolean" })
}

pub(super) fn constant(value: impl Into<Value>) -> Value {
    let value = value.into();
    let kind = if value.is_boolean() { "boolean" } else { "string" };
    json!({ "type": kind, "const": value })
}

pub(super) fn one_of(words: &[&str]) -> Value {
    json!({ "type": "string", "enum": words })
}

pub(super) fn id() -> Value {
    json!({ "type": "string", "format": "uuid" })
}

pub(super) fn time() -> Value {
    json!({ "type": "string", "format": "date-time" })
}

/// Describes a number of bytes, files or the like.
pub(super) fn count(description: &str) -> Value {
    json!({ "type": "integer", "format": "int64", "minimum": 0, "description": description })
}

/// Describes a number of seconds.
pub(super) fn seconds(exactly: Option<u32>) -> Value {
    match exactly {
        Some(number) => json!({ "type": "integer", "const": number }),
        None => json!({ "type": "integer", "minimum": 1 }),
    }
}
