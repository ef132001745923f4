//! The document is locked, valid, and says what the routes do.

use std::sync::LazyLock;

use actix_web::http::Method;
use serde_json::{Value, json};

use crate::http::route::Class;
use crate::http::routes;
use crate::openapi;
use crate::problem::Code;

/// The document, which no two requests differ in.
static DOCUMENT: LazyLock<Value> = LazyLock::new(openapi::value);

#[test]
fn is_locked() {
    insta::assert_snapshot!(
        "openapi",
        serde_json::to_string_pretty(&*DOCUMENT).unwrap() + "\n"
    );
}

#[test]
fn is_openapi() {
    let parsed: utoipa::openapi::OpenApi = serde_json::from_str(&openapi::document()).unwrap();
    assert_eq!(
        parsed.paths.paths.len(),
        openapi::value()["paths"].as_object().unwrap().len()
    );
}

#[test]
fn every_reference_leads_somewhere() {
    fn walk(value: &Value, document: &Value, seen: &mut usize) {
        match value {
            Value::Object(members) => {
                if let Some(Value::String(target)) = members.get("$ref") {
                    assert!(document.pointer(&target[1..]).is_some(), "{target}");
                    *seen += 1;
                }
                members.values().for_each(|v| walk(v, document, seen));
            }
            Value::Array(items) => items.iter().for_each(|v| walk(v, document, seen)),
            _ => {}
        }
    }
    let (document, mut seen) = (openapi::value(), 0);
    walk(&document, &document, &mut seen);
    assert!(seen > 20);
}

/// Clients that are generated from it get a name for every body, and no more than they have to read.
#[test]
fn every_body_has_a_name() {
    let document = openapi::value();
    let mut bodies = 0;
    for route in routes::table() {
        let operation = &document["paths"][route.template()][route.policy.method.as_str().to_lowercase()];
        let answers = operation["responses"].as_object().unwrap().values();
        for body in answers.chain(operation.get("requestBody")) {
            let shared = body["$ref"].as_str().map(|target| &target[1..]);
            let body = shared.map_or(body, |target| document.pointer(target).unwrap());
            let schema = &body["content"]["application/json"]["schema"];
            assert!(
                schema.is_null() || schema["$ref"].is_string(),
                "{}: {schema}",
                route.id
            );
            bodies += usize::from(schema.is_object());
        }
    }
    assert!(bodies > 15, "{bodies}");
    let bytes = openapi::document().len();
    assert!(bytes < 80_000, "{bytes} bytes");
}

/// A new route can't be described with another role than the one it is guarded by.
#[test]
fn roles_are_what_the_document_says() {
    let document = openapi::value();
    for route in routes::table() {
        let operation = &document["paths"][route.template()][route.policy.method.as_str().to_lowercase()];
        let security = match route.policy.role {
            None => json!([]),
            Some(role) => json!([{ "bearer": [role.as_str()] }]),
        };
        let documented = operation.get("security").unwrap_or(&document["security"]);
        assert_eq!(*documented, security, "{}", route.id);
        let is_open = route.policy.class == Class::Open;
        assert_eq!(
            (is_open, is_open),
            (route.policy.role.is_none(), route.policy.action.is_none())
        );
    }
}

/// Every code is in the guide, with what a person does on seeing it.
#[test]
fn the_guide_has_every_code() {
    let guide = include_str!("../../../../docs/api.md");
    for code in Code::ALL {
        let line = format!("| {} | `{}` | {} |", code.status(), code.as_str(), code.remedy());
        assert!(guide.contains(&line), "docs/api.md lacks: {line}");
    }
}

/// Returns whether a schema names a code, itself or by the sets that it refers to.
fn names(document: &Value, schema: &Value, code: &Value) -> bool {
    if let Some(set) = schema["$ref"].as_str() {
        return names(document, document.pointer(&set[1..]).unwrap(), code);
    }
    let among = |member: &str| schema[member].as_array().map_or(&[][..], Vec::as_slice);
    among("enum").contains(code) || among("anyOf").iter().any(|set| names(document, set, code))
}

/// Asserts that the document names this status, and this code, for the operation; what belongs to no operation is
/// not its business.
pub(super) fn assert_documented(method: &Method, path: &str, status: u16, body: &Value) {
    // What a browser asks beforehand belongs to no operation.
    if *method == Method::OPTIONS {
        return;
    }
    let document = &*DOCUMENT;
    let method = if *method == Method::HEAD {
        "get".to_owned()
    } else {
        method.as_str().to_lowercase()
    };
    let paths = document["paths"].as_object().unwrap();
    let fits = |template: &str| {
        let (mut given, mut wanted) = (path.split('/'), template.split('/'));
        loop {
            match (given.next(), wanted.next()) {
                (None, None) => return true,
                (Some(_), Some(segment)) if segment.starts_with('{') => {}
                (Some(a), Some(b)) if a == b => {}
                _ => return false,
            }
        }
    };
    let Some(operation) = paths
        .iter()
        .find(|(t, _)| fits(t))
        .and_then(|(_, item)| item.get(&method))
    else {
        assert!(
            matches!(status, 401 | 404 | 405 | 414 | 431),
            "{method} {path} gave {status}"
        );
        return;
    };
    let responses = &operation["responses"];
    let mut response = &responses[status.to_string()];
    if response.is_null() && status >= 400 {
        response = &responses["default"];
    }
    if let Some(shared) = response["$ref"].as_str() {
        response = document.pointer(&shared[1..]).unwrap();
    }
    assert!(
        response.is_object(),
        "{method} {path}: {status} is not documented"
    );
    if status >= 400 {
        let schema = &response["content"]["application/problem+json"]["schema"];
        assert!(
            names(document, &schema["properties"]["error"], &body["error"]),
            "{method} {path}: {} is not documented",
            body["error"]
        );
    }
}
