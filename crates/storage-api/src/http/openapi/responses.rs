//! Responses: what an operation answers, and the problems that many share.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::schema::{binary, reference, seconds, text};
use crate::error::RETRY_AFTER_SECONDS;
use crate::http::route::{Answer, Content};
use crate::problem::{Code, MEDIA_TYPE};

/// The problems that operations answer: one component for each set of codes that share a status, named by the status and
/// a letter. Every operation refers to a dozen of them, so that names of all codes would be a tenth of the document.
#[derive(Debug, Default)]
pub(super) struct Responses(BTreeMap<u16, Vec<Vec<Code>>>);

impl Responses {
    /// Returns a reference for each status of these codes.
    pub(super) fn references(&mut self, codes: &[Code]) -> Vec<(String, Value)> {
        let mut by_status: BTreeMap<u16, Vec<Code>> = BTreeMap::new();
        for code in codes {
            by_status.entry(code.status()).or_default().push(*code);
        }
        let references = by_status.into_iter().map(|(status, codes)| {
            let sets = self.0.entry(status).or_default();
            let at = sets.iter().position(|known| *known == codes).unwrap_or_else(|| {
                sets.push(codes);
                sets.len() - 1
            });
            let target = json!({ "$ref": format!("#/components/responses/{}", name(status, at)) });
            (status.to_string(), target)
        });
        references.collect()
    }

    pub(super) fn into_components(self) -> Map<String, Value> {
        let named = |(status, sets): (u16, Vec<Vec<Code>>)| {
            let sets = sets.into_iter().enumerate();
            sets.map(move |(at, codes)| (name(status, at), problem(status, &codes)))
        };
        self.0.into_iter().flat_map(named).collect()
    }
}

/// Returns the name of a set of codes: `409`, `409B` and so on.
fn name(status: u16, at: usize) -> String {
    let letter = u8::try_from(at)
        .ok()
        .filter(|at| *at > 0)
        .map(|at| char::from(b'A' + at));
    format!("{status}{}", letter.map_or_else(String::new, String::from))
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
        Content::Bytes => {
            answer["content"] = json!({ "application/octet-stream": { "schema": binary() } });
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
