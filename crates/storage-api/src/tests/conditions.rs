//! Conditional requests: `If-Match` and `If-None-Match`.

use std::sync::Arc;

use actix_web::test::TestRequest;
use insta::assert_json_snapshot;
use serde_json::json;
use storage_backends::MountState;
use storage_backends::testkit::FakeBackend;
use storage_domain::{BackendKind, BackendStatus};
use storage_persistence::Measurement;

use super::concurrency::until;
use super::harness::{Api, BACKENDS};

#[actix_web::test]
async fn conditions_hold_or_refuse() {
    let api = Api::healthy().await;
    let path = api.create("nas", BackendKind::Nfs).await;
    let tag = api.call("GET", &path, None).await.header("etag").to_owned();
    let send = async |method: &str, field: &'static str, value: &str, body: &str| {
        let request = TestRequest::default()
            .method(method.parse().unwrap())
            .uri(&path)
            .insert_header(("content-type", "application/json; charset=utf-8"))
            .insert_header((field, value.to_owned()))
            .set_payload(body.to_owned());
        api.send(request).await
    };
    let unmodified = send("GET", "if-none-match", &format!("\"x\", W/{tag}"), "").await;
    assert_eq!(
        (unmodified.status.as_u16(), unmodified.header("etag")),
        (304, tag.as_str())
    );
    assert_eq!(send("GET", "if-none-match", "\"x\"", "").await.status, 200);
    assert_eq!(send("GET", "if-match", "\"x\"", "").await.status, 412);

    let renamed = send("PATCH", "if-match", &tag, r#"{"name":"nas2"}"#).await;
    assert_eq!(renamed.status, 200);
    assert_ne!(renamed.header("etag"), tag);
    let stale = send("PATCH", "if-match", &tag, r#"{"name":"nas3"}"#).await;
    assert_eq!(stale.status, 412);
    assert_json_snapshot!("stale", stale.stable());
    assert_eq!(send("DELETE", "if-match", &tag, "").await.status, 412);
    assert_eq!(
        send("PATCH", "if-match", "*", r#"{"name":"nas4"}"#).await.status,
        200
    );
    let weak = format!("W/{}", renamed.header("etag"));
    assert_eq!(send("DELETE", "if-match", &weak, "").await.status, 412);
    assert_eq!(send("DELETE", "if-none-match", "*", "").await.status, 412);
    assert_eq!(send("DELETE", "if-match", "*", "").await.status, 200);
}

/// `*` asks that the backend exists. A result of a test that comes in between changes its version, not that.
#[actix_web::test]
async fn any_version_is_whatever_there_is() {
    let fake = FakeBackend::healthy(BackendKind::Nfs).mountable(MountState::Unmounted);
    let (calls, fake) = (fake.calls(), Arc::new(fake));
    let api = Api::with(move |_| fake.clone()).await;
    let path = api.create("nas", BackendKind::Nfs).await;
    let id = path.rsplit('/').next().unwrap().parse().unwrap();
    let held = calls.hold_unmounts().await;
    let delete = TestRequest::delete().uri(&path).insert_header(("if-match", "*"));
    let measured = async {
        until("the unmount", async || calls.unmounts().len() == 1).await;
        let backend = api.store.get(id).await.unwrap();
        let measurement = Measurement {
            status: Some(BackendStatus::Online),
            ..Measurement::default()
        };
        let stored = api
            .store
            .record(id, backend.revision, &measurement)
            .await
            .unwrap();
        assert_ne!(stored.unwrap().version, backend.version);
        drop(held);
    };
    let (answer, ()) = tokio::join!(api.send(delete), measured);
    assert_eq!(answer.status, 200, "{}", answer.body);
}

/// Of one backend only the secrets can't be read, so that its version is known; of the other one nothing can.
#[actix_web::test]
async fn an_unreadable_backend_is_deleted_in_its_present_version_only() {
    let api = Api::healthy().await;
    let mut paths = Vec::new();
    for name in ["lender", "sealed", "broken"] {
        let config =
            json!({"base_url": "http://web.lab/", "auth_method": "basic", "username": "u", "password": "p"});
        let body = json!({"name": name, "type": "http", "config": config});
        let created = api.call("POST", BACKENDS, Some(body)).await;
        paths.push(created.header("location").to_owned());
    }
    let tag = api.call("GET", &paths[1], None).await.header("etag").to_owned();
    for (name, config) in [
        ("sealed", "(SELECT config FROM backends WHERE name = 'lender')"),
        ("broken", "'{'"),
    ] {
        let damage = format!("UPDATE backends SET config = {config} WHERE name = '{name}'");
        assert_eq!(api.database.execute(&damage).await, 1);
    }
    let send = async |method: &str, path: &str, tag: &str| {
        let request = TestRequest::default()
            .method(method.parse().unwrap())
            .uri(path)
            .insert_header(("content-type", "application/json"))
            .insert_header(("if-match", tag.to_owned()))
            .set_payload("{}");
        api.send(request).await.status.as_u16()
    };
    assert_eq!(send("PATCH", &paths[1], &tag).await, 500);
    for (path, tag) in [
        (&paths[1], "\"1.0\""),
        (&paths[2], "\"1.0\""),
        (&paths[2], tag.as_str()),
    ] {
        assert_eq!(send("DELETE", path, tag).await, 412, "{path}, {tag}");
    }
    assert_eq!(send("DELETE", &paths[1], &tag).await, 200);
    assert_eq!(send("DELETE", &paths[2], "*").await, 200);
}
