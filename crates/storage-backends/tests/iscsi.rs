//! The iSCSI backend against real targets, and against targets that misbehave.

mod chap;
mod conformance;
mod equipment;
mod fake;
mod fakes;
mod leaving;
mod logins;
mod luns;
mod moves;
mod networks;
mod permits;
mod round_trips;

use std::time::Duration;

use serde_json::{Value, json};
use storage_backends::Settings;
use storage_backends::iscsi::{IscsiBackend, Limits};
use storage_backends::{Backend, OpContext};
use storage_domain::{BackendConfig, BackendKind, Check, IscsiConfig, Outcome, ProbeReport};

use crate::support::{closed, relay, tgt, trap};

/// Secrets that must never be seen anywhere.
const CANARY: &str = "canary-hush-one";
const OTHER_CANARY: &str = "canary-hush-two";

const INITIATOR: &str = "iqn.2026-11.lab.test:somebody";
const IQN: &str = "iqn.2026-11.lab.test:images";
const MIB: u64 = 1024 * 1024;

/// What backends know of their host, with a name that is not the default one.
fn settings() -> Settings {
    Settings {
        initiator: INITIATOR.parse().unwrap(),
        ..Settings::new(None)
    }
}

/// A backend from the members of its config beside the portal.
fn backend(port: u16, members: Value, limits: Limits) -> IscsiBackend {
    IscsiBackend::new(config(port, members), &settings(), limits)
}

/// A config of these members and a port; the target is this host where they do not say.
fn config(port: u16, mut members: Value) -> IscsiConfig {
    if members.get("target").is_none() {
        members["target"] = json!("127.0.0.1");
    }
    members["port"] = json!(port);
    let members = members.as_object().unwrap();
    let BackendConfig::Iscsi(iscsi) = BackendConfig::parse(BackendKind::Iscsi, members).unwrap() else {
        unreachable!()
    };
    iscsi
}

fn with_chap(password: &str) -> Value {
    json!({"iqn": IQN, "chap_enabled": true, "chap_username": "ops", "chap_password": password})
}

fn with_mutual(password: &str, theirs: &str) -> Value {
    let mut config = with_chap(password);
    config["mutual_chap_username"] = json!("nas");
    config["mutual_chap_password"] = json!(theirs);
    config
}

fn short() -> Limits {
    Limits {
        session: iscsi_initiator::Limits {
            answer: Duration::from_millis(400),
            logout: Duration::from_millis(400),
            ..iscsi_initiator::Limits::default()
        },
        ..Limits::default()
    }
}

fn cx() -> OpContext {
    OpContext::within(Duration::from_secs(30))
}

/// Probes, and sees to it that no secret is told and that every check is there.
async fn probe(backend: &IscsiBackend) -> ProbeReport {
    let report = backend.probe(&cx()).await.unwrap();
    let names: Vec<&str> = report.checks.iter().map(|check| check.name).collect();
    assert_eq!(
        names,
        ["resolve", "connect", "discover", "login", "luns", "capacity"]
    );
    let shown = format!("{report:?} {backend:?} {}", report.message());
    assert!(!shown.contains("hush"), "{shown}");
    report
}

fn check<'a>(report: &'a ProbeReport, name: &str) -> &'a Check {
    report.checks.iter().find(|check| check.name == name).unwrap()
}

/// The check that failed, with its sentence.
fn failure(report: &ProbeReport) -> (&'static str, &str) {
    let mut failed = report
        .checks
        .iter()
        .filter(|check| check.outcome == Outcome::Failed);
    let first = failed
        .next()
        .unwrap_or_else(|| panic!("nothing failed: {report:#?}"));
    assert!(failed.next().is_none(), "{report:#?}");
    (first.name, &first.detail)
}
