//! Asks backends, and reads their answers.

use std::sync::Arc;
use std::time::Duration;

use storage_backends::{Backend, Error, OpContext, ScanReport, Tree};
use storage_domain::{Check, Outcome, ProbeReport};

pub(crate) fn cx() -> OpContext {
    OpContext::within(Duration::from_mins(1))
}

/// Probes, and sees to it that all checks are there and that nothing of what is secret is told.
pub(crate) async fn probe(backend: &impl Backend, expected: &[&str], secrets: &[&str]) -> ProbeReport {
    let report = backend.probe(&cx()).await.unwrap();
    let names: Vec<&str> = report.checks.iter().map(|check| check.name).collect();
    assert_eq!(names, expected);
    let shown = format!("{report:?} {backend:?} {}", report.message());
    assert!(!secrets.iter().any(|secret| shown.contains(secret)), "{shown}");
    report
}

pub(crate) fn check<'a>(report: &'a ProbeReport, name: &str) -> &'a Check {
    report.checks.iter().find(|check| check.name == name).unwrap()
}

/// The check that failed, with its sentence.
pub(crate) fn failure(report: &ProbeReport) -> (&'static str, &str) {
    let failed: Vec<&Check> = report
        .checks
        .iter()
        .filter(|check| check.outcome == Outcome::Failed)
        .collect();
    assert_eq!(failed.len(), 1, "{report:#?}");
    (failed[0].name, &failed[0].detail)
}

pub(crate) async fn scan(backend: &impl Tree) -> ScanReport {
    backend.scan(&cx(), Arc::default()).await.unwrap()
}

/// An error and its cause.
pub(crate) fn told(error: &Error) -> String {
    let cause = std::error::Error::source(error).map(ToString::to_string);
    format!("{error}: {}", cause.unwrap_or_default())
}
