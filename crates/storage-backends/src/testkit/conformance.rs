//! What every backend keeps to, whatever kind it is.

mod changes;
mod files;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use storage_domain::{Outcome, ProbeReport};
use tokio_util::sync::CancellationToken;

use crate::backend::{Backend, MountState, UnmountMode};
use crate::context::OpContext;
use crate::error::ErrorKind;
use crate::mount::table::MountTable;
use crate::scan::ScanProgress;

/// How much later than its deadline an operation may come back: what killing a process may take.
const SLACK: Duration = Duration::from_secs(3);

/// The backends that the suite is run on.
#[derive(Debug, Clone)]
pub struct Subject {
    /// A backend whose storage is there.
    pub healthy: Arc<dyn Backend>,
    /// One of the same kind whose storage is not.
    pub unreachable: Arc<dyn Backend>,
    /// Text of the configs that no report may show.
    pub secrets: Vec<String>,
    /// How long one probe may take.
    pub limit: Duration,
}

/// Runs the whole suite.
///
/// # Panics
/// Where a backend does not keep to it; the message says what it did.
pub async fn run(subject: &Subject) {
    passes_and_is_the_same_again(subject).await;
    an_unreachable_target_is_a_report(subject).await;
    deadlines_are_kept(subject).await;
    cancelling_ends_it(subject).await;
    probes_at_once_agree(subject).await;
    files_are_counted(subject).await;
    files::are_listed_and_read(subject).await;
    changes::are_made(subject).await;
    mounts_come_and_go(subject).await;
}

/// A probe of storage that is there passes, twice, with the same checks.
async fn passes_and_is_the_same_again(subject: &Subject) {
    let first = probe(subject, &subject.healthy).await;
    assert!(first.passed(), "the healthy target failed: {}", first.message());
    assert!(is_sentence(&first.summary), "no summary: {:?}", first.summary);
    let second = probe(subject, &subject.healthy).await;
    assert_eq!(
        outcomes(&first),
        outcomes(&second),
        "a second probe found something else"
    );
}

async fn an_unreachable_target_is_a_report(subject: &Subject) {
    let report = probe(subject, &subject.unreachable).await;
    let failed = report.first_failure();
    assert!(failed.is_some(), "the unreachable target passed: {report:?}");
    assert_eq!(report.capacity, None, "nothing can have been measured");
    assert_eq!(subject.healthy.kind(), subject.unreachable.kind());
}

async fn deadlines_are_kept(subject: &Subject) {
    for backend in [&subject.healthy, &subject.unreachable] {
        let begun = Instant::now();
        let cx = OpContext::within(Duration::from_millis(1));
        let ended = backend.probe(&cx).await;
        assert!(
            begun.elapsed() < SLACK,
            "it came back {:?} too late",
            begun.elapsed()
        );
        match ended {
            Ok(report) => check_report(subject, &report),
            Err(error) => assert!(error.is_timeout(), "{error:?}"),
        }
    }
}

async fn cancelling_ends_it(subject: &Subject) {
    let cancel = CancellationToken::new();
    cancel.cancel();
    let cx = OpContext::within(subject.limit).with_cancel(cancel);
    let begun = Instant::now();
    let ended = subject.healthy.probe(&cx).await;
    assert!(begun.elapsed() < SLACK, "cancelling took {:?}", begun.elapsed());
    if let Err(error) = ended {
        assert!(error.is_cancelled(), "{error:?}");
    }
}

async fn probes_at_once_agree(subject: &Subject) {
    let (a, b, c) = tokio::join!(
        probe(subject, &subject.healthy),
        probe(subject, &subject.healthy),
        probe(subject, &subject.unreachable)
    );
    assert!(a.passed() && b.passed() && !c.passed(), "{a:?}\n{b:?}\n{c:?}");
}

async fn files_are_counted(subject: &Subject) {
    let Some(files) = subject.healthy.as_tree() else {
        return;
    };
    let progress = Arc::new(ScanProgress::default());
    let cx = OpContext::within(subject.limit);
    match files.scan(&cx, Arc::clone(&progress)).await {
        Ok(report) => {
            assert!(report.templates <= report.files, "{report:?}");
            assert_eq!(progress.files(), report.files, "the progress ends at the count");
        }
        Err(error) => assert!(*error.kind() == ErrorKind::NotListable, "{error:?}"),
    }
    let cancel = CancellationToken::new();
    cancel.cancel();
    let cx = OpContext::within(subject.limit).with_cancel(cancel);
    if let Err(error) = files.scan(&cx, progress).await {
        assert!(!error.is_temporary(), "{error:?}");
    }
}

/// A probe that passed leaves the backend mounted, unmounting twice is fine, and a probe mounts again.
async fn mounts_come_and_go(subject: &Subject) {
    let Some(mount) = subject.healthy.as_mount() else {
        return;
    };
    let state = || {
        let mounts = MountTable::read().unwrap_or_else(|error| panic!("{error:?}"));
        mount.state(&mounts)
    };
    let cx = OpContext::within(subject.limit);
    let before = probe(subject, &subject.healthy).await;
    let mounts = before
        .checks
        .iter()
        .all(|c| c.name != "mount" || c.outcome == Outcome::Passed);
    for _ in 0..2 {
        let done = mount.unmount(&cx, UnmountMode::Plain).await;
        assert!(done.is_ok(), "{done:?}");
        assert_eq!(state(), MountState::Unmounted);
    }
    probe(subject, &subject.healthy).await;
    let expected = if mounts {
        MountState::Mounted
    } else {
        MountState::Unmounted
    };
    assert_eq!(state(), expected);
}

async fn probe(subject: &Subject, backend: &Arc<dyn Backend>) -> ProbeReport {
    let begun = Instant::now();
    let cx = OpContext::within(subject.limit);
    let report = backend
        .probe(&cx)
        .await
        .unwrap_or_else(|error| panic!("the probe could not run: {error:?}"));
    assert!(begun.elapsed() < subject.limit + SLACK, "the probe was late");
    check_report(subject, &report);
    report
}

fn check_report(subject: &Subject, report: &ProbeReport) {
    assert!(!report.checks.is_empty(), "a report without checks");
    let names: BTreeSet<_> = report.checks.iter().map(|c| c.name).collect();
    assert_eq!(
        names.len(),
        report.checks.len(),
        "a check's name comes twice: {report:?}"
    );
    for check in &report.checks {
        assert!(
            is_sentence(&check.detail),
            "{} says {:?}",
            check.name,
            check.detail
        );
    }
    let shown = format!("{report:?}");
    for secret in &subject.secrets {
        assert!(!shown.contains(secret.as_str()), "a secret is shown: {shown}");
    }
}

fn outcomes(report: &ProbeReport) -> Vec<(&'static str, Outcome)> {
    report.checks.iter().map(|c| (c.name, c.outcome)).collect()
}

/// One line of words that begins like a sentence and does not end like several.
fn is_sentence(text: &str) -> bool {
    text.contains(' ') && !text.contains('\n') && text.trim() == text && !text.contains("Error {")
}
