//! The result of a test as it is shown.

use serde::Serialize;
use storage_domain::{Check, MountInForce, Outcome};

use super::{TargetDto, timestamp};
use crate::service::{TestOutcome, millis};

/// What a test found.
#[derive(Debug, Serialize)]
pub(crate) struct TestDto<'a> {
    success: bool,
    message: &'a str,
    checks: Vec<CheckDto<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    targets: Option<Vec<TargetDto<'a>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stuck_since: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mount: Option<MountDto<'a>>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    warnings: &'a [String],
    duration_ms: u64,
}

/// How a backend is mounted, as the kernel has it.
#[derive(Debug, Serialize)]
struct MountDto<'a> {
    source: &'a str,
    version: Option<&'a str>,
    read_write: bool,
    options: &'a [String],
    gives_up_after_ms: Option<u64>,
}

#[derive(Debug, Serialize)]
struct CheckDto<'a> {
    name: &'static str,
    outcome: Outcome,
    detail: &'a str,
    duration_ms: u64,
}

impl<'a> From<&'a TestOutcome> for TestDto<'a> {
    fn from(outcome: &'a TestOutcome) -> Self {
        Self {
            success: outcome.success,
            message: &outcome.message,
            checks: outcome.checks.iter().map(CheckDto::from).collect(),
            targets: outcome
                .targets
                .as_deref()
                .map(|targets| targets.iter().map(TargetDto::from).collect()),
            stuck_since: outcome.stuck_since.map(timestamp),
            mount: outcome.mount.as_ref().map(MountDto::from),
            warnings: &outcome.warnings,
            duration_ms: millis(outcome.duration),
        }
    }
}

impl<'a> From<&'a MountInForce> for MountDto<'a> {
    fn from(mount: &'a MountInForce) -> Self {
        Self {
            source: &mount.source,
            version: mount.version.as_deref(),
            read_write: mount.read_write,
            options: &mount.options,
            gives_up_after_ms: mount.gives_up_after.map(millis),
        }
    }
}

impl<'a> From<&'a Check> for CheckDto<'a> {
    fn from(check: &'a Check) -> Self {
        Self {
            name: check.name,
            outcome: check.outcome,
            detail: &check.detail,
            duration_ms: millis(check.duration),
        }
    }
}
