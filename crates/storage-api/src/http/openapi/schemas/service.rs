//! Problems, audit records, and what the service says of itself.

use serde_json::{Value, json};
use storage_domain::Role;

use super::super::schema::{about, constant, id, list, nullable, object, one_of, reference, text, time};
use crate::dto::OUTCOMES;
use crate::problem::Code;

pub(super) fn schemas() -> Vec<(String, Value)> {
    let health = object(&[("status", one_of(&["alive", "ready"]))], &[("version", text())]);
    let code = object(
        &[
            ("code", text()),
            ("status", json!({ "type": "integer" })),
            ("title", text()),
            ("remedy", text()),
        ],
        &[],
    );
    let all = [
        ("Problem", problem()),
        (
            "InvalidField",
            object(&[("pointer", pointer()), ("detail", text())], &[]),
        ),
        (
            "MountHolder",
            object(
                &[
                    ("pid", json!({ "type": "integer", "minimum": 1 })),
                    ("command", text()),
                ],
                &[],
            ),
        ),
        ("ProblemCode", code),
        ("Health", health),
        ("AuditRecord", audit_record()),
        (
            "AuditBackend",
            object(&[("id", text()), ("name", nullable(text()))], &[]),
        ),
        ("OpenApi", json!({ "type": "object" })),
    ];
    all.into_iter()
        .map(|(name, schema)| (name.to_owned(), schema))
        .collect()
}

fn pointer() -> Value {
    json!({ "type": "string", "format": "json-pointer" })
}

fn problem() -> Value {
    let codes: Vec<&str> = Code::ALL.iter().map(|code| code.as_str()).collect();
    let uri = |description| {
        about(
            json!({ "type": "string", "format": "uri-reference" }),
            description,
        )
    };
    let errors = "Every mistake of the input: a JSON Pointer (RFC 6901) into the body, or to the parameter of the query.";
    let holders = "Processes that use the mount, as far as this service may see them.";
    let schema = object(
        &[
            ("type", uri("Leads to the meaning of the code.")),
            ("title", text()),
            (
                "status",
                json!({ "type": "integer", "minimum": 400, "maximum": 599 }),
            ),
            (
                "detail",
                about(text(), "One plain sentence that a person can act on."),
            ),
            ("success", constant(false)),
            ("error", about(one_of(&codes), "The stable code.")),
        ],
        &[
            ("instance", uri("The path of the request.")),
            ("errors", about(list(reference("InvalidField")), errors)),
            (
                "request_id",
                about(text(), "The id under which the service's log has more."),
            ),
            ("stuck_since", time()),
            ("holders", about(list(reference("MountHolder")), holders)),
        ],
    );
    about(schema, "A problem after RFC 9457.")
}

fn audit_record() -> Value {
    let roles: Vec<&str> = Role::ALL.iter().map(|role| role.as_str()).collect();
    let actor = "A token's name, the subject of a JSON Web Token, `local`, or a user of the machine; null if unknown.";
    let outcome = "`unknown`: the client hung up before there was an answer; the work may have been done.";
    object(
        &[
            ("id", id()),
            ("at", time()),
            ("actor", about(nullable(text()), actor)),
            ("how", nullable(one_of(&["token", "jwt", "open", "cli"]))),
            ("role", nullable(one_of(&roles))),
            ("address", nullable(text())),
            ("action", text()),
            ("method", nullable(text())),
            ("backend", nullable(reference("AuditBackend"))),
            (
                "fields",
                about(list(text()), "Names of the fields that a change changed."),
            ),
            ("outcome", about(one_of(&OUTCOMES), outcome)),
            ("status", nullable(json!({ "type": "integer" }))),
            ("error", nullable(text())),
            ("request_id", nullable(text())),
            ("detail", nullable(text())),
        ],
        &[],
    )
}
