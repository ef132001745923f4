//! The result of a test as it is shown.

use serde::Serialize;
use storage_domain::{Check, Outcome};

use super::{TargetDto, timestamp};
use crate::app::{TestOutcome, millis};

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
    duration_ms: u64,
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
            duration_ms: millis(outcome.duration),
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
