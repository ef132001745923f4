//! The S3 backend against real servers, and against servers that misbehave.

mod account;
mod addressing;
mod changes;
mod conformance;
mod discovery;
pub(crate) mod fake;
mod fakes;
mod files;
mod fixtures;
mod garage;
mod listings;
mod memory;
mod oddities;
mod real;
mod refusals;
mod s3s_fs;
mod secrets;
mod store;
mod swift;
mod tls;
mod trees;
mod uploads;
mod virtual_hosts;

use asking::{check, cx, failure, scan};
use serde_json::{Value, json};
use storage_backends::Settings;
use storage_backends::http::Limits;
use storage_backends::s3::S3Backend;
use storage_domain::{BackendConfig, BackendKind, ProbeReport};

use crate::support::port::free_port;
use crate::support::{asking, closed, site};

/// A secret that must never be seen anywhere.
const CANARY: &str = "canary-hush-secret/+=";

/// A backend from the members of its config.
fn backend_with(config: Value, limits: Limits) -> S3Backend {
    backend_in(&Settings::new(None), config, limits)
}

fn backend_in(settings: &Settings, mut config: Value, limits: Limits) -> S3Backend {
    let members = config.as_object_mut().unwrap();
    let BackendConfig::S3(s3) = BackendConfig::parse(BackendKind::S3, members).unwrap() else {
        unreachable!()
    };
    S3Backend::new(&s3, settings, limits).unwrap()
}

fn backend(config: Value) -> S3Backend {
    backend_with(config, S3Backend::limits())
}

/// The config of a bucket, with the canary as its secret.
fn config(endpoint: &str, bucket: &str, key: &str) -> Value {
    json!({ "endpoint": endpoint, "bucket": bucket, "access_key_id": key, "secret_access_key": CANARY })
}

/// A config with other members.
fn with(mut config: Value, more: &Value) -> Value {
    for (name, value) in more.as_object().unwrap() {
        config[name] = value.clone();
    }
    config
}

/// Probes, and sees to it that no secret is told.
async fn probe(backend: &S3Backend) -> ProbeReport {
    asking::probe(backend, &S3Backend::CHECKS, &["hush"]).await
}
