//! The six endpoints of the contract.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use insta::assert_json_snapshot;
use rstest::rstest;
use serde_json::{Value, json};
use storage_backends::testkit::FakeBackend;
use storage_backends::{MountState, ScanReport, UnmountMode};
use storage_domain::{BackendKind, ByteCount, Skipped};

use super::harness::{Api, BACKENDS, config};

fn report() -> ScanReport {
    ScanReport {
        files: 12,
        directories: 3,
        templates: 4,
        bytes: Some(ByteCount::saturating(5000)),
        ..ScanReport::default()
    }
}

#[rstest]
#[case(BackendKind::Nfs)]
#[case(BackendKind::Http)]
#[case(BackendKind::S3)]
#[case(BackendKind::Iscsi)]
#[actix_web::test]
async fn a_backend_is_created_and_read(#[case] kind: BackendKind) {
    let api = Api::healthy().await;
    let body = json!({"name": "primary", "type": kind, "config": config(kind)});
    let created = api.call("POST", BACKENDS, Some(body)).await;
    assert_eq!(created.status, 201);
    let id = created.data()["id"].as_str().unwrap();
    assert_eq!(created.header("location"), format!("{BACKENDS}/{id}"));
    assert_json_snapshot!(format!("created-{kind}"), created.stable());

    let read = api.call("GET", created.header("location"), None).await;
    assert_eq!(read.status, 200);
    assert_eq!(read.data(), created.data());
    assert_eq!(read.body["message"], Value::Null);
    assert_eq!(read.header("etag"), created.header("etag"));
}

#[actix_web::test]
async fn a_list_is_filtered_and_counted() {
    let api = Api::healthy().await;
    for (name, kind) in [
        ("Alpha", BackendKind::Nfs),
        ("beta", BackendKind::Http),
        ("alphabet", BackendKind::Nfs),
        ("100%", BackendKind::S3),
    ] {
        api.create(name, kind).await;
    }
    let names = async |query: &str| {
        let answer = api.call("GET", &format!("{BACKENDS}{query}"), None).await;
        assert_eq!(answer.status, 200, "{query}: {}", answer.body);
        let names: Vec<String> = answer
            .data()
            .as_array()
            .unwrap()
            .iter()
            .map(|b| b["name"].as_str().unwrap().to_owned())
            .collect();
        (names.join(" "), answer.body["total"].as_u64().unwrap())
    };
    let page = |names: &str, total: u64| (names.to_owned(), total);
    assert_eq!(names("").await, page("Alpha beta alphabet 100%", 4));
    assert_eq!(names("?type=nfs").await, page("Alpha alphabet", 2));
    assert_eq!(names("?q=ALPHA&limit=1").await, page("Alpha", 2));
    assert_eq!(names("?limit=2&offset=1").await, page("beta alphabet", 4));
    assert_eq!(names("?offset=9").await, page("", 4));
    assert_eq!(names("?q=%25").await, page("100%", 1));
    assert_eq!(names("?status=online").await, page("", 0));
    assert_eq!(names("?q=&unknown=1").await, page("Alpha beta alphabet 100%", 4));
}

#[actix_web::test]
async fn what_the_web_ui_sends_back_changes_nothing() {
    let api = Api::healthy().await;
    for kind in BackendKind::ALL {
        let path = api.create(kind.as_str(), *kind).await;
        let before = api.call("GET", &path, None).await;
        let mut config = before.data()["config"].clone();
        for secret in kind.secret_fields() {
            config[secret] = json!("");
        }
        let body = json!({"name": kind.as_str(), "type": kind, "config": config});
        for body in [
            body,
            json!({}),
            json!({"config": {}}),
            json!({"name": null, "type": null, "config": null}),
        ] {
            let after = api.call("PATCH", &path, Some(body)).await;
            assert_eq!(after.status, 200, "{}", after.body);
            assert_eq!(after.body["message"], "Backend updated successfully");
            assert_eq!(after.data(), before.data());
            assert_eq!(after.header("etag"), before.header("etag"));
        }
    }
}

#[actix_web::test]
async fn another_spelling_of_the_server_is_a_change() {
    let api = Api::healthy().await;
    let path = api.create("nas", BackendKind::Nfs).await;
    let long = json!({"config": {"server": "fd00:0:0:0:0:0:0:5"}});
    let short = json!({"config": {"server": "fd00::5"}});
    for patch in [long, short] {
        let before = api.call("GET", &path, None).await;
        let after = api.call("PATCH", &path, Some(patch.clone())).await;
        assert_eq!(after.status, 200, "{}", after.body);
        assert_eq!(after.data()["config"]["server"], patch["config"]["server"]);
        assert_ne!(after.header("etag"), before.header("etag"));
        let read = api.call("GET", &path, None).await;
        assert_eq!(read.data(), after.data());
    }
}

#[actix_web::test]
async fn a_change_of_the_config_unmounts_and_forgets() {
    let fake = Arc::new(
        FakeBackend::healthy(BackendKind::Nfs)
            .mountable(MountState::Unmounted)
            .with_tree(report(), Duration::ZERO),
    );
    let calls = fake.calls();
    let api = Api::with(move |_| fake.clone()).await;
    let path = api.create("nas", BackendKind::Nfs).await;
    let tested = api.call("POST", &format!("{path}/test"), None).await;
    assert_json_snapshot!("tested-online", tested.stable());
    let online = api.call("GET", &path, None).await;
    assert_json_snapshot!("backend-online", online.stable());

    let renamed = api.call("PATCH", &path, Some(json!({"name": "nas2"}))).await;
    assert_eq!(renamed.data()["status"], "online");
    assert_eq!(renamed.data()["stats"], online.data()["stats"]);
    assert!(calls.unmounts().is_empty());

    let changed = api
        .call(
            "PATCH",
            &path,
            Some(json!({"config": {"export_path": "/srv/other", "mount_options": null}})),
        )
        .await;
    assert_eq!(changed.status, 200);
    assert_json_snapshot!("backend-changed", changed.stable());
    assert_eq!(calls.unmounts(), [UnmountMode::Plain]);
}

/// What a count did not see is in the stats, in its check, and in the message, which is all that many users see.
#[actix_web::test]
async fn a_partial_count_is_stored_and_marked() {
    let partial = ScanReport {
        errors: 2,
        first_error: Some("private/: 401".to_owned()),
        skipped: Skipped {
            elsewhere: 40,
            first: Some("../x".to_owned()),
            ..Skipped::default()
        },
        ..report()
    };
    let fake = Arc::new(FakeBackend::healthy(BackendKind::Http).with_tree(partial, Duration::ZERO));
    let api = Api::with(move |_| fake.clone()).await;
    let path = api.create("web", BackendKind::Http).await;
    let tested = api.call("POST", &format!("{path}/test"), None).await;
    let message = tested.data()["message"].as_str().unwrap().to_owned();
    assert!(
        message.ends_with("; the count is incomplete (2 errors, the first: private/: 401)"),
        "{message}"
    );
    let stats = api.call("GET", &path, None).await.data()["stats"].clone();
    assert_eq!(stats["file_count"], report().files);
    assert_eq!(
        stats["incomplete"],
        json!({"errors": 2, "first": "private/: 401"})
    );
    assert_eq!(
        stats["skipped"],
        json!({"ignored": 0, "other_file_systems": 0, "elsewhere": 40, "unreadable_names": 0, "first": "../x"})
    );
}

#[actix_web::test]
async fn secrets_go_in_and_never_come_out() {
    let api = Api::healthy().await;
    let body = json!({"name": "web", "type": "http", "config": {
        "base_url": "https://boot.lab/a/", "auth_method": "basic", "username": "u", "password": "hunter2-canary",
    }});
    let created = api.call("POST", BACKENDS, Some(body)).await;
    let path = created.header("location").to_owned();
    let kept = api
        .call(
            "PATCH",
            &path,
            Some(json!({"config": {"base_url": "https://boot.lab/b", "password": ""}})),
        )
        .await;
    assert_eq!(kept.status, 200);
    let moved = api
        .call(
            "PATCH",
            &path,
            Some(json!({"config": {"base_url": "https://evil.lab/"}})),
        )
        .await;
    assert_eq!(moved.status, 400);
    assert_json_snapshot!("secret-would-travel", moved.stable());
    let sent = json!({"config": {"base_url": "https://new.lab/", "password": "hunter2-canary"}});
    let resent = api.call("PATCH", &path, Some(sent)).await;
    assert_eq!(resent.status, 200);
    let cleared = api
        .call("PATCH", &path, Some(json!({"config": {"password": null}})))
        .await;
    assert_eq!(cleared.status, 200);
    for answer in [created, kept, moved, resent, cleared] {
        assert!(!answer.body.to_string().contains("hunter2-canary"));
        assert!(answer.data()["config"].get("password").is_none());
    }
}

#[actix_web::test]
async fn a_backend_is_deleted_once() {
    let api = Api::healthy().await;
    let path = api.create("nas", BackendKind::Nfs).await;
    let deleted = api.call("DELETE", &path, None).await;
    assert_json_snapshot!("deleted", deleted.stable());
    assert_eq!(api.call("DELETE", &path, None).await.status, 404);
    assert_eq!(api.call("POST", &format!("{path}/test"), None).await.status, 404);
    api.create("nas", BackendKind::Nfs).await;
    assert_eq!(api.app.busy_backends(), 0);
}

#[actix_web::test]
async fn a_mount_in_use_is_kept_unless_forced() {
    let fake = Arc::new(FakeBackend::healthy(BackendKind::Nfs).busy());
    let calls = fake.calls();
    let api = Api::with(move |_| fake.clone()).await;
    let path = api.create("nas", BackendKind::Nfs).await;
    let before = api.call("GET", &path, None).await;
    let refused = api.call("DELETE", &path, None).await;
    assert_eq!(refused.status, 409);
    assert_json_snapshot!("busy", refused.stable());
    let patch = json!({"config": {"server": "10.0.0.6"}});
    assert_eq!(
        api.call("PATCH", &path, Some(patch)).await.body["error"],
        "backend_busy"
    );
    assert_eq!(api.call("GET", &path, None).await.data(), before.data());
    assert_eq!(
        api.call("DELETE", &format!("{path}?force=true"), None)
            .await
            .status,
        200
    );
    assert_eq!(
        calls.unmounts(),
        [UnmountMode::Plain, UnmountMode::Plain, UnmountMode::Lazy]
    );
}

#[actix_web::test]
async fn a_failed_test_is_told_and_keeps_the_last_measurement() {
    let fake = Arc::new(FakeBackend::healthy(BackendKind::Http).with_tree(report(), Duration::ZERO));
    let failing = Arc::new(FakeBackend::healthy(BackendKind::Http).unreachable());
    let first = AtomicBool::new(true);
    let api = Api::with(move |_| {
        let first = first.swap(false, Ordering::SeqCst);
        if first { fake.clone() } else { failing.clone() }
    })
    .await;
    let path = api.create("web", BackendKind::Http).await;
    let passed = api.call("POST", &format!("{path}/test"), None).await;
    assert_eq!(passed.data()["success"], true);
    let online = api.call("GET", &path, None).await;
    assert_eq!(
        online.data()["stats"],
        json!({"used_bytes": 5000, "total_bytes": 4_294_967_296_u64, "file_count": 12, "template_count": 4})
    );
    let patch = json!({"config": {"tls_verify": false}});
    assert_eq!(
        api.call("PATCH", &path, Some(patch)).await.data()["stats"]["file_count"],
        0
    );
    let failed = api.call("POST", &format!("{path}/test"), None).await;
    assert_eq!(failed.status, 200);
    assert_json_snapshot!("tested-error", failed.stable());
    let after = api.call("GET", &path, None).await;
    assert_eq!(after.data()["status"], "error");
    assert_eq!(after.data()["last_test"]["message"], failed.data()["message"]);
}
