//! The paths, and every answer that each can give.

use serde_json::{Map, Value, json};
use storage_domain::{BackendKind, BackendName, BackendStatus};

use super::schemas::{list, one, reference};
use crate::dto::{MAX_LIMIT, MAX_OFFSET};
use crate::error::RETRY_AFTER_SECONDS;
use crate::extract::MAX_BODY_BYTES;
use crate::problem::{Code, MEDIA_TYPE};

/// What every path may answer.
const ALWAYS: [Code; 4] = [
    Code::BadRequest,
    Code::UriTooLong,
    Code::HeadersTooLarge,
    Code::Internal,
];
/// What every path that asks the database may answer.
const STORE: [Code; 1] = [Code::DatabaseUnavailable];
const BODY: [Code; 5] = [
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
                json!({ "type": "string", "maxLength": BackendName::MAX_CHARS })
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
    let created = one(
        &reference("Backend"),
        Some("Storage backend created successfully"),
    );
    operation(
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
    let updated = one(&reference("Backend"), Some("Backend updated successfully"));
    operation(
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
    let deleted = one(&id, Some("Backend deleted successfully"));
    operation(
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
        "testBackend",
        "Tests a backend, and mounts it where it can be mounted; tests at the same time share one run",
        json!([]),
        None,
        &[(
            "200",
            answer(
                "What the test found, passed or not.",
                &one(&reference("TestResult"), None),
                &[],
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
    service(operation(
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
    service(operation(
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
    service(operation(
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
    service(operation(id, summary, json!([]), None, &answers, &[codes]))
}

fn service(mut operation: Value) -> Value {
    operation["tags"] = json!(["service"]);
    operation
}

fn operation(
    id: &str,
    summary: &str,
    parameters: Value,
    body: Option<&str>,
    answers: &[(&str, Value)],
    codes: &[&[Code]],
) -> Value {
    let mut responses: Map<String, Value> = answers
        .iter()
        .map(|(s, a)| ((*s).to_owned(), a.clone()))
        .collect();
    let mut codes: Vec<Code> = codes.concat();
    codes.extend(ALWAYS);
    responses.extend(refusals(&codes));
    let mut operation = json!({
        "operationId": id, "summary": summary, "tags": ["backends"],
        "parameters": parameters, "responses": responses,
    });
    if let Some(schema) = body {
        operation["requestBody"] = json!({
            "required": true,
            "description": format!("One JSON object of at most {MAX_BODY_BYTES} bytes, in UTF-8, no key twice."),
            "content": { "application/json": { "schema": reference(schema) } },
        });
    }
    operation
}

/// The refusals, one a status, each naming its codes.
fn refusals(codes: &[Code]) -> Map<String, Value> {
    let mut refusals = Map::new();
    for status in codes.iter().map(|c| c.status()) {
        let same: Vec<&Code> = Code::ALL
            .iter()
            .filter(|c| codes.contains(c) && c.status() == status)
            .collect();
        let words: Vec<&str> = same.iter().map(|c| c.as_str()).collect();
        let titles: Vec<&str> = same.iter().map(|c| c.title()).collect();
        let schema = json!({
            "allOf": [reference("Problem"), { "type": "object", "properties": { "error": { "type": "string", "enum": words } } }],
        });
        let mut refusal = json!({
            "description": format!("{}.", titles.join("; ")),
            "content": { MEDIA_TYPE: { "schema": schema } },
        });
        if status == 503 {
            let wait = json!({ "type": "integer", "const": RETRY_AFTER_SECONDS });
            refusal["headers"] = json!({ "Retry-After": { "schema": wait } });
        }
        refusals.insert(status.to_string(), refusal);
    }
    refusals
}

fn answer(description: &str, schema: &Value, headers: &[&str]) -> Value {
    let mut answer = json!({
        "description": description,
        "content": { "application/json": { "schema": schema } },
    });
    if !headers.is_empty() {
        let fields: Map<String, Value> = headers
            .iter()
            .map(|name| ((*name).to_owned(), json!({ "schema": { "type": "string" } })))
            .collect();
        answer["headers"] = Value::Object(fields);
    }
    answer
}

fn not_modified() -> Value {
    json!({
        "description": "The client has this version already.",
        "headers": { "ETag": { "schema": { "type": "string" } } },
    })
}

fn id() -> Value {
    json!({
        "name": "id", "in": "path", "required": true, "schema": { "type": "string", "format": "uuid" },
        "description": "The backend's id; what is no UUID is the id of no backend.",
    })
}

fn path_parameter(name: &str, description: &str) -> Value {
    json!({
        "name": name, "in": "path", "required": true, "schema": { "type": "string" }, "description": description,
    })
}

fn query(name: &str, description: &str, schema: Value) -> Value {
    json!({ "name": name, "in": "query", "description": description, "schema": schema })
}

fn condition(name: &str) -> Value {
    json!({
        "name": name, "in": "header", "schema": { "type": "string" },
        "description": "Entity tags, or `*` (RFC 9110, section 13.1).",
    })
}
