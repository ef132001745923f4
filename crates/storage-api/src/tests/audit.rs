//! The audit trail.

mod changes;
mod refusals;

use std::sync::Arc;
use std::time::Duration;

use actix_web::http::Method;
use actix_web::test::TestRequest;
use actix_web::{App as WebApp, test as web};
use serde_json::{Value, json};
use storage_backends::testkit::FakeBackend;
use storage_domain::{BackendKind, Role};
use tokio::runtime::Handle;

use super::access::{asking_as, token, with};
use super::harness::{Api, BACKENDS, config};
use crate::{Access, AccessSettings, Auth, configure_guarded};

const AUDIT: &str = "/api/v1/storage/audit";

async fn send(api: &Api, secret: &str, method: Method, path: &str, body: &Value) -> super::harness::Answer {
    let request = TestRequest::default()
        .method(method)
        .uri(path)
        .peer_addr("192.0.2.7:40000".parse().unwrap())
        .insert_header(("authorization", format!("Bearer {secret}")))
        .insert_header(("x-request-id", "the-request"))
        .insert_header(("content-type", "application/json"));
    let request = if body.is_null() {
        request
    } else {
        request.set_payload(body.to_string())
    };
    api.send(request).await
}

/// The trail, once it is written.
async fn trail(api: &Api, secret: &str, query: &str) -> Vec<Value> {
    api.access.flush(Duration::from_secs(10)).await;
    let answer = with(
        api,
        &Method::GET,
        &format!("{AUDIT}{query}"),
        &format!("Bearer {secret}"),
    )
    .await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.data().as_array().unwrap().clone()
}

/// Whose secrets a test borrows is recorded for each backend.
#[actix_web::test]
async fn a_test_of_a_config_names_the_backend_of_its_secrets() {
    let api = asking_as(AccessSettings::new(Auth::Required)).await;
    let admin = token(&api, Role::Admin).await;
    let mut lenders = Vec::new();
    for name in ["a", "b"] {
        let body = json!({"name": name, "type": "nfs", "config": config(BackendKind::Nfs)});
        let made = send(&api, &admin, Method::POST, BACKENDS, &body).await;
        let id = made.data()["id"].clone();
        let body = json!({"type": "nfs", "config": config(BackendKind::Nfs), "id": id});
        let path = "/api/v1/storage/test";
        assert_eq!(send(&api, &admin, Method::POST, path, &body).await.status, 200);
        lenders.insert(0, id);
    }
    let records = trail(&api, &admin, "?action=config.test").await;
    let named: Vec<Value> = records.iter().map(|r| r["backend"]["id"].clone()).collect();
    assert_eq!(named, lenders, "{records:?}");
}

fn part(records: &[Value], name: &str) -> Vec<Value> {
    records.iter().map(|r| r[name].clone()).collect()
}

#[actix_web::test]
async fn changes_tests_and_refusals_are_told() {
    let api = asking_as(AccessSettings::new(Auth::Required)).await;
    let (admin, viewer) = (token(&api, Role::Admin).await, token(&api, Role::Viewer).await);
    let mut body = json!({"name": "web", "type": "http", "config": config(BackendKind::Http)});
    body["config"]["auth_method"] = "basic".into();
    body["config"]["username"] = "user-canary".into();
    body["config"]["password"] = "secret-canary".into();
    let created = send(&api, &admin, Method::POST, BACKENDS, &body).await;
    let path = created.header("location").to_owned();
    // The record of a change is there when its answer is.
    let first = with(&api, &Method::GET, AUDIT, &format!("Bearer {admin}")).await;
    assert_eq!(first.data()[0]["action"], "backend.create", "{}", first.body);

    let change =
        json!({"name": "mirror", "config": {"password": "another-canary", "username": "user-canary"}});
    assert_eq!(
        send(&api, &admin, Method::PATCH, &path, &change).await.status,
        200
    );
    let test = format!("{path}/test");
    assert_eq!(
        send(&api, &admin, Method::POST, &test, &Value::Null).await.status,
        200
    );
    let bad = json!({"name": "bad", "type": "http", "config": {"passwort": "typo-canary"}});
    assert_eq!(send(&api, &admin, Method::POST, BACKENDS, &bad).await.status, 400);
    assert_eq!(
        send(&api, &viewer, Method::DELETE, &path, &Value::Null)
            .await
            .status,
        403
    );
    assert_eq!(
        send(&api, &admin, Method::GET, &path, &Value::Null).await.status,
        200
    );
    assert_eq!(
        send(&api, &admin, Method::DELETE, &path, &Value::Null)
            .await
            .status,
        200
    );
    let unknown = send(
        &api,
        "secret-canary.of.nobody",
        Method::GET,
        BACKENDS,
        &Value::Null,
    )
    .await;
    assert_eq!(unknown.status, 401);

    let records = trail(&api, &admin, "").await;
    assert_eq!(
        part(&records, "action"),
        [
            "backend.list",
            "backend.delete",
            "backend.delete",
            "backend.create",
            "backend.test",
            "backend.update",
            "backend.create"
        ]
    );
    assert_eq!(
        part(&records, "outcome"),
        ["refused", "done", "refused", "failed", "done", "done", "done"]
    );
    assert_eq!(part(&records, "status"), [401, 200, 403, 400, 200, 200, 201]);
    let [nobody, deleted, refused, failed, tested, updated, created] = &records[..] else {
        panic!("{records:?}")
    };
    assert_eq!(
        (&nobody["actor"], &nobody["error"]),
        (&Value::Null, &"invalid_token".into())
    );
    assert_eq!(
        (&refused["actor"], &refused["role"]),
        (&"viewer".into(), &"viewer".into())
    );
    assert_eq!(
        (&failed["error"], &failed["backend"]),
        (&"invalid_config".into(), &Value::Null)
    );
    assert_eq!(updated["fields"], json!(["name", "config.password"]));
    assert_eq!(tested["backend"]["name"], "mirror");
    assert_eq!(deleted["backend"]["name"], "mirror");
    let id = path.rsplit('/').next().unwrap();
    for record in [deleted, refused, tested, updated, created] {
        assert_eq!(record["backend"]["id"], id);
    }
    for record in &records {
        assert_eq!(
            (&record["address"], &record["request_id"]),
            (&"192.0.2.7".into(), &"the-request".into())
        );
    }
    assert!(!json!(records).to_string().contains("canary"), "{records:?}");
}

#[actix_web::test]
async fn the_trail_is_read_in_pages_and_by_filters() {
    let api = asking_as(AccessSettings::new(Auth::Required)).await;
    let admin = token(&api, Role::Admin).await;
    let mut paths = Vec::new();
    for n in 0..5 {
        let body = json!({"name": format!("nas {n}"), "type": "nfs", "config": config(BackendKind::Nfs)});
        let made = send(&api, &admin, Method::POST, BACKENDS, &body).await;
        paths.push(made.header("location").to_owned());
    }
    assert_eq!(
        send(&api, &admin, Method::DELETE, &paths[0], &Value::Null)
            .await
            .status,
        200
    );
    let first = trail(&api, &admin, "?limit=4").await;
    assert_eq!(first.len(), 4);
    let last = first[3]["id"].as_str().unwrap();
    let rest = trail(&api, &admin, &format!("?limit=4&before={last}")).await;
    assert_eq!(part(&rest, "action"), ["backend.create", "backend.create"]);
    let id = paths[0].rsplit('/').next().unwrap();
    let of_one = trail(&api, &admin, &format!("?backend={id}")).await;
    assert_eq!(part(&of_one, "action"), ["backend.delete", "backend.create"]);
    assert_eq!(trail(&api, &admin, "?action=backend.delete").await.len(), 1);
    assert_eq!(
        trail(&api, &admin, "?actor=admin&action=backend.create")
            .await
            .len(),
        5
    );
    assert_eq!(trail(&api, &admin, "?actor=nobody").await.len(), 0);
    assert_eq!(trail(&api, &admin, "?since=2099-01-01T00:00:00Z").await.len(), 0);
    assert_eq!(
        trail(&api, &admin, "?since=2020-01-01T00:00:00%2B01:00")
            .await
            .len(),
        6
    );
    let total = with(
        &api,
        &Method::GET,
        &format!("{AUDIT}?limit=1"),
        &format!("Bearer {admin}"),
    )
    .await;
    assert_eq!(total.body["total"], 6);
    for wrong in [
        "limit=0",
        "limit=1001",
        "before=x",
        "since=yesterday",
        "backend=1",
        "actor=%00",
    ] {
        let answer = with(
            &api,
            &Method::GET,
            &format!("{AUDIT}?{wrong}"),
            &format!("Bearer {admin}"),
        )
        .await;
        assert_eq!(answer.status, 422, "{wrong}");
    }
}

#[actix_web::test]
async fn a_client_that_hangs_up_is_told_of() {
    let mut api =
        Api::with(|config| Arc::new(FakeBackend::healthy(config.kind()).slow(Duration::from_secs(2)))).await;
    let path = api.create("nas", BackendKind::Nfs).await;
    let access = Access::new(
        api.store.clone(),
        AccessSettings::new(Auth::Off),
        Handle::current(),
    );
    api.access = Arc::new(access.unwrap());
    let configure = configure_guarded(Arc::clone(&api.app), Arc::clone(&api.access));
    let service = web::init_service(WebApp::new().configure(configure)).await;
    let request = TestRequest::post().uri(&format!("{path}/test")).to_request();
    let call = web::call_service(&service, request);
    assert!(
        tokio::time::timeout(Duration::from_millis(300), call)
            .await
            .is_err()
    );
    let records = trail(&api, "", "").await;
    assert_eq!(part(&records, "outcome"), ["unknown"]);
    assert_eq!(records[0]["backend"]["name"], "nas");
    assert_eq!(
        (&records[0]["actor"], &records[0]["how"]),
        (&"local".into(), &"open".into())
    );
}

#[actix_web::test]
async fn old_records_are_deleted() {
    let api = asking_as(AccessSettings::new(Auth::Required)).await;
    let admin = token(&api, Role::Admin).await;
    for n in 0..3 {
        let body = json!({"name": format!("nas {n}"), "type": "nfs", "config": config(BackendKind::Nfs)});
        send(&api, &admin, Method::POST, BACKENDS, &body).await;
    }
    assert_eq!(trail(&api, &admin, "").await.len(), 3);
    let now = time::OffsetDateTime::now_utc();
    let hour = time::Duration::HOUR;
    assert_eq!(api.store.prune_audit(now - hour, 2).await.unwrap(), 0);
    assert_eq!(api.store.prune_audit(now + hour, 2).await.unwrap(), 2);
    assert_eq!(trail(&api, &admin, "").await.len(), 1);
    assert_eq!(api.store.prune_audit(now + hour, 2).await.unwrap(), 1);
}
