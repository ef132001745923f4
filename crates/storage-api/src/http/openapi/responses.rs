//! Responses: what an operation answers, and the problems that many share.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::schema::{binary, one_of, reference, seconds, text};
use crate::error::RETRY_AFTER_SECONDS;
use crate::http::route::{Answer, Content, NAMED_PROBLEMS, Route};
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
    /// The schemas of bodies that several operations answer without header fields.
    repeated: BTreeSet<&'static str>,
}

impl Responses {
    /// Begins with the bodies that several of these routes answer.
    pub(super) fn of(table: &[Route]) -> Self {
        let mut seen = BTreeSet::new();
        let bodies = table.iter().flat_map(|route| &route.answers).filter_map(plain);
        Self {
            repeated: bodies.filter(|body| !seen.insert(*body)).collect(),
            ..Self::default()
        }
    }

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

    /// Describes an answer that is no problem, or refers to its component, with its own description if that is another one.
    pub(super) fn answer(&mut self, given: &Answer) -> Value {
        let described = describe(given);
        let repeated = plain(given).filter(|body| self.repeated.contains(body));
        let Some(name) = given.component.or(repeated) else {
            return described;
        };
        let mut answer = component(name);
        let known = self.answers.entry(name).or_insert_with(|| described.clone());
        if known["description"] != described["description"] {
            answer["description"] = given.description.into();
        }
        answer
    }
}

/// Returns the schema of an answer that is nothing but a JSON body.
fn plain(given: &Answer) -> Option<&'static str> {
    match given.content {
        Content::Json(schema) if given.headers.is_empty() => Some(schema),
        _ => None,
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
    let mut schema = reference("Problem");
    schema["properties"] = json!({ "error": any_of(codes) });
    let mut problem = json!({
        "description": format!("{description}."),
        "content": { MEDIA_TYPE: { "schema": schema } },
    });
    let challenge = text();
    let headers = match status {
        SHARED if !codes.contains(&Code::RateLimited) => Value::Null,
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

/// Describes one of these codes, by the sets that have names as far as these are among them.
fn any_of(codes: &[Code]) -> Value {
    let mut rest = codes.to_vec();
    let mut choices = Vec::new();
    for (name, set) in NAMED_PROBLEMS {
        let set = set.concat();
        if set.iter().all(|code| codes.contains(code)) {
            rest.retain(|code| !set.contains(code));
            choices.push(reference(name));
        }
    }
    if !rest.is_empty() {
        choices.push(enumeration(&rest));
    }
    match choices.len() {
        1 => choices.remove(0),
        _ => json!({ "anyOf": choices }),
    }
}

fn enumeration(codes: &[Code]) -> Value {
    let words: Vec<&str> = codes.iter().map(|code| code.as_str()).collect();
    one_of(&words)
}

/// Returns the schemas of the sets that have names.
pub(super) fn sets() -> impl Iterator<Item = (String, Value)> {
    let sets = NAMED_PROBLEMS.into_iter();
    sets.map(|(name, set)| (name.to_owned(), enumeration(&set.concat())))
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
