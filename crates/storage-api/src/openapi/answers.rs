//! The parts that operations are put together from.

use serde_json::{Map, Value, json};

use storage_domain::Role;

use super::schemas::reference;
use crate::error::RETRY_AFTER_SECONDS;
use crate::extract::MAX_BODY_BYTES;
use crate::problem::{Code, MEDIA_TYPE};

/// The name of the security scheme.
pub(super) const BEARER: &str = "bearer";

/// What every path may answer.
const ALWAYS: [Code; 4] = [
    Code::BadRequest,
    Code::UriTooLong,
    Code::HeadersTooLarge,
    Code::Internal,
];

/// What every path that needs a role may answer.
const GUARD: [Code; 6] = [
    Code::Unauthorized,
    Code::InvalidToken,
    Code::TokenExpired,
    Code::Forbidden,
    Code::CrossSite,
    Code::RateLimited,
];

/// An operation that needs this role.
pub(super) fn operation(
    role: Role,
    id: &str,
    summary: &str,
    parameters: Value,
    body: Option<&str>,
    answers: &[(&str, Value)],
    codes: &[&[Code]],
) -> Value {
    let codes = [codes, &[&GUARD, &[Code::DatabaseUnavailable]]].concat();
    let mut operation = open_operation(id, summary, parameters, body, answers, &codes);
    operation["description"] = format!("Needs the role `{role}`.").into();
    operation["security"] = json!([{ BEARER: [] }]);
    operation
}

/// An operation that is open to everybody.
pub(super) fn open_operation(
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
        "responses": responses, "security": [],
    });
    operation["parameters"] = parameters;
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
        match status {
            401 | 403 => {
                let challenge = json!({ "type": "string", "description": "RFC 6750, section 3" });
                refusal["headers"] = json!({ "WWW-Authenticate": { "schema": challenge } });
            }
            429 => {
                let wait = json!({ "type": "integer", "minimum": 1 });
                refusal["headers"] = json!({ "Retry-After": { "schema": wait } });
            }
            503 => {
                let wait = json!({ "type": "integer", "const": RETRY_AFTER_SECONDS });
                refusal["headers"] = json!({ "Retry-After": { "schema": wait } });
            }
            _ => {}
        }
        refusals.insert(status.to_string(), refusal);
    }
    refusals
}

pub(super) fn answer(description: &str, schema: &Value, headers: &[&str]) -> Value {
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

pub(super) fn not_modified() -> Value {
    json!({
        "description": "The client has this version already.",
        "headers": { "ETag": { "schema": { "type": "string" } } },
    })
}

pub(super) fn id() -> Value {
    json!({
        "name": "id", "in": "path", "required": true, "schema": { "type": "string", "format": "uuid" },
        "description": "The backend's id; what is no UUID is the id of no backend.",
    })
}

pub(super) fn path_parameter(name: &str, description: &str) -> Value {
    json!({
        "name": name, "in": "path", "required": true, "schema": { "type": "string" }, "description": description,
    })
}

pub(super) fn query(name: &str, description: &str, schema: Value) -> Value {
    let mut parameter = json!({
        "name": name, "in": "query", "required": false, "description": description,
    });
    parameter["schema"] = schema;
    parameter
}

pub(super) fn condition(name: &str) -> Value {
    json!({
        "name": name, "in": "header", "required": false, "schema": { "type": "string" },
        "description": "Entity tags, or `*` (RFC 9110, section 13.1).",
    })
}
