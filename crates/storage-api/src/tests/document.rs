//! The document is locked, valid, and says what the routes do.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use actix_web::http::Method;
use serde_json::Value;

use crate::problem::Code;
use crate::{openapi, routes};

/// The document, which no two requests differ in.
static DOCUMENT: LazyLock<Value> = LazyLock::new(openapi::value);

#[test]
fn is_locked() {
    insta::assert_snapshot!("openapi", openapi::document());
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

#[test]
fn names_the_routes_and_no_others() {
    let routes: BTreeSet<(String, String)> = routes::table()
        .iter()
        .flat_map(|e| {
            e.needs
                .iter()
                .map(|(m, _)| (e.path.replace(":.*", ""), m.as_str().to_lowercase()))
        })
        .filter(|(_, method)| method != "head")
        .collect();
    let document = openapi::value();
    let documented: BTreeSet<(String, String)> = document["paths"]
        .as_object()
        .unwrap()
        .iter()
        .flat_map(|(path, item)| {
            item.as_object()
                .unwrap()
                .keys()
                .map(move |m| (path.clone(), m.clone()))
        })
        .filter(|(_, member)| member != "parameters")
        .collect();
    assert_eq!(routes, documented);
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
            matches!(status, 404 | 405 | 414 | 431),
            "{method} {path} gave {status}"
        );
        return;
    };
    let response = &operation["responses"][status.to_string()];
    assert!(
        response.is_object(),
        "{method} {path}: {status} is not documented"
    );
    if status >= 400 {
        let schema = &response["content"]["application/problem+json"]["schema"];
        let codes = schema["allOf"][1]["properties"]["error"]["enum"]
            .as_array()
            .unwrap();
        assert!(
            codes.contains(&body["error"]),
            "{method} {path}: {} is not documented",
            body["error"]
        );
    }
}
