//! A change and its record: one transaction, whatever becomes of the client.

use std::sync::Arc;
use std::time::Duration;

use actix_web::http::Method;
use actix_web::test::TestRequest;
use actix_web::{App as WebApp, test as web};
use futures_util::future::join_all;
use serde_json::{Value, json};
use storage_backends::MountState;
use storage_backends::testkit::{FakeBackend, FakeCalls};
use storage_domain::{BackendKind, Role};
use tokio::runtime::Handle;

use super::{part, send, trail};
use crate::tests::access::{asking_as, token};
use crate::tests::concurrency::until;
use crate::tests::harness::{Api, BACKENDS, config};
use crate::{Access, AccessSettings, AppSettings, Auth, configure_guarded};

/// An application that asks nobody, and records what is done.
async fn recording() -> (Api, Arc<FakeCalls>) {
    recording_within(Api::settings().unmount_deadline).await
}

async fn recording_within(unmount_deadline: Duration) -> (Api, Arc<FakeCalls>) {
    let fake = FakeBackend::healthy(BackendKind::Nfs).mountable(MountState::Unmounted);
    let (calls, fake) = (fake.calls(), Arc::new(fake));
    let settings = AppSettings {
        unmount_deadline,
        watch_interval: None,
        ..Api::settings()
    };
    let mut api = Api::set(settings, move |_| fake.clone()).await;
    let settings = AccessSettings::new(Auth::Off);
    let access = Access::new(api.store.clone(), settings, Handle::current());
    api.access = Arc::new(access.unwrap());
    (api, calls)
}

/// Which fields changed is what the transaction changed, whoever else changes the same backend at that moment.
#[actix_web::test]
async fn racing_changes_tell_their_own_fields() {
    let (api, _) = recording().await;
    let path = api.create("nas", BackendKind::Nfs).await;
    let changes = (0..12).map(|n| {
        let body = if n % 2 == 0 {
            json!({"name": format!("nas {n}")})
        } else {
            json!({"config": {"export_path": format!("/srv/{n}")}})
        };
        let (api, path) = (&api, &path);
        async move {
            let request = TestRequest::patch()
                .uri(path)
                .insert_header(("x-request-id", format!("change-{n}")))
                .insert_header(("content-type", "application/json"))
                .set_payload(body.to_string());
            assert_eq!(api.send(request).await.status, 200);
        }
    });
    join_all(changes).await;
    let records = trail(&api, "", "?action=backend.update").await;
    assert_eq!(records.len(), 12);
    for record in records {
        let number = record["request_id"].as_str().unwrap().rsplit('-').next().unwrap();
        let wanted = ["name", "config.export_path"][number.parse::<usize>().unwrap() % 2];
        assert_eq!(record["fields"], json!([wanted]), "{record}");
    }
}

#[actix_web::test]
async fn a_change_whose_client_hangs_up_has_one_record() {
    let (api, calls) = recording().await;
    let path = api.create("nas", BackendKind::Nfs).await;
    let configure = configure_guarded(Arc::clone(&api.app), Arc::clone(&api.access));
    let service = web::init_service(WebApp::new().configure(configure)).await;
    for n in 0..10 {
        let request = TestRequest::patch()
            .uri(&path)
            .insert_header(("content-type", "application/json"))
            .set_payload(json!({"config": {"export_path": format!("/srv/{n}")}}).to_string())
            .to_request();
        let held = calls.hold_unmounts().await;
        tokio::select! {
            _ = web::call_service(&service, request) => panic!("it is answered before it is done"),
            () = until("the unmount", async || calls.unmounts().len() == n + 1) => {}
        }
        drop(held);
        until("the change", async || api.app.busy_backends() == 0).await;
    }
    let records = trail(&api, "", "?action=backend.update").await;
    assert_eq!(part(&records, "outcome"), ["done"; 10]);
    assert_eq!(part(&records, "status"), [200; 10]);
    assert!(
        records
            .iter()
            .all(|r| r["fields"] == json!(["config.export_path"]))
    );
}

/// The task of their request carries these out.
#[actix_web::test]
async fn a_short_change_whose_client_hangs_up_has_one_record() {
    let (api, _) = recording().await;
    let path = api.create("nas", BackendKind::Nfs).await;
    let configure = configure_guarded(Arc::clone(&api.app), Arc::clone(&api.access));
    let service = web::init_service(WebApp::new().configure(configure)).await;
    let another = json!({"name": "another", "type": "nfs", "config": config(BackendKind::Nfs)});
    for request in [
        TestRequest::post().uri(BACKENDS).set_json(another),
        TestRequest::patch()
            .uri(&path)
            .set_json(json!({"name": "renamed"})),
        TestRequest::delete().uri(&path),
    ] {
        let held = api.database.hold_writes();
        tokio::select! {
            _ = web::call_service(&service, request.to_request()) => panic!("it is answered before it is stored"),
            () = until("the change", async || api.app.tasks() == 1) => {}
        }
        drop(held);
        until("its end", async || api.app.tasks() == 0).await;
    }
    let records = trail(&api, "", "").await;
    assert_eq!(
        part(&records, "action"),
        [
            "backend.delete",
            "backend.update",
            "backend.create",
            "backend.create"
        ]
    );
    assert_eq!(part(&records, "outcome"), ["done"; 4]);
    assert_eq!(part(&records, "status"), [200, 200, 201, 201]);
    let left = api.call("GET", BACKENDS, None).await;
    assert_eq!(part(left.data().as_array().unwrap(), "name"), ["another"]);
}

/// It waited longer for other work than a change may, here for longer than no time at all.
#[actix_web::test]
async fn a_late_change_is_not_made_and_has_one_record() {
    let (api, calls) = recording_within(Duration::ZERO).await;
    let path = api.create("nas", BackendKind::Nfs).await;
    let rename = json!({"name": "late"});
    let change = json!({"config": {"export_path": "/late"}});
    for (method, body) in [("PATCH", Some(rename)), ("PATCH", Some(change)), ("DELETE", None)] {
        let refused = api.call(method, &path, body).await;
        assert_eq!(
            (refused.status.as_u16(), &refused.body["error"]),
            (409, &json!("operation_in_progress"))
        );
    }
    let kept = api.call("GET", &path, None).await;
    assert_eq!((&kept.data()["name"], calls.unmounts().len()), (&json!("nas"), 0));
    let records = trail(&api, "", "").await;
    // The same request has one record in a minute.
    assert_eq!(
        part(&records, "action"),
        ["backend.delete", "backend.update", "backend.create"]
    );
    assert_eq!(part(&records, "outcome"), ["failed", "failed", "done"]);
    assert_eq!(part(&records, "status"), [409, 409, 201]);
}

#[actix_web::test]
async fn what_failed_or_changed_nothing_is_told_with_its_backend() {
    let api = asking_as(AccessSettings::new(Auth::Required)).await;
    let admin = token(&api, Role::Admin).await;
    let body = json!({"name": "web", "type": "http", "config": config(BackendKind::Http)});
    let created = send(&api, &admin, Method::POST, BACKENDS, &body).await;
    let path = created.header("location").to_owned();
    let wrong = json!({"type": "nfs"});
    assert_eq!(send(&api, &admin, Method::PATCH, &path, &wrong).await.status, 422);
    let same = json!({"name": "web"});
    assert_eq!(send(&api, &admin, Method::PATCH, &path, &same).await.status, 200);
    assert_eq!(
        send(&api, &admin, Method::POST, BACKENDS, &body).await.status,
        409
    );
    let gone = format!("{BACKENDS}/{}", uuid::Uuid::nil());
    assert_eq!(
        send(&api, &admin, Method::DELETE, &gone, &Value::Null)
            .await
            .status,
        404
    );
    let records = trail(&api, &admin, "").await;
    assert_eq!(
        part(&records, "outcome"),
        ["failed", "failed", "done", "failed", "done"]
    );
    assert_eq!(part(&records, "status"), [404, 409, 200, 422, 201]);
    for at in [2, 3, 4] {
        assert_eq!(records[at]["backend"]["name"], "web", "{}", records[at]);
        assert_eq!(records[at]["fields"], json!([]), "{}", records[at]);
    }
    assert_eq!(records[0]["backend"]["id"], uuid::Uuid::nil().to_string());
}
