//! Work on one backend by many at once.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use futures_util::future::join_all;
use serde_json::json;
use storage_backends::MountState;
use storage_backends::testkit::{FakeBackend, FakeCalls};
use storage_domain::{BackendId, BackendKind};
use tokio::runtime::Builder;

use super::harness::{Api, BACKENDS};
use crate::service::{AppError, AuditEntry, Permit, Preconditions};

mod counts;

use counts::report;

/// How long a state is waited for.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);

/// Waits until a state is reached.
pub(super) async fn until(what: &str, mut reached: impl AsyncFnMut() -> bool) {
    let waiting = async {
        while !reached().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, waiting)
        .await
        .unwrap_or_else(|_| panic!("{what} did not come about"));
}

pub(super) fn id_of(path: &str) -> BackendId {
    path.rsplit('/').next().unwrap().parse().unwrap()
}

async fn api_over(fake: FakeBackend) -> (Api, Arc<FakeCalls>) {
    let calls = fake.calls();
    let fake = Arc::new(fake);
    (Api::with(move |_| fake.clone()).await, calls)
}

#[actix_web::test]
async fn tests_at_the_same_time_share_one_run() {
    let slow = FakeBackend::healthy(BackendKind::Nfs).slow(Duration::from_millis(300));
    let (api, calls) = api_over(slow).await;
    let id = id_of(&api.create("nas", BackendKind::Nfs).await);
    let outcomes = join_all((0..20).map(|_| api.app.test(id, Permit::none(), |_| ()))).await;
    assert!(outcomes.iter().all(|o| o.as_ref().is_ok_and(|o| o.success)));
    assert_eq!(calls.probes(), 1);
    until("an idle app", async || api.app.busy_backends() == 0).await;
    assert!(api.app.test(id, Permit::none(), |_| ()).await.unwrap().success);
    assert_eq!(calls.probes(), 2);
}

#[actix_web::test]
async fn a_test_goes_on_where_its_client_hangs_up() {
    let slow = FakeBackend::healthy(BackendKind::Nfs).slow(Duration::from_millis(200));
    let (api, calls) = api_over(slow).await;
    let path = api.create("nas", BackendKind::Nfs).await;
    let app = Arc::clone(&api.app);
    let id = id_of(&path);
    let client = actix_web::rt::spawn(async move { app.test(id, Permit::none(), |_| ()).await });
    until("the probe", async || calls.probes() == 1).await;
    client.abort();
    until("the result", async || {
        api.call("GET", &path, None).await.data()["status"] == "online"
    })
    .await;
    assert_eq!(calls.probes(), 1);
}

#[actix_web::test]
async fn a_change_overtakes_a_test_that_hangs() {
    let (api, calls) = api_over(FakeBackend::healthy(BackendKind::Nfs).hanging()).await;
    let path = api.create("nas", BackendKind::Nfs).await;
    let app = Arc::clone(&api.app);
    let id = id_of(&path);
    let waiting = actix_web::rt::spawn(async move { app.test(id, Permit::none(), |_| ()).await });
    until("the probe", async || calls.under_way() == 1).await;
    let renamed = api.call("PATCH", &path, Some(json!({"name": "renamed"}))).await;
    assert_eq!(
        (renamed.status.as_u16(), calls.under_way()),
        (200, 1),
        "a name is no config"
    );
    let changed = api
        .call("PATCH", &path, Some(json!({"config": {"server": "other"}})))
        .await;
    assert_eq!(changed.status, 200);
    assert_eq!(calls.under_way(), 0);
    assert!(matches!(waiting.await.unwrap(), Err(AppError::Superseded)));
    assert_eq!(api.call("GET", &path, None).await.data()["status"], "offline");

    let app = Arc::clone(&api.app);
    let waiting = actix_web::rt::spawn(async move { app.test(id, Permit::none(), |_| ()).await });
    until("the probe", async || calls.under_way() == 1).await;
    assert_eq!(api.call("DELETE", &path, None).await.status, 200);
    assert!(
        matches!(waiting.await.unwrap(), Err(AppError::Store(_))),
        "it is gone"
    );
    until("an idle app", async || api.app.busy_backends() == 0).await;
}

/// What others take is no fault of a backend.
#[actix_web::test]
async fn a_test_that_gets_no_permit_says_nothing_of_its_backend() {
    let fake = Arc::new(FakeBackend::healthy(BackendKind::Nfs));
    let (calls, settings) = (fake.calls(), Api::settings());
    let settings = crate::AppSettings {
        test_deadline: Duration::from_millis(200),
        watch_interval: None,
        ..settings
    };
    let api = Api::set(settings, move |_| fake.clone()).await;
    let path = api.create("nas", BackendKind::Nfs).await;
    let permits = api.app.every_permit().await;
    let refused = api.call("POST", &format!("{path}/test"), None).await;
    assert_eq!((refused.status.as_u16(), calls.probes()), (503, 0));
    assert_eq!(refused.body["error"], "too_busy");
    assert!(!refused.header("retry-after").is_empty());
    let detail = refused.body["detail"].as_str().unwrap();
    assert!(!detail.contains("storage"), "no storage is to blame: {detail}");
    let read = api.call("GET", &path, None).await;
    assert_eq!(
        (&read.data()["status"], &read.data()["last_test"]),
        (&json!("offline"), &json!(null))
    );
    drop(permits);
    let tested = api.call("POST", &format!("{path}/test"), None).await;
    assert_eq!(tested.data()["success"], true);
}

#[actix_web::test]
async fn a_change_that_fails_leaves_the_test_its_result() {
    let fake = Arc::new(FakeBackend::healthy(BackendKind::Nfs).busy().hanging());
    let (calls, built) = (fake.calls(), Arc::clone(&fake));
    let api = Api::with(move |_| built.clone()).await;
    let path = api.create("nas", BackendKind::Nfs).await;
    let (app, id) = (Arc::clone(&api.app), id_of(&path));
    let waiting = actix_web::rt::spawn(async move { app.test(id, Permit::none(), |_| ()).await });
    until("the probe", async || calls.under_way() == 1).await;
    fake.recover();
    let change = json!({"config": {"server": "other"}});
    assert_eq!(api.call("PATCH", &path, Some(change)).await.status, 409);
    assert!(waiting.await.unwrap().unwrap().success);
    assert_eq!(calls.probes(), 2);
}

#[actix_web::test]
async fn racing_creates_give_one_backend() {
    let api = Api::healthy().await;
    let body = json!({"name": "nas", "type": "http", "config": {"base_url": "http://x/"}});
    let answers = join_all((0..8).map(|_| api.call("POST", BACKENDS, Some(body.clone())))).await;
    let mut statuses: Vec<u16> = answers.iter().map(|a| a.status.as_u16()).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 409, 409, 409, 409, 409, 409, 409]);
    assert_eq!(api.call("GET", BACKENDS, None).await.body["total"], 1);
}

#[actix_web::test]
async fn racing_changes_tests_and_deletes_end_consistent() {
    let fake = FakeBackend::healthy(BackendKind::Nfs)
        .mountable(MountState::Unmounted)
        .with_tree(report(1), Duration::from_millis(3))
        .slow(Duration::from_millis(2));
    let (api, calls) = api_over(fake).await;
    for round in 0..5 {
        let path = api.create(&format!("nas-{round}"), BackendKind::Nfs).await;
        let id = id_of(&path);
        let work = join_all((0..20_u32).map(|n| {
            let (app, path, api) = (Arc::clone(&api.app), path.clone(), &api);
            async move {
                match n {
                    19 if round % 2 == 0 => drop(
                        app.delete(id, false, Preconditions::default(), AuditEntry::none())
                            .await,
                    ),
                    n if n % 3 == 0 => {
                        let body = json!({"config": {"export_path": format!("/srv/{n}")}});
                        let status = api.call("PATCH", &path, Some(body)).await.status.as_u16();
                        assert!(matches!(status, 200 | 404), "{status}");
                    }
                    _ => match app.test(id, Permit::none(), |_| ()).await {
                        Ok(_) | Err(AppError::Superseded | AppError::Store(_)) => {}
                        Err(other) => panic!("{other:?}"),
                    },
                }
            }
        }));
        tokio::time::timeout(PATIENCE, work).await.expect("the race ends");
        let left = api.call("GET", &path, None).await;
        if round % 2 == 0 {
            assert_eq!(left.status, 404);
        } else {
            let tested = api.app.test(id, Permit::none(), |_| ()).await.unwrap();
            let row = api.store.get(id).await.unwrap();
            assert_eq!((tested.revision, tested.success), (row.revision, true));
        }
    }
    until("an idle app", async || {
        api.app.busy_backends() == 0 && calls.under_way() == 0
    })
    .await;
}

#[actix_web::test]
async fn a_probe_that_cannot_run_is_a_failed_test() {
    let (api, _) = api_over(FakeBackend::healthy(BackendKind::Nfs).broken()).await;
    let path = api.create("nas", BackendKind::Nfs).await;
    let tested = api.call("POST", &format!("{path}/test"), None).await;
    assert_eq!(tested.status, 200);
    assert_eq!(tested.data()["success"], false);
    insta::assert_json_snapshot!("probe-broken", tested.stable());
    assert_eq!(api.call("GET", &path, None).await.data()["status"], "error");
}

#[actix_web::test]
async fn failures_pass() {
    let (api, _) = api_over(FakeBackend::healthy(BackendKind::Nfs).failing(2)).await;
    let id = id_of(&api.create("nas", BackendKind::Nfs).await);
    let mut seen = Vec::new();
    for _ in 0..3 {
        seen.push(api.app.test(id, Permit::none(), |_| ()).await.unwrap().success);
    }
    assert_eq!(seen, [false, false, true]);
}

/// On a busy machine, threads of background work get a processor late; a stop waits for them only.
#[actix_web::test]
async fn a_delete_runs_on_the_thread_that_asks_if_nothing_has_to_end() {
    let background = Builder::new_multi_thread().enable_all().build().unwrap();
    let fake = FakeBackend::healthy(BackendKind::Nfs).mountable(MountState::Unmounted);
    let fake = Arc::new(fake);
    let (calls, here) = (fake.calls(), Some(thread::current().id()));
    let api = Api::working_on(background.handle(), Api::settings(), move |_| fake.clone()).await;
    let path = api.create("nas", BackendKind::Nfs).await;
    assert_eq!(api.call("DELETE", &path, None).await.status, 200);
    assert_eq!(calls.unmounting_thread(), here);

    let path = api.create("nas", BackendKind::Nfs).await;
    let change = json!({"config": {"export_path": "/other"}});
    assert_eq!(api.call("PATCH", &path, Some(change)).await.status, 200);
    assert_ne!(calls.unmounting_thread(), here, "it may have to unmount");
    let tested = api.call("POST", &format!("{path}/test"), None).await;
    assert_eq!(tested.data()["success"], true);
    assert_eq!(api.call("DELETE", &path, None).await.status, 200);
    assert_ne!(calls.unmounting_thread(), here, "it was mounted");
    background.shutdown_background();
}
