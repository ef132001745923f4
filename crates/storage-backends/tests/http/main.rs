//! The HTTP backend against real web servers, and against servers that misbehave.

#![expect(clippy::unwrap_used, reason = "a test that can't go on has failed")]

mod conformance;
mod fakes;
mod fixtures;
mod real;
mod servers;
mod stages;
mod tls;

use std::time::Duration;

use serde_json::{Value, json};
use storage_backends::http::{HttpBackend, Limits};
use storage_backends::{Backend, Files, OpContext, ScanReport, Settings};
use storage_domain::{BackendConfig, BackendKind, Check, Outcome, ProbeReport};

/// A secret that must never be seen anywhere.
const CANARY: &str = "canary-hush-pässwörd:€";

/// A backend from the members of its config.
fn backend(mut config: Value, limits: Limits) -> HttpBackend {
    let members = config.as_object_mut().unwrap();
    let BackendConfig::Http(http) = BackendConfig::parse(BackendKind::Http, members).unwrap() else {
        unreachable!()
    };
    HttpBackend::with_limits(&http, &Settings::new(None), limits).unwrap()
}

fn plain(url: &str) -> HttpBackend {
    backend(json!({ "base_url": url }), Limits::default())
}

fn with_basic(url: &str, password: &str) -> Value {
    json!({ "base_url": url, "auth_method": "basic", "username": "ops", "password": password })
}

fn cx() -> OpContext {
    OpContext::within(Duration::from_secs(30))
}

/// Probes, and sees to it that no secret is told.
async fn probe(backend: &HttpBackend) -> ProbeReport {
    let report = backend.probe(&cx()).await.unwrap();
    let names: Vec<&str> = report.checks.iter().map(|check| check.name).collect();
    assert_eq!(names, ["resolve", "connect", "tls", "auth", "status", "boot"]);
    let shown = format!("{report:?} {backend:?} {}", report.message());
    assert!(!shown.contains("hush") && !shown.contains("Y2FuYXJ5"), "{shown}");
    report
}

fn check<'a>(report: &'a ProbeReport, name: &str) -> &'a Check {
    report.checks.iter().find(|check| check.name == name).unwrap()
}

/// The check that failed, with its sentence.
fn failure(report: &ProbeReport) -> (&'static str, &str) {
    let failed: Vec<&Check> = report
        .checks
        .iter()
        .filter(|c| c.outcome == Outcome::Failed)
        .collect();
    assert_eq!(failed.len(), 1, "{report:#?}");
    (failed[0].name, &failed[0].detail)
}

async fn scan(backend: &HttpBackend) -> ScanReport {
    backend.scan(&cx(), std::sync::Arc::default()).await.unwrap()
}
