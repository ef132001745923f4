//! The bodies that create and change a backend.

use std::str::FromStr;

use serde_json::{Map, Value};
use storage_domain::{BackendId, Invalid, Rule};

use crate::service::BackendDraft;

/// The members of a backend.
const MEMBERS: &[&str] = &["name", "type", "config", "boot_path"];
/// The members that a creation needs.
const REQUIRED: &[&str] = &["name", "type", "config"];
/// The members of a test of a config that is not stored.
const TRIAL_MEMBERS: &[&str] = &["type", "config", "id"];

/// Reads the body of a creation; what is missing is a mistake.
pub(crate) fn creation(body: Map<String, Value>) -> BackendDraft {
    complete(body, MEMBERS, REQUIRED)
}

/// Reads the body of a test of a config that is not stored, and the id of the backend whose secrets it takes.
pub(crate) fn trial(mut body: Map<String, Value>) -> (BackendDraft, Option<BackendId>) {
    let mut problems = Vec::new();
    let id = parsed(body.remove("id"), "id", &mut problems);
    let mut draft = complete(body, TRIAL_MEMBERS, &["type", "config"]);
    draft.problems.splice(0..0, problems);
    (draft, id)
}

fn complete(body: Map<String, Value>, members: &[&str], required: &[&str]) -> BackendDraft {
    let is_missing = |member: &&&str| body.get(**member).is_none_or(Value::is_null);
    let missing: Vec<&str> = required.iter().filter(is_missing).copied().collect();
    let mut draft = read(body, members);
    let rule = Rule::new("is required");
    let missing = missing.into_iter().map(|member| Invalid::at("", member, &rule));
    draft.problems.extend(missing);
    draft
}

/// Reads the body of a change; what is missing, or null, stays as it is. A `boot_path` of null is none.
pub(crate) fn update(body: Map<String, Value>) -> BackendDraft {
    read(body, MEMBERS)
}

fn read(mut body: Map<String, Value>, members: &[&str]) -> BackendDraft {
    let mut problems = Vec::new();
    let named = members.contains(&"name").then(|| body.remove("name")).flatten();
    let name = parsed(named, "name", &mut problems);
    let kind = parsed(body.remove("type"), "type", &mut problems);
    let config = match body.remove("config") {
        None | Some(Value::Null) => None,
        Some(Value::Object(members)) => Some(members),
        Some(_) => {
            problems.push(Invalid::at("", "config", &Rule::new("must be an object")));
            None
        }
    };
    let boot_path = members.contains(&"boot_path").then(|| body.remove("boot_path"));
    let boot_path = match boot_path.flatten() {
        None => None,
        Some(Value::Null) => Some(None),
        given => parsed(given, "boot_path", &mut problems).map(Some),
    };
    for member in body.keys() {
        let rule = format!("is not a member here; the members are {}", members.join(", "));
        problems.push(Invalid::at("", member, &Rule::new(rule)));
    }
    BackendDraft {
        name,
        kind,
        config,
        boot_path,
        problems,
    }
}

/// A member that is a string of a type that parses itself; null is the same as absent.
pub(super) fn parsed<T: FromStr<Err = Rule>>(
    value: Option<Value>,
    member: &str,
    problems: &mut Vec<Invalid>,
) -> Option<T> {
    let rule = match value? {
        Value::Null => return None,
        Value::String(text) => match text.parse() {
            Ok(value) => return Some(value),
            Err(rule) => rule,
        },
        _ => Rule::new("must be a string"),
    };
    problems.push(Invalid::at("", member, &rule));
    None
}
