//! The HTTP backend against real web servers, and against servers that misbehave.

mod answers;
mod conformance;
mod fakes;
mod files;
mod fixtures;
mod formats;
mod lines;
mod listings;
mod loops;
mod negotiation;
mod networks;
mod patience;
mod real;
mod servers;
mod slow;
mod stages;
mod tls;

use asking::{check, cx, failure, scan, told};
use serde_json::{Value, json};
use storage_backends::http::{HttpBackend, Limits};
use storage_backends::{ScanReport, Settings};
use storage_domain::{BackendConfig, BackendKind, ProbeReport};

use crate::support::port::free_port;
use crate::support::{asking, closed, trap};

/// A secret that must never be seen anywhere.
const CANARY: &str = "canary-hush-pässwörd:€";

/// A backend from the members of its config.
fn backend(config: Value, limits: Limits) -> HttpBackend {
    backend_in(&Settings::new(None), config, limits)
}

fn backend_in(settings: &Settings, mut config: Value, limits: Limits) -> HttpBackend {
    let members = config.as_object_mut().unwrap();
    let BackendConfig::Http(http) = BackendConfig::parse(BackendKind::Http, members).unwrap() else {
        unreachable!()
    };
    HttpBackend::new(&http, settings, limits).unwrap()
}

fn plain(url: &str) -> HttpBackend {
    backend(json!({ "base_url": url }), Limits::default())
}

fn with_basic(url: &str, password: &str) -> Value {
    json!({ "base_url": url, "auth_method": "basic", "username": "ops", "password": password })
}

/// Counts, and compares files, directories and errors.
async fn scan_finds(backend: &HttpBackend, expected: (u64, u64, u64)) -> ScanReport {
    let counted = scan(backend).await;
    let found = (counted.files, counted.directories, counted.errors);
    assert_eq!(found, expected, "{counted:?}");
    counted
}

/// Probes, and sees to it that no secret is told.
async fn probe(backend: &HttpBackend) -> ProbeReport {
    const CHECKS: [&str; 6] = ["resolve", "connect", "tls", "auth", "status", "boot"];
    asking::probe(backend, &CHECKS, &["hush", "Y2FuYXJ5"]).await
}
