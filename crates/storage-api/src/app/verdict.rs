//! What a probe means: what the client is told, and what is stored.

use std::sync::Arc;
use std::time::Duration;

use storage_backends::{Backend as LiveBackend, Error, ErrorKind};
use storage_domain::{BackendStatus, Check, FindingId, LastTest, Outcome, ProbeReport, Revision, Stats};
use storage_persistence::Measurement;
use time::OffsetDateTime;

use super::explain::explain;
use super::testing::TestOutcome;
use crate::chain::Chain;

/// What a probe gave, and the live backend where there was one.
pub(super) type Probed = Result<(Arc<dyn LiveBackend>, ProbeReport), Error>;

/// What the client is told, and what is stored.
pub(super) fn judge(
    revision: Revision,
    probed: Probed,
) -> (Option<Arc<dyn LiveBackend>>, TestOutcome, Measurement) {
    let mut stats = Stats::default();
    let (live, outcome) = match probed {
        Ok((live, report)) => {
            if let Some(capacity) = report.capacity.filter(|_| report.passed()) {
                stats.used = Some(capacity.used);
                stats.total = Some(capacity.total);
                if report.targets.is_some() {
                    // Block storage holds no files that could be counted.
                    stats.file_count = Some(0);
                    stats.template_count = Some(0);
                }
            }
            (Some(live), reported(revision, report))
        }
        Err(error) => (None, not_probed(revision, &error)),
    };
    let found = Measurement {
        status: Some(if outcome.success {
            BackendStatus::Online
        } else {
            BackendStatus::Error
        }),
        last_test: Some(LastTest {
            at: now(),
            message: outcome.message.clone(),
            finding: Some(outcome.finding),
        }),
        stats,
    };
    (live, outcome, found)
}

fn reported(revision: Revision, report: ProbeReport) -> TestOutcome {
    TestOutcome {
        revision,
        success: report.passed(),
        message: report.message().to_owned(),
        finding: report.finding,
        checks: report.checks,
        mount: report.mount,
        warnings: report.warnings,
        targets: report.targets,
        stuck_since: None,
        duration: report.duration,
    }
}

/// A probe that could not run, as one failed check.
fn not_probed(revision: Revision, error: &Error) -> TestOutcome {
    tracing::warn!(error = %Chain(error), "the probe could not run");
    let message = explain(error);
    let check = Check {
        name: "probe",
        outcome: Outcome::Failed,
        detail: message.clone(),
        duration: Duration::ZERO,
    };
    let stuck_since = match error.kind() {
        ErrorKind::Stuck { since, .. } => Some(*since),
        _ => None,
    };
    TestOutcome {
        revision,
        success: false,
        message,
        finding: identify(error),
        checks: vec![check],
        mount: None,
        warnings: Vec::new(),
        targets: None,
        stuck_since,
        duration: Duration::ZERO,
    }
}

/// Returns the identity of a probe that could not run: its step and its kind of failure.
fn identify(error: &Error) -> FindingId {
    FindingId::of("probe", &error.to_string())
}

/// Now, in UTC, to the millisecond.
fn now() -> OffsetDateTime {
    let now = OffsetDateTime::now_utc();
    now.replace_nanosecond(u32::from(now.millisecond()) * 1_000_000)
        .unwrap_or(now)
}
