//! The paths, and every answer that each can give.

use serde_json::{Value, json};
use storage_domain::{BackendKind, BackendName, BackendStatus, Role};

use super::answers::{answer, condition, id, not_modified, open_operation, operation, path_parameter, query};
use super::audit;
use super::discover;
use super::luns;
use super::schemas::{list, one, reference};
use crate::dto::{CREATED, DELETED, MAX_LIMIT, MAX_OFFSET, UPDATED};
use crate::problem::Code;

/// Text without control characters.
pub(super) const NO_CONTROLS: &str = r"^[^\x00-\x1f\x7f-\x9f]*$";
/// What every path that asks the database may answer.
const STORE: [Code; 1] = [Code::DatabaseUnavailable];
pub(super) const BODY: [Code; 5] = [
    Code::InvalidJson,
    Code::RequestTimeout,
    Code::PayloadTooLarge,
    Code::UnsupportedMediaType,
    Code::InvalidRequest,
];
/// What a body that means nothing may be refused for.
const IGNORED_BODY: [Code; 2] = [Code::RequestTimeout, Code::PayloadTooLarge];

/// All paths.
pub(super) fn all() -> Value {
    json!({
        "/api/v1/storage/backends": { "get": list_backends(), "post": create() },
        "/api/v1/storage/backends/{id}": {
            "parameters": [id()],
            "get": get(),
            "patch": update(),
            "delete": delete(),
        },
        "/api/v1/storage/backends/{id}/test": { "parameters": [id()], "post": test() },
        "/api/v1/storage/backends/{id}/luns": { "parameters": [id()], "get": luns::luns() },
        "/api/v1/storage/discover/iscsi": { "get": luns::discover() },
        "/api/v1/storage/discover/nfs": { "get": discover::nfs() },
        "/api/v1/storage/discover/s3": { "post": discover::s3() },
        "/api/v1/storage/audit": { "get": audit::list() },
        "/api/v1/openapi.json": { "get": document() },
        "/docs": { "get": page("redirectToDocs", "The way to Swagger UI", "308", "Swagger UI is at /docs/.") },
        "/docs/{file}": {
            "parameters": [path_parameter("file", "The file; empty for the first page.")],
            "get": page("docs", "Swagger UI", "200", "A file of Swagger UI."),
        },
        "/problems/{code}": {
            "parameters": [path_parameter("code", "A problem's code.")],
            "get": problem(),
        },
        "/healthz": { "get": health("healthz", "The process answers", "alive", &[]) },
        "/readyz": {
            "get": health(
                "readyz", "The database answers, and its schema is up to date", "ready",
                &[Code::NotReady, Code::ShuttingDown],
            ),
        },
    })
}

fn list_backends() -> Value {
    let kinds: Vec<&str> = BackendKind::ALL.iter().map(|k| k.as_str()).collect();
    let statuses: Vec<&str> = BackendStatus::ALL.iter().map(|s| s.as_str()).collect();
    operation(
        Role::Viewer,
        "listBackends",
        "The backends, the oldest first",
        json!([
            query(
                "type",
                "Only of this type.",
                json!({ "type": "string", "enum": kinds })
            ),
            query(
                "status",
                "Only with this status.",
                json!({ "type": "string", "enum": statuses })
            ),
            query(
                "q",
                "Only those whose name contains this text, in any case.",
                json!({ "type": "string", "maxLength": BackendName::MAX_CHARS, "pattern": NO_CONTROLS })
            ),
            query(
                "limit",
                "At most so many; without it, all.",
                json!({ "type": "integer", "minimum": 1, "maximum": MAX_LIMIT })
            ),
            query(
                "offset",
                "Without the first so many.",
                json!({ "type": "integer", "minimum": 0, "maximum": MAX_OFFSET, "default": 0 })
            ),
        ]),
        None,
        &[("200", answer("The backends.", &list(), &[]))],
        &[&STORE, &[Code::InvalidQuery]],
    )
}

fn create() -> Value {
    let created = one(&reference("Backend"), Some(CREATED));
    operation(
        Role::Admin,
        "createBackend",
        "Registers a backend",
        json!([]),
        Some("BackendCreate"),
        &[("201", answer("The new backend.", &created, &["Location", "ETag"]))],
        &[&STORE, &BODY, &[Code::InvalidConfig, Code::NameTaken]],
    )
}

fn get() -> Value {
    operation(
        Role::Viewer,
        "getBackend",
        "One backend",
        json!([condition("If-None-Match"), condition("If-Match")]),
        None,
        &[
            (
                "200",
                answer("The backend.", &one(&reference("Backend"), None), &["ETag"]),
            ),
            ("304", not_modified()),
        ],
        &[
            &STORE,
            &[
                Code::BackendNotFound,
                Code::BackendUnreadable,
                Code::PreconditionFailed,
            ],
        ],
    )
}

fn update() -> Value {
    let updated = one(&reference("Backend"), Some(UPDATED));
    operation(
        Role::Admin,
        "updateBackend",
        "Changes a backend; a change of the config unmounts what was mounted under the old one",
        json!([condition("If-Match"), condition("If-None-Match")]),
        Some("BackendUpdate"),
        &[("200", answer("The backend as it is now.", &updated, &["ETag"]))],
        &[
            &STORE,
            &BODY,
            &CHANGE,
            &[Code::InvalidConfig, Code::NameTaken, Code::BackendChanged],
        ],
    )
}

/// What keeps a backend from being changed or deleted.
const CHANGE: [Code; 8] = [
    Code::BackendNotFound,
    Code::BackendUnreadable,
    Code::BackendBusy,
    Code::OperationInProgress,
    Code::PreconditionFailed,
    Code::BackendStuck,
    Code::UnmountFailed,
    Code::ShuttingDown,
];

fn delete() -> Value {
    let id = json!({
        "type": "object", "required": ["id"], "properties": { "id": { "type": "string", "format": "uuid" } },
    });
    let deleted = one(&id, Some(DELETED));
    operation(
        Role::Admin,
        "deleteBackend",
        "Deletes a backend, after it was unmounted",
        json!([
            query(
                "force",
                "Detaches a mount that is in use or hangs.",
                json!({ "type": "boolean", "default": false })
            ),
            condition("If-Match"),
            condition("If-None-Match"),
        ]),
        None,
        &[("200", answer("The id of what was deleted.", &deleted, &[]))],
        &[&STORE, &IGNORED_BODY, &CHANGE, &[Code::InvalidQuery]],
    )
}

fn test() -> Value {
    operation(
        Role::Operator,
        "testBackend",
        "Tests a backend, and mounts it where it can be mounted; tests at the same time share one run",
        json!([]),
        None,
        &[(
            "200",
            answer(
                "What the test found, passed or not.",
                &one(&reference("TestResult"), None),
                &["Retry-After"],
            ),
        )],
        &[
            &STORE,
            &IGNORED_BODY,
            &[
                Code::BackendNotFound,
                Code::BackendUnreadable,
                Code::BackendChanged,
                Code::OperationInProgress,
                Code::TooBusy,
                Code::BackendStuck,
                Code::ShuttingDown,
            ],
        ],
    )
}

fn document() -> Value {
    let answers = [
        (
            "200",
            answer("This document.", &json!({ "type": "object" }), &["ETag"]),
        ),
        ("304", not_modified()),
    ];
    let conditions = json!([condition("If-None-Match"), condition("If-Match")]);
    service(open_operation(
        "openapi",
        "This document",
        conditions,
        None,
        &answers,
        &[&[Code::PreconditionFailed]],
    ))
}

fn page(id: &str, summary: &str, status: &str, description: &str) -> Value {
    let answers = [(status, json!({ "description": description }))];
    service(open_operation(
        id,
        summary,
        json!([]),
        None,
        &answers,
        &[&[Code::NotFound]],
    ))
}

fn problem() -> Value {
    let text = json!({ "type": "string" });
    let entry = json!({
        "type": "object",
        "required": ["code", "status", "title", "remedy"],
        "properties": { "code": text, "status": { "type": "integer" }, "title": text, "remedy": text },
    });
    let answers = [("200", answer("The code's meaning.", &one(&entry, None), &[]))];
    service(open_operation(
        "problem",
        "What a problem's code means",
        json!([]),
        None,
        &answers,
        &[&[Code::NotFound]],
    ))
}

fn health(id: &str, summary: &str, status: &str, codes: &[Code]) -> Value {
    let data = json!({
        "type": "object", "required": ["status"],
        "properties": { "status": { "type": "string", "const": status }, "version": { "type": "string" } },
    });
    let answers = [("200", answer(&format!("{summary}."), &one(&data, None), &[]))];
    service(open_operation(id, summary, json!([]), None, &answers, &[codes]))
}

fn service(mut operation: Value) -> Value {
    operation["tags"] = json!(["service"]);
    operation
}
