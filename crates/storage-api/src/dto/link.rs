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
/// The longest time that a link to a download is valid, in seconds.
const MAX_LINK_SECONDS: u32 = 7 * 24 * 3600;
/// The longest time that a link to a boot file is valid, in seconds.
pub(crate) const MAX_BOOT_LINK_SECONDS: u32 = 30 * 24 * 3600;

/// A link.
#[derive(Debug, Serialize)]
pub(crate) struct LinkDto {
    pub(crate) url: String,
    pub(crate) expires_at: String,
}

/// The link that a client asks for.
pub(crate) struct LinkRequest {
    pub(crate) path: FilePath,
    pub(crate) lifetime: Duration,
    /// Whether it leads to the boot listener.
    pub(crate) boot: bool,
}

/// Reads which file a link leads to, and how long it is valid.
pub(crate) fn link(body: Map<String, Value>) -> Result<LinkRequest, ApiError> {
    let mut members = Members::new(body);
    let path = members.required("path");
    let boot = members.flag("boot").unwrap_or(false);
    let most = if boot {
        MAX_BOOT_LINK_SECONDS
    } else {
        MAX_LINK_SECONDS
    };
    let seconds = match members.take("expires_in") {
        None => Some(DEFAULT_LINK_SECONDS),
        Some(value) => value.as_f64().and_then(whole_seconds),
    };
    let seconds = seconds.filter(|n| (1..=most).contains(n));
    if seconds.is_none() {
        let rule = format!("must be a whole number of seconds from 1 to {most}");
        members.refuse("expires_in", &Rule::new(rule));
    }
    members.finish()?;
    // Without them there is a problem.
    let seconds = seconds.unwrap_or(DEFAULT_LINK_SECONDS);
    Ok(LinkRequest {
        path: path.unwrap_or_else(FilePath::root),
        lifetime: Duration::seconds(seconds.into()),
        boot,
    })
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

/// The error of a file that machines which boot may not read.
pub(crate) fn not_a_boot_file() -> ApiError {
    let rule = Rule::new("must be below the boot_path of the backend, which an admin sets");
    Problem::of_input(Code::InvalidRequest, vec![Invalid::at("", "path", &rule)]).into()
}

/// The error of a path whose link no client could send.
pub(crate) fn too_long_for_a_link() -> ApiError {
    let rule = Rule::new("is too long for a link");
    Problem::of_input(Code::InvalidRequest, vec![Invalid::at("", "path", &rule)]).into()
}
