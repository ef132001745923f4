//! The bodies that create and change a backend.

use std::str::FromStr;

use serde_json::{Map, Value};
use storage_domain::{Invalid, Rule};

use crate::service::BackendDraft;

/// The members that a body may have.
const MEMBERS: [&str; 3] = ["name", "type", "config"];

/// Reads the body of a creation; what is missing is a mistake.
pub(crate) fn creation(body: Map<String, Value>) -> BackendDraft {
    let missing: Vec<&str> = MEMBERS
        .into_iter()
        .filter(|member| body.get(*member).is_none_or(Value::is_null))
        .collect();
    let mut draft = read(body);
    for member in missing {
        draft
            .problems
            .push(Invalid::at("", member, &Rule::new("is required")));
    }
    draft
}

/// Reads the body of a change; what is missing, or null, stays as it is.
pub(crate) fn update(body: Map<String, Value>) -> BackendDraft {
    read(body)
}

fn read(mut body: Map<String, Value>) -> BackendDraft {
    let mut problems = Vec::new();
    let name = parsed(body.remove("name"), "name", &mut problems);
    let kind = parsed(body.remove("type"), "type", &mut problems);
    let config = match body.remove("config") {
        None | Some(Value::Null) => None,
        Some(Value::Object(members)) => Some(members),
        Some(_) => {
            problems.push(Invalid::at("", "config", &Rule::new("must be an object")));
            None
        }
    };
    for member in body.keys() {
        let rule = format!(
            "is not a member of a backend; the members are {}",
            MEMBERS.join(", ")
        );
        problems.push(Invalid::at("", member, &Rule::new(rule)));
    }
    BackendDraft {
        name,
        kind,
        config,
        problems,
    }
}

/// A member that is a string of a type that parses itself; null is the same as absent.
fn parsed<T: FromStr<Err = Rule>>(
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
