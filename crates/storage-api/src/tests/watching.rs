//! Backends that are looked at without being asked.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use storage_backends::testkit::{FakeBackend, FakeCalls};
use storage_backends::{Backend as LiveBackend, MountState, ScanReport};
use storage_domain::{BackendKind, BackendStatus};
use storage_persistence::Measurement;

use super::concurrency::{PATIENCE, id_of, until};
use super::harness::Api;
use crate::AppSettings;
use crate::service::Permit;

const INTERVAL: Duration = Duration::from_millis(40);
pub(super) const NEVER: Duration = Duration::from_hours(1);

/// An application that watches one fake, which is registered and tested.
pub(super) async fn watching(fake: FakeBackend, scan_interval: Duration) -> (Api, Arc<FakeBackend>, String) {
    let fake = Arc::new(fake);
    let settings = AppSettings {
        watch_interval: Some(INTERVAL),
        scan_interval,
        ..Api::settings()
    };
    let built = Arc::clone(&fake);
    let api = Api::set(settings, move |_| built.clone()).await;
    let path = api.create("nas", BackendKind::Nfs).await;
    assert!(
        api.app
            .test(id_of(&path), Permit::none(), |_| ())
            .await
            .unwrap()
            .success
    );
    api.app.watch();
    (api, fake, path)
}

async fn looks(calls: &FakeCalls, more: u32) {
    let wanted = calls.probes() + more;
    until("more looks", async || calls.probes() >= wanted).await;
}

async fn status(api: &Api, path: &str) -> Value {
    api.call("GET", path, None).await.data()["status"].clone()
}

pub(super) fn counted() -> FakeBackend {
    counted_with(0)
}

fn counted_with(errors: u64) -> FakeBackend {
    let report = ScanReport {
        files: 3,
        errors,
        ..ScanReport::default()
    };
    FakeBackend::healthy(BackendKind::Nfs)
        .mountable(MountState::Unmounted)
        .with_tree(report, Duration::ZERO)
}

#[actix_web::test]
async fn a_backend_that_fails_is_told_and_comes_back_by_itself() {
    let (api, fake, path) = watching(counted(), NEVER).await;
    fake.fail(u32::MAX);
    until("the failure", async || status(&api, &path).await == "error").await;
    let shown = api.call("GET", &path, None).await;
    let said = shown.data()["last_test"]["message"].as_str().unwrap().to_owned();
    assert!(said.contains("does not answer"), "{said}");
    let scans = fake.calls().scans();
    fake.fail(0);
    until("the recovery", async || status(&api, &path).await == "online").await;
    until("a new count", async || fake.calls().scans() == scans + 1).await;
    api.app.shutdown(PATIENCE).await;
}

#[actix_web::test]
async fn one_failure_alone_is_not_told() {
    let (api, fake, path) = watching(counted(), NEVER).await;
    let before = api.call("GET", &path, None).await;
    fake.fail(1);
    looks(&fake.calls(), 3).await;
    let after = api.call("GET", &path, None).await;
    assert_eq!(
        after.header("etag"),
        before.header("etag"),
        "nothing new is stored"
    );
    assert_eq!(after.data()["status"], "online");
}

/// Lists show how full a storage is: a check keeps that true, and is not shown as a test of its own.
#[actix_web::test]
async fn how_full_it_is_follows_what_a_look_finds() {
    let (api, fake, path) = watching(counted(), NEVER).await;
    let before = api.call("GET", &path, None).await;
    let (used, total) = (
        FakeBackend::capacity().used.get(),
        FakeBackend::capacity().total.get(),
    );
    fake.fill(total / 100 - 1);
    looks(&fake.calls(), 3).await;
    let hardly = api.call("GET", &path, None).await;
    assert_eq!(
        hardly.header("etag"),
        before.header("etag"),
        "less than a hundredth"
    );
    fake.fill(1);
    until("the new figures", async || {
        let now = api.call("GET", &path, None).await;
        now.data()["stats"]["used_bytes"] == used + total / 100
    })
    .await;
    let after = api.call("GET", &path, None).await;
    assert_ne!(
        after.header("etag"),
        before.header("etag"),
        "what it answers changed"
    );
    for same in ["status", "updated_at"] {
        assert_eq!(after.data()[same], before.data()[same]);
    }
    assert_eq!(after.data()["stats"]["total_bytes"], total);
    assert_eq!(after.data()["stats"]["file_count"], 3, "what was counted stays");
}

/// What is off by little is not off for long.
#[actix_web::test]
async fn a_small_change_is_stored_once_the_figures_are_old() {
    let (api, fake, path) = watching(counted(), Duration::from_millis(400)).await;
    fake.fill(1);
    let used = FakeBackend::capacity().used.get() + 1;
    until("the new figures", async || {
        api.call("GET", &path, None).await.data()["stats"]["used_bytes"] == used
    })
    .await;
}

#[actix_web::test]
async fn files_are_counted_now_and_then_only() {
    let (_api, fake, _) = watching(counted(), NEVER).await;
    looks(&fake.calls(), 6).await;
    assert_eq!(fake.calls().scans(), 1, "the test's own");
    let (_api, fake, _) = watching(counted(), INTERVAL).await;
    until("another count", async || fake.calls().scans() > 2).await;
}

#[actix_web::test]
async fn a_count_that_could_not_read_everything_is_made_again() {
    let (_api, fake, _) = watching(counted_with(1), NEVER).await;
    until("further counts", async || fake.calls().scans() >= 3).await;
}

#[actix_web::test]
async fn an_untested_backend_is_left_alone() {
    let (api, fake, path) = watching(counted(), NEVER).await;
    let patch = serde_json::json!({"config": {"export_path": "/srv/other"}});
    assert_eq!(api.call("PATCH", &path, Some(patch)).await.status, 200);
    until("an idle app", async || api.app.busy_backends() == 0).await;
    let probes = fake.calls().probes();
    // Another backend, whose checks prove that the monitor goes on; the fake is the same.
    let other = api.create("other", BackendKind::Nfs).await;
    api.app.test(id_of(&other), Permit::none(), |_| ()).await.unwrap();
    looks(&fake.calls(), 4).await;
    assert_eq!(status(&api, &path).await, "offline");
    let of_first = api.call("GET", &path, None).await;
    assert!(of_first.data()["last_test"].is_null(), "{probes}");
}

#[actix_web::test]
async fn whoever_asks_gets_a_whole_test() {
    let slow = counted().slow(Duration::from_millis(300));
    let (api, fake, path) = watching(slow, NEVER).await;
    let calls = fake.calls();
    let before = calls.probes();
    until("a look", async || {
        calls.probes() > before && calls.under_way() == 1
    })
    .await;
    let tested = api.call("POST", &format!("{path}/test"), None).await;
    assert_eq!(tested.data()["success"], true);
    let names: Vec<&Value> = tested.data()["checks"]
        .as_array()
        .unwrap()
        .iter()
        .map(|c| &c["name"])
        .collect();
    assert!(names.iter().any(|name| *name == "scan"), "{names:?}");
    assert!(calls.probes() >= before + 2, "the look was not joined");
}

#[actix_web::test]
async fn a_stop_does_not_wait_for_a_look() {
    let hanging = counted();
    let (api, fake, _) = watching(hanging.slow(Duration::from_millis(1)), NEVER).await;
    fake.hang();
    until("a look that hangs", async || fake.calls().under_way() == 1).await;
    let begun = std::time::Instant::now();
    api.app.shutdown(PATIENCE).await;
    assert!(begun.elapsed() < PATIENCE / 2, "{:?}", begun.elapsed());
    assert_eq!(fake.calls().under_way(), 0);
}

/// A count may take an hour.
#[actix_web::test]
async fn a_backend_is_checked_while_its_files_are_counted() {
    let report = ScanReport::default();
    let endless = FakeBackend::healthy(BackendKind::Nfs)
        .mountable(MountState::Unmounted)
        .with_tree(report, Duration::from_hours(1));
    let (api, fake, path) = watching(endless, NEVER).await;
    fake.fail(u32::MAX);
    until("the failure", async || status(&api, &path).await == "error").await;
    assert_eq!(
        (fake.calls().scans(), fake.calls().under_way()),
        (1, 1),
        "it still counts"
    );
    api.app.shutdown(PATIENCE).await;
}

/// Each check of a silent server waits for its deadline, and clients may hold all permits that they can have.
#[actix_web::test]
async fn silent_servers_and_clients_do_not_delay_the_checks_of_others() {
    let victim = Arc::new(counted());
    let silent = Arc::new(FakeBackend::healthy(BackendKind::Http));
    let settings = AppSettings {
        watch_interval: Some(INTERVAL),
        scan_interval: NEVER,
        test_deadline: PATIENCE * 2,
        ..Api::settings()
    };
    let (of_nfs, of_http) = (Arc::clone(&victim), Arc::clone(&silent));
    let api = Api::set(settings, move |config| -> Arc<dyn LiveBackend> {
        match config.kind() {
            BackendKind::Nfs => of_nfs.clone(),
            _ => of_http.clone(),
        }
    })
    .await;
    let path = api.create("nas", BackendKind::Nfs).await;
    api.call("POST", &format!("{path}/test"), None).await;
    silent.fail(u32::MAX);
    for number in 0..12 {
        let config = serde_json::json!({"base_url": format!("http://{number}.lab/")});
        let body = serde_json::json!({"name": format!("silent {number}"), "type": "http", "config": config});
        let created = api.call("POST", super::harness::BACKENDS, Some(body)).await;
        api.call("POST", &format!("{}/test", created.header("location")), None)
            .await;
    }
    silent.hang();
    api.app.watch();
    until("silent servers", async || silent.calls().under_way() >= 2).await;
    let _permits = api.app.every_permit().await;
    victim.fail(u32::MAX);
    until("the failure", async || status(&api, &path).await == "error").await;
}

/// Another process changed the config, and tested it.
#[actix_web::test]
async fn a_check_ends_the_count_of_an_older_config() {
    let endless = FakeBackend::healthy(BackendKind::Nfs)
        .mountable(MountState::Unmounted)
        .with_tree(ScanReport::default(), Duration::from_hours(1));
    let (api, fake, path) = watching(endless, NEVER).await;
    assert_eq!(fake.calls().scans(), 1);
    let read = api.store.get(id_of(&path)).await.unwrap();
    let other = serde_json::json!({"export_path": "/srv/other"});
    let config = read.config.merge(other.as_object().unwrap()).unwrap();
    let changed = api
        .store
        .update(&read, &read.name, &config, None, None)
        .await
        .unwrap();
    let tested = Measurement {
        status: Some(BackendStatus::Online),
        ..Measurement::default()
    };
    let stored = api.store.record(read.id, changed.revision, &tested).await;
    assert!(stored.unwrap().is_some());
    // Only one count runs at a time.
    until("the count of the new config", async || fake.calls().scans() == 2).await;
    api.app.shutdown(PATIENCE).await;
}
