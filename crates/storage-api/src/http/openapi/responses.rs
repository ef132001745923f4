//! Responses: what an operation answers, and the problems that many share.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::schema::{binary, reference, seconds, text};
use crate::error::RETRY_AFTER_SECONDS;
use crate::http::route::{Answer, Content, Route};
use crate::problem::{Code, MEDIA_TYPE};

/// Stands for the status of problems that have several.
const SHARED: u16 = 0;

/// What several operations answer, each a component.
#[derive(Debug, Default)]
pub(super) struct Responses {
    /// The problems, one component for each set of codes. Those that an operation shares with every one of its role and body
    /// are its `default`, and have the key 0 here; every other set is of one status.
    problems: BTreeMap<u16, Vec<Vec<Code>>>,
    answers: Map<String, Value>,
}

impl Responses {
    /// Returns a reference for the default, and for each status of the problems of a route's own.
    pub(super) fn references(&mut self, route: &Route) -> Vec<(String, Value)> {
        let mut by_status = BTreeMap::from([(SHARED, route.shared_problems())]);
        for code in route.own_problems() {
            by_status.entry(code.status()).or_default().push(code);
        }
        let references = by_status.into_iter().map(|(status, codes)| {
            let sets = self.problems.entry(status).or_default();
            let at = sets.iter().position(|known| *known == codes).unwrap_or_else(|| {
                sets.push(codes);
                sets.len() - 1
            });
            (key(status), component(&name(status, at)))
        });
        references.collect()
    }

    pub(super) fn into_components(self) -> Map<String, Value> {
        let named = |(status, sets): (u16, Vec<Vec<Code>>)| {
            let sets = sets.into_iter().enumerate();
            sets.map(move |(at, codes)| (name(status, at), problem(status, &codes)))
        };
        let problems = self.problems.into_iter().flat_map(named);
        self.answers.into_iter().chain(problems).collect()
    }

    /// Describes an answer that is no problem, or refers to its component.
    pub(super) fn answer(&mut self, given: &Answer) -> Value {
        let described = describe(given);
        match given.component {
            None => described,
            Some(name) => {
                self.answers.insert(name.to_owned(), described);
                component(name)
            }
        }
    }
}

/// Returns the key of a response: its status, or that of all others.
fn key(status: u16) -> String {
    match status {
        SHARED => "default".to_owned(),
        status => status.to_string(),
    }
}

/// Returns the name of a set of codes: `409`, `409B` and so on.
fn name(status: u16, at: usize) -> String {
    let letter = u8::try_from(at)
        .ok()
        .filter(|at| *at > 0)
        .map(|at| char::from(b'A' + at));
    key(status) + &letter.map_or_else(String::new, String::from)
}

fn problem(status: u16, codes: &[Code]) -> Value {
    let description = match (status, codes) {
        (SHARED, _) => "Any other refusal".to_owned(),
        (_, [code]) => code.title().to_owned(),
        _ => "See the code".to_owned(),
    };
    let words: Vec<&str> = codes.iter().map(|code| code.as_str()).collect();
    let mut schema = reference("Problem");
    schema["properties"] = json!({ "error": { "enum": words } });
    let mut problem = json!({
        "description": format!("{description}."),
        "content": { MEDIA_TYPE: { "schema": schema } },
    });
    let challenge = text();
    let headers = match status {
        SHARED => json!({
            "WWW-Authenticate": { "schema": challenge },
            "Retry-After": { "schema": seconds(None) },
        }),
        401 | 403 => json!({ "WWW-Authenticate": { "schema": challenge } }),
        429 => json!({ "Retry-After": { "schema": seconds(None) } }),
        503 => json!({ "Retry-After": { "schema": seconds(Some(RETRY_AFTER_SECONDS)) } }),
        _ => Value::Null,
    };
    if !headers.is_null() {
        problem["headers"] = headers;
    }
    problem
}

fn component(name: &str) -> Value {
    json!({ "$ref": format!("#/components/responses/{name}") })
}

fn describe(given: &Answer) -> Value {
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
