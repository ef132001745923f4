//! What a probe means: its outcome for clients, what is stored of it, and whether that is new.

use std::sync::Arc;
use std::time::Duration;

use storage_backends::{Backend as LiveBackend, Error, ErrorKind};
use storage_domain::{
    Backend, BackendStatus, Check, FindingId, IscsiTarget, LastTest, MountInForce, Outcome, ProbeReport,
    Revision, Stats,
};
use storage_persistence::Measurement;
use time::OffsetDateTime;

use super::messages::explain;
use super::schedule::RECHECK;
use crate::chain::Chain;

/// What a test found.
#[derive(Debug, Clone)]
pub struct TestOutcome {
    /// The revision of the config that was tested.
    pub revision: Revision,
    /// Whether the backend can be used.
    pub success: bool,
    /// What failed and what to do, or what was found.
    pub message: String,
    /// Identity of what was found, figures such as sizes aside.
    pub finding: FindingId,
    /// The steps, in the order in which they ran.
    pub checks: Vec<Check>,
    /// How the backend is mounted, if it is.
    pub mount: Option<MountInForce>,
    /// Warnings about what the config allows.
    pub warnings: Vec<String>,
    /// The targets that were found, if the storage has targets.
    pub targets: Option<Vec<IscsiTarget>>,
    /// Since when an earlier call on this backend hangs in the kernel, if one does.
    pub stuck_since: Option<OffsetDateTime>,
    /// How long the test took.
    pub duration: Duration,
}

/// What a probe gave, and the live backend if there was one.
pub(super) type ProbeResult = Result<(Arc<dyn LiveBackend>, ProbeReport), Error>;

/// What a test is to the readers of its backend.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Detected {
    /// Another state or another finding: it is stored, and is an event.
    Change,
    /// A test that a client asked for, with the stored result once more: it is stored.
    Repetition,
    /// Other sizes: they are stored, because lists show them.
    Sizes,
    /// A first failure of a backend that was online: it is checked again before anything is stored.
    SoftFailure,
    /// What is stored says the same. Storing it again would make the entity tag of each reader stale.
    Nothing,
}

impl Detected {
    pub(super) fn is_stored(self) -> bool {
        matches!(self, Self::Change | Self::Repetition | Self::Sizes)
    }
}

/// What change detection knows of a test besides its outcome.
pub(super) struct Circumstances {
    pub(super) is_scheduled: bool,
    /// Whether the backend passed its test before this one.
    pub(super) is_first_failure: bool,
    /// After how long a small change of the sizes is stored too.
    pub(super) sizes_are_old_after: Duration,
}

/// Compares what a test found with what is stored.
pub(super) fn detect(
    backend: &Backend,
    outcome: &TestOutcome,
    found: &Measurement,
    circumstances: &Circumstances,
) -> Detected {
    let was_online = backend.status == BackendStatus::Online;
    if circumstances.is_scheduled
        && was_online
        && !outcome.success
        && outcome.stuck_since.is_none()
        // A server that was waited for so long is no hiccup.
        && outcome.duration < RECHECK
        && circumstances.is_first_failure
    {
        return Detected::SoftFailure;
    }
    let stored = backend.last_test.as_ref().and_then(|test| test.finding);
    if Some(backend.status) != found.status || stored != Some(outcome.finding) {
        Detected::Change
    } else if !circumstances.is_scheduled {
        Detected::Repetition
    } else if sizes_are_off(backend, &found.stats, circumstances.sizes_are_old_after) {
        Detected::Sizes
    } else {
        Detected::Nothing
    }
}

/// Whether the stored sizes are off by much, or by a little for long.
fn sizes_are_off(backend: &Backend, found: &Stats, old_after: Duration) -> bool {
    let age = || Some(now() - backend.last_test.as_ref()?.at);
    found.is_off(&backend.stats)
        || (found.has_other_sizes(&backend.stats) && age().is_none_or(|age| age >= old_after))
}

/// Turns a probe into its outcome and what is stored of it.
pub(super) fn classify(
    revision: Revision,
    probed: ProbeResult,
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

/// Makes one failed check of a probe that could not run.
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
        finding: FindingId::of("probe", &error.to_string()),
        checks: vec![check],
        mount: None,
        warnings: Vec::new(),
        targets: None,
        stuck_since,
        duration: Duration::ZERO,
    }
}

/// Returns the time in UTC, to the millisecond.
fn now() -> OffsetDateTime {
    let now = OffsetDateTime::now_utc();
    now.replace_nanosecond(u32::from(now.millisecond()) * 1_000_000)
        .unwrap_or(now)
}

/// Returns whole milliseconds, for the wire and the log.
pub(crate) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
