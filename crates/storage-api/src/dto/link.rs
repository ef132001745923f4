//! Links to files.

use serde::Serialize;
use serde_json::{Map, Value};
use storage_domain::{FilePath, Invalid, Rule};
use time::{Duration, OffsetDateTime};

use super::draft::parsed;
use crate::error::ApiError;
use crate::problem::{Code, Problem};

/// How long a link is valid without a word of the client, in seconds.
pub(crate) const DEFAULT_LINK_SECONDS: u32 = 600;
/// The longest time that a link is valid, in seconds.
pub(crate) const MAX_LINK_SECONDS: u32 = 7 * 24 * 3600;

/// A link.
#[derive(Debug, Serialize)]
pub(crate) struct LinkDto {
    pub(crate) url: String,
    #[serde(with = "time::serde::rfc3339")]
    pub(crate) expires_at: OffsetDateTime,
}

/// Reads which file a link leads to, and how long it is valid.
pub(crate) fn link(mut body: Map<String, Value>) -> Result<(FilePath, Duration), ApiError> {
    let mut problems = Vec::new();
    let path = parsed::<FilePath>(body.remove("path"), "path", &mut problems);
    let seconds = match body.remove("expires_in") {
        None | Some(Value::Null) => Some(DEFAULT_LINK_SECONDS),
        Some(value) => value.as_u64().and_then(|n| u32::try_from(n).ok()),
    };
    let seconds = seconds.filter(|n| (1..=MAX_LINK_SECONDS).contains(n));
    if seconds.is_none() {
        let rule = format!("must be a whole number of seconds from 1 to {MAX_LINK_SECONDS}");
        problems.push(Invalid::at("", "expires_in", &Rule::new(rule)));
    }
    if path.is_none() && problems.iter().all(|problem| problem.pointer() != "/path") {
        problems.push(Invalid::at("", "path", &Rule::new("is required")));
    }
    for member in body.keys() {
        let rule = Rule::new("is not a member here; the members are path, expires_in");
        problems.push(Invalid::at("", member, &rule));
    }
    match (path, seconds) {
        (Some(path), Some(seconds)) if problems.is_empty() => Ok((path, Duration::seconds(seconds.into()))),
        _ => Err(Problem::of_input(Code::InvalidRequest, problems).into()),
    }
}
