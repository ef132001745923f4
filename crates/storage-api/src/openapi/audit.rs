//! The audit trail.

use serde_json::{Value, json};
use storage_domain::{Actor, Role};

use super::answers::{answer, operation, query};
use super::paths::NO_CONTROLS;
use super::schemas::list_of;
use crate::dto::{DEFAULT_AUDIT_LIMIT, MAX_LIMIT, OUTCOMES};
use crate::problem::Code;

/// `GET /storage/audit`
pub(super) fn list() -> Value {
    let text = json!({ "type": "string", "maxLength": Actor::MAX_NAME_CHARS, "pattern": NO_CONTROLS });
    operation(
        Role::Admin,
        "listAudit",
        "Who did what: changes, tests, discoveries and what was refused, the newest first",
        json!([
            query(
                "limit",
                "At most so many.",
                json!({ "type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": DEFAULT_AUDIT_LIMIT })
            ),
            query(
                "before",
                "Only those older than the record with this id: the last one of the page before.",
                json!({ "type": "string", "format": "uuid" })
            ),
            query(
                "since",
                "Only those of this time and later.",
                json!({ "type": "string", "format": "date-time" })
            ),
            query(
                "backend",
                "Only those about the backend with this id.",
                json!({ "type": "string", "format": "uuid" })
            ),
            query("actor", "Only those by this one.", text.clone()),
            query("action", "Only this action, such as `backend.update`.", text),
        ]),
        None,
        &[("200", answer("The records.", &list_of(&record()), &[]))],
        &[&[Code::InvalidQuery]],
    )
}

fn record() -> Value {
    let text = json!({ "type": ["string", "null"] });
    json!({
        "type": "object",
        "required": [
            "id", "at", "actor", "how", "role", "address", "action", "method", "backend", "fields", "outcome", "status",
            "error", "request_id", "detail",
        ],
        "properties": {
            "id": { "type": "string", "format": "uuid" },
            "at": { "type": "string", "format": "date-time" },
            "actor": {
                "type": ["string", "null"],
                "description": "A token's name, the subject of a JSON Web Token, `local`, or a user of the machine; null where nobody knows.",
            },
            "how": { "type": ["string", "null"], "enum": ["token", "jwt", "open", "cli", null] },
            "role": { "type": ["string", "null"], "enum": ["viewer", "operator", "admin", null] },
            "address": text,
            "action": { "type": "string" },
            "method": text,
            "backend": {
                "type": ["object", "null"],
                "required": ["id", "name"],
                "properties": { "id": { "type": "string" }, "name": text },
            },
            "fields": { "type": "array", "items": { "type": "string" }, "description": "Which fields a change changed." },
            "outcome": {
                "type": "string", "enum": OUTCOMES,
                "description": "`unknown`: the client hung up before there was an answer; the work may have been done.",
            },
            "status": { "type": ["integer", "null"] },
            "error": text,
            "request_id": text,
            "detail": text,
        },
    })
}
