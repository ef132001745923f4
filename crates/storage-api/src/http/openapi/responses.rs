//! Responses: what an operation answers, and the problems that many share.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::schema::{reference, seconds, text};
use crate::error::RETRY_AFTER_SECONDS;
use crate::http::route::{Answer, Content};
use crate::problem::{Code, MEDIA_TYPE};

/// The problems that operations answer: one component for each set of codes that share a status.
#[derive(Debug, Default)]
pub(super) struct Responses(BTreeMap<String, Value>);

impl Responses {
    /// Returns a reference for each status of these codes.
    pub(super) fn references(&mut self, codes: &[Code]) -> Vec<(String, Value)> {
        let mut by_status: BTreeMap<u16, Vec<Code>> = BTreeMap::new();
        for code in codes {
            by_status.entry(code.status()).or_default().push(*code);
        }
        let references = by_status.into_iter().map(|(status, codes)| {
            let names: Vec<String> = codes.iter().map(|code| format!("{code:?}")).collect();
            let name = names.concat();
            let target = json!({ "$ref": format!("#/components/responses/{name}") });
            self.0.entry(name).or_insert_with(|| problem(status, &codes));
            (status.to_string(), target)
        });
        references.collect()
    }

    pub(super) fn into_components(self) -> Map<String, Value> {
        self.0.into_iter().collect()
    }
}

fn problem(status: u16, codes: &[Code]) -> Value {
    let titles: Vec<&str> = codes.iter().map(|code| code.title()).collect();
    let words: Vec<&str> = codes.iter().map(|code| code.as_str()).collect();
    let schema = json!({
        "allOf": [reference("Problem"), { "type": "object", "properties": { "error": { "type": "string", "enum": words } } }],
    });
    let mut problem = json!({
        "description": format!("{}.", titles.join("; ")),
        "content": { MEDIA_TYPE: { "schema": schema } },
    });
    let header = match status {
        401 | 403 => Some((
            "WWW-Authenticate",
            json!({ "type": "string", "description": "RFC 6750, section 3" }),
        )),
        429 => Some(("Retry-After", seconds(None))),
        503 => Some(("Retry-After", seconds(Some(RETRY_AFTER_SECONDS)))),
        _ => None,
    };
    if let Some((name, schema)) = header {
        problem["headers"] = json!({ name: { "schema": schema } });
    }
    problem
}

/// Describes an answer that is no problem.
pub(super) fn answer(given: &Answer) -> Value {
    let mut answer = json!({ "description": given.description });
    match given.content {
        Content::None => {}
        Content::Json(schema) => {
            answer["content"] = json!({ "application/json": { "schema": reference(schema) } });
        }
        Content::Html => answer["content"] = json!({ "text/html": { "schema": text() } }),
    }
    if !given.headers.is_empty() {
        let fields = given
            .headers
            .iter()
            .map(|name| ((*name).to_owned(), json!({ "schema": text() })));
        answer["headers"] = fields.collect::<Map<_, _>>().into();
    }
    answer
}
