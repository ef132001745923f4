//! Links to files.

use serde::Serialize;
use serde_json::{Map, Value};
use storage_domain::{FilePath, Invalid, Rule};
use time::Duration;

use super::members::Members;
use crate::error::ApiError;
use crate::problem::{Code, Problem};

/// How long a link is valid by default, in seconds.
pub(crate) const DEFAULT_LINK_SECONDS: u32 = 600;
/// The longest time that a link is valid, in seconds.
pub(crate) const MAX_LINK_SECONDS: u32 = 7 * 24 * 3600;

/// A link.
#[derive(Debug, Serialize)]
pub(crate) struct LinkDto {
    pub(crate) url: String,
    pub(crate) expires_at: String,
}

/// Reads which file a link leads to, and how long it is valid.
pub(crate) fn link(body: Map<String, Value>) -> Result<(FilePath, Duration), ApiError> {
    let mut members = Members::new(body);
    let path = members.required("path");
    let seconds = match members.take("expires_in") {
        None => Some(DEFAULT_LINK_SECONDS),
        Some(value) => value.as_f64().and_then(whole_seconds),
    };
    let seconds = seconds.filter(|n| (1..=MAX_LINK_SECONDS).contains(n));
    if seconds.is_none() {
        let rule = format!("must be a whole number of seconds from 1 to {MAX_LINK_SECONDS}");
        members.refuse("expires_in", &Rule::new(rule));
    }
    members.finish()?;
    // Without them there is a problem.
    let seconds = seconds.unwrap_or(DEFAULT_LINK_SECONDS);
    Ok((
        path.unwrap_or_else(FilePath::root),
        Duration::seconds(seconds.into()),
    ))
}

/// Returns a number without a fraction, however JSON spells it.
fn whole_seconds(number: f64) -> Option<u32> {
    let is_whole = number.fract() == 0.0 && (0.0..=f64::from(u32::MAX)).contains(&number);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the range is checked"
    )]
    is_whole.then_some(number as u32)
}

/// The error of a path whose link no client could send.
pub(crate) fn too_long_for_a_link() -> ApiError {
    let rule = Rule::new("is too long for a link");
    Problem::of_input(Code::InvalidRequest, vec![Invalid::at("", "path", &rule)]).into()
}
