//! Operations, from the route table.

use serde_json::{Map, Value, json};

use super::responses::Responses;
use super::schema::reference;
use super::{MOST, requires};
use crate::http::parameter::Parameter;
use crate::http::route::{Body, FORM, Route};

/// Returns every path. What several operations answer becomes components.
pub(super) fn paths(table: &[Route], shared: &mut Responses) -> Map<String, Value> {
    let mut paths = Map::new();
    for route in table {
        let path = route.template();
        let parameters = in_path(&path);
        let item = paths.entry(path).or_insert_with(|| json!({}));
        if !parameters.is_empty() {
            item["parameters"] = json!(parameters);
        }
        item[route.policy.method.as_str().to_lowercase()] = operation(route, shared);
    }
    paths
}

fn operation(route: &Route, shared: &mut Responses) -> Value {
    let answers = route.answers.iter();
    let answers = answers.map(|given| (given.status.to_string(), shared.answer(given)));
    let mut responses: Map<String, Value> = answers.collect();
    responses.extend(shared.references(route));
    let is_storage = route.policy.role.is_some();
    let mut operation = json!({
        "operationId": route.id,
        "summary": route.summary,
        "tags": [if is_storage { "backends" } else { "service" }],
        "responses": responses,
    });
    match route.policy.role {
        Some(MOST) => {}
        Some(role) => operation["security"] = requires(role),
        None => operation["security"] = json!([]),
    }
    if !route.parameters.is_empty() {
        operation["parameters"] = route.parameters.iter().map(|p| named(*p)).collect();
    }
    if let Body::Json(schema) = route.body {
        operation["requestBody"] = json!({
            "required": true,
            "content": { "application/json": { "schema": reference(schema) } },
        });
    }
    if let Body::File(media_type) = route.body {
        operation["requestBody"] = json!({ "content": { media_type: file_body(media_type) } });
    }
    operation
}

/// Describes the bytes of a file, or a form that holds them (OpenAPI 3.1, section 4.8.14.5).
fn file_body(media_type: &str) -> Value {
    if media_type != FORM {
        return json!({});
    }
    let file = json!({ "type": "string", "contentMediaType": "application/octet-stream" });
    json!({ "schema": { "type": "object", "required": ["file"], "properties": { "file": file } } })
}

fn in_path(path: &str) -> Vec<Value> {
    let all = Parameter::ALL.iter().copied();
    let named_here = all.filter(|p| p.place() == "path" && path.contains(&format!("{{{}}}", p.name())));
    named_here.map(named).collect()
}

fn named(parameter: Parameter) -> Value {
    json!({ "$ref": format!("#/components/parameters/{}", parameter.key()) })
}
