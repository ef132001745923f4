//! What a refusal or a failure answers.

use serde_json::{Value, json};

use super::time;
use crate::problem::Code;

pub(super) fn problem() -> Value {
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
