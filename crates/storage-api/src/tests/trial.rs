//! Tests of configs that are not stored.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Map, Value, json};
use storage_backends::mount::table::MountTable;
use storage_backends::testkit::FakeBackend;
use storage_backends::{Backend as _, MountState, UnmountMode};
use storage_domain::{BackendConfig, BackendKind};
use storage_persistence::StoreError;

use super::concurrency::{id_of, until};
use super::harness::{Api, BACKENDS, config};
use crate::service::{AppError, BackendDraft, Permit};

fn draft(kind: BackendKind, config: &Value) -> BackendDraft {
    BackendDraft {
        kind: Some(kind),
        config: config.as_object().cloned(),
        ..BackendDraft::default()
    }
}

#[actix_web::test]
async fn nothing_is_stored_and_nothing_stays_mounted() {
    let fake = Arc::new(FakeBackend::healthy(BackendKind::Nfs).mountable(MountState::Unmounted));
    let (built, calls) = (Arc::clone(&fake), fake.calls());
    let api = Api::with(move |_| built.clone()).await;
    let nfs = || draft(BackendKind::Nfs, &config(BackendKind::Nfs));
    let outcome = api.app.test_config(nfs(), None, Permit::none()).await.unwrap();
    assert!(outcome.success, "{outcome:?}");
    assert_eq!(calls.unmounts(), [UnmountMode::Lazy]);
    let state = fake.as_mount().unwrap().state(&MountTable::default());
    assert_eq!(state, MountState::Unmounted);
    assert_eq!(api.call("GET", BACKENDS, None).await.body["total"], 0);
    fake.fail(1);
    let outcome = api.app.test_config(nfs(), None, Permit::none()).await.unwrap();
    assert!(!outcome.success && outcome.message.contains("does not answer"));
    until("an idle app", async || api.app.busy_backends() == 0).await;
}

#[actix_web::test]
async fn it_goes_on_without_its_client() {
    let slow = FakeBackend::healthy(BackendKind::Nfs)
        .mountable(MountState::Unmounted)
        .slow(Duration::from_millis(100));
    let fake = Arc::new(slow);
    let calls = fake.calls();
    let api = Api::with(move |_| fake.clone()).await;
    let app = Arc::clone(&api.app);
    let nfs = draft(BackendKind::Nfs, &config(BackendKind::Nfs));
    let client = actix_web::rt::spawn(async move { app.test_config(nfs, None, Permit::none()).await });
    until("the probe", async || calls.under_way() == 1).await;
    client.abort();
    until("the unmount", async || calls.unmounts().len() == 1).await;
}

/// An application that keeps the configs of the backends that it builds.
async fn recording() -> (Api, Arc<Mutex<Vec<Map<String, Value>>>>) {
    let configs: Arc<Mutex<Vec<Map<String, Value>>>> = Arc::default();
    let built = Arc::clone(&configs);
    let fakes = move |config: &BackendConfig| {
        built.lock().unwrap().push(config.stored());
        let fake: Arc<dyn storage_backends::Backend> = Arc::new(FakeBackend::healthy(config.kind()));
        fake
    };
    (Api::with(fakes).await, configs)
}

#[actix_web::test]
async fn a_stored_secret_is_lent_and_never_goes_to_another_host() {
    let (api, configs) = recording().await;
    let stored = json!({"base_url": "https://mirror.lab/iso", "auth_method": "basic", "username": "u", "password": "hunter2"});
    let body = json!({"name": "web", "type": "http", "config": stored});
    let created = api.call("POST", BACKENDS, Some(body)).await;
    let id = id_of(created.header("location"));
    let test = async |config: Value| {
        let draft = draft(BackendKind::Http, &config);
        api.app.test_config(draft, Some(id), Permit::none()).await
    };
    let other_path =
        json!({"base_url": "https://mirror.lab/other", "auth_method": "basic", "username": "u2"});
    assert!(test(other_path).await.unwrap().success);
    let tested = configs.lock().unwrap().pop().unwrap();
    assert_eq!(
        (&tested["password"], &tested["username"]),
        (&json!("hunter2"), &json!("u2"))
    );
    let elsewhere = json!({"base_url": "https://evil.lab", "auth_method": "basic", "username": "u"});
    match test(elsewhere).await {
        Err(AppError::InvalidConfig(wrong)) => assert_eq!(wrong[0].pointer(), "/config/password"),
        other => panic!("{other:?}"),
    }
    assert!(configs.lock().unwrap().is_empty(), "no host was asked");
}

#[actix_web::test]
async fn mistakes_are_named() {
    let api = Api::healthy().await;
    let nfs = id_of(&api.create("nas", BackendKind::Nfs).await);
    let http = || draft(BackendKind::Http, &json!({"base_url": "http://x"}));
    match api.app.test_config(http(), Some(nfs), Permit::none()).await {
        Err(AppError::InvalidRequest(wrong)) => assert_eq!(wrong[0].pointer(), "/type"),
        other => panic!("{other:?}"),
    }
    let unknown = storage_domain::BackendId::generate();
    let lost = api.app.test_config(http(), Some(unknown), Permit::none()).await;
    assert!(matches!(lost, Err(AppError::Store(error)) if matches!(*error, StoreError::NotFound)));
    let empty = draft(BackendKind::Http, &json!({}));
    let wrong = api.app.test_config(empty, None, Permit::none()).await;
    assert!(matches!(wrong, Err(AppError::InvalidConfig(_))), "{wrong:?}");
}

#[actix_web::test]
async fn a_config_is_tested_through_the_api_and_not_stored() {
    let api = Api::healthy().await;
    let send = async |body: Value| api.call("POST", "/api/v1/storage/test", Some(body)).await;
    let tested = send(json!({"type": "nfs", "config": config(BackendKind::Nfs)})).await;
    assert_eq!(tested.status, 200, "{}", tested.body);
    assert_eq!(tested.data()["success"], true);
    assert_eq!(api.call("GET", BACKENDS, None).await.body["total"], 0);
    let unknown = uuid::Uuid::from_u128(7);
    for (body, status, code) in [
        (
            json!({"type": "nfs", "config": {"server": "-"}}),
            400,
            "invalid_config",
        ),
        (json!({"config": {}}), 422, "invalid_request"),
        (
            json!({"type": "nfs", "config": config(BackendKind::Nfs), "name": "nas"}),
            422,
            "invalid_request",
        ),
        (
            json!({"type": "nfs", "config": config(BackendKind::Nfs), "id": "nas"}),
            422,
            "invalid_request",
        ),
        (
            json!({"type": "nfs", "config": config(BackendKind::Nfs), "id": unknown}),
            404,
            "backend_not_found",
        ),
    ] {
        let refused = send(body).await;
        assert_eq!(
            (refused.status.as_u16(), &refused.body["error"]),
            (status, &code.into()),
            "{}",
            refused.body
        );
    }
}
