//! What answers say of mounts: how they are made, and what keeps them in use.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};

use actix_web::test::TestRequest;
use async_trait::async_trait;
use insta::assert_json_snapshot;
use serde_json::json;
use storage_backends::mount::table::MountTable;
use storage_backends::testkit::{FakeBackend, FakeCalls};
use storage_backends::{Backend, Error, Holder, Holders, Mount, MountState, OpContext, UnmountMode};
use storage_domain::{BackendId, BackendKind, MountInForce, ProbeReport};
use storage_persistence::Store;

use super::concurrency::{id_of, until};
use super::harness::{Answer, Api, BACKENDS};
use crate::service::{AppError, Permit};

#[actix_web::test]
async fn who_keeps_a_mount_in_use_is_told() {
    let holder = |pid, command: &str| Holder {
        pid,
        command: command.to_owned(),
    };
    let some = Holders {
        found: vec![holder(4711, "bash"), holder(4712, "qemu-img")],
        ..Holders::default()
    };
    let many = Holders {
        found: (1..=6).map(|pid| holder(pid, "cp")).collect(),
        ..Holders::default()
    };
    let unseen = Holders {
        unseen: 12,
        ..Holders::default()
    };
    let mut answers = Vec::new();
    for holders in [some, many, unseen] {
        let fake = Arc::new(FakeBackend::healthy(BackendKind::Nfs).held(holders));
        let api = Api::with(move |_| fake.clone()).await;
        let path = api.create("nas", BackendKind::Nfs).await;
        let refused = api.call("DELETE", &path, None).await;
        assert_eq!(refused.status, 409);
        answers.push(json!([refused.body["detail"], refused.body["holders"]]));
    }
    assert_json_snapshot!("busy-holders", answers);
}

#[actix_web::test]
async fn a_mount_and_its_warnings_are_told() {
    let mount = MountInForce {
        source: "10.0.0.5:/srv/images".to_owned(),
        version: Some("4.1".to_owned()),
        read_write: false,
        options: ["ro", "nosuid", "vers=4.1", "hard"].map(str::to_owned).to_vec(),
        gives_up_after: None,
    };
    let fake = FakeBackend::healthy(BackendKind::Nfs).mounted_as(mount);
    let fake = Arc::new(fake);
    let api = Api::with(move |_| fake.clone()).await;
    let body = json!({"name": "nas", "type": "nfs", "config": {
        "server": "10.0.0.5", "export_path": "/srv/images", "mount_options": "hard",
    }});
    let created = api.call("POST", BACKENDS, Some(body)).await;
    assert_eq!(created.status, 201);
    assert_json_snapshot!("created-with-warning", created.stable());
    let path = created.header("location").to_owned();
    let tested = api.call("POST", &format!("{path}/test"), None).await;
    assert_json_snapshot!("tested-mount", tested.data()["mount"]);
    let quiet = json!({"config": {"mount_options": null}});
    let changed = api.call("PATCH", &path, Some(quiet)).await;
    assert_eq!(changed.body.get("warnings"), None);
}

/// Renames a backend, as another process does.
async fn rename(store: &Store, id: BackendId, name: &str) {
    let read = store.get(id).await.unwrap();
    let name = name.parse().unwrap();
    store
        .update(&read, &name, &read.config, None, None)
        .await
        .unwrap();
}

/// Sends a request with the entity tag that the backend has now.
async fn conditional(api: &Api, method: &str, path: &str, body: Option<serde_json::Value>) -> Answer {
    let read = api.call("GET", path, None).await;
    let mut request = TestRequest::default()
        .method(method.parse().unwrap())
        .uri(path)
        .insert_header(("content-type", "application/json"))
        .insert_header(("if-match", read.header("etag")));
    if let Some(body) = body {
        request = request.set_payload(body.to_string());
    }
    api.send(request).await
}

#[actix_web::test]
async fn a_change_that_is_not_stored_leaves_the_mount() {
    let fake = Arc::new(FakeBackend::healthy(BackendKind::Nfs).mountable(MountState::Unmounted));
    let (built, calls) = (Arc::clone(&fake), fake.calls());
    let api = Api::with(move |_| built.clone()).await;
    let path = api.create("nas", BackendKind::Nfs).await;
    api.call("POST", &format!("{path}/test"), None).await;
    for (method, body) in [
        ("PATCH", Some(json!({"config": {"server": "other"}}))),
        ("DELETE", None),
    ] {
        refused_after_the_unmount(&api, &calls, method, &path, body).await;
        until_mounted(&fake).await;
        assert_eq!(api.call("GET", &path, None).await.data()["status"], "online");
    }
}

/// Sends a change of a version that another process changes while the change unmounts.
async fn refused_after_the_unmount(
    api: &Api,
    calls: &FakeCalls,
    method: &str,
    path: &str,
    body: Option<serde_json::Value>,
) {
    let (held, before) = (calls.hold_unmounts().await, calls.unmounts().len());
    let meanwhile = async {
        until("the unmount", async || calls.unmounts().len() > before).await;
        rename(&api.store, id_of(path), &format!("before {method} {before}")).await;
        drop(held);
    };
    let (refused, ()) = tokio::join!(conditional(api, method, path, body), meanwhile);
    assert_eq!(refused.status, 412, "{method}");
}

async fn until_mounted(fake: &FakeBackend) {
    let mount = fake.as_mount().unwrap();
    until("the mount", async || {
        mount.state(&MountTable::default()) == MountState::Mounted
    })
    .await;
}

/// Each time they interrupt the test of a client, which is to mount again.
#[actix_web::test]
async fn a_check_mounts_after_three_changes_that_fail() {
    let fake = Arc::new(FakeBackend::healthy(BackendKind::Nfs).mountable(MountState::Unmounted));
    let (built, calls) = (Arc::clone(&fake), fake.calls());
    let api = Api::with(move |_| built.clone()).await;
    let path = api.create("nas", BackendKind::Nfs).await;
    api.call("POST", &format!("{path}/test"), None).await;
    fake.hang();
    let (app, id) = (Arc::clone(&api.app), id_of(&path));
    let client = actix_web::rt::spawn(async move { app.test(id, Permit::none(), |_| ()).await });
    for probe in 2..=4 {
        until("the test", async || {
            (calls.probes(), calls.under_way()) == (probe, 1)
        })
        .await;
        if probe == 4 {
            fake.recover();
        }
        let change = json!({"config": {"server": "other"}});
        refused_after_the_unmount(&api, &calls, "PATCH", &path, Some(change)).await;
    }
    assert!(matches!(client.await.unwrap(), Err(AppError::InProgress)));
    until_mounted(&fake).await;
    assert_eq!((calls.probes(), calls.unmounts().len()), (5, 3));
}

/// A backend that another process renames while its test is cancelled.
#[derive(Debug, Default)]
struct Renamed {
    store: OnceLock<Store>,
    id: OnceLock<BackendId>,
    probes: AtomicU32,
    unmounts: AtomicU32,
}

#[async_trait]
impl Backend for Renamed {
    fn kind(&self) -> BackendKind {
        BackendKind::Nfs
    }

    async fn probe(&self, cx: &OpContext) -> Result<ProbeReport, Error> {
        self.probes.fetch_add(1, Ordering::SeqCst);
        cx.cancellation().cancelled().await;
        rename(self.store.get().unwrap(), *self.id.get().unwrap(), "renamed").await;
        Err(Error::cancelled("the probe"))
    }

    fn as_mount(&self) -> Option<&dyn Mount> {
        Some(self)
    }
}

#[async_trait]
impl Mount for Renamed {
    fn state(&self, _mounts: &MountTable) -> MountState {
        MountState::Mounted
    }

    async fn unmount(&self, _cx: &OpContext, _mode: UnmountMode) -> Result<(), Error> {
        self.unmounts.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }
}

#[actix_web::test]
async fn a_version_that_is_gone_is_not_unmounted() {
    let fake: Arc<Renamed> = Arc::default();
    let built = Arc::clone(&fake);
    let api = Api::with(move |_| built.clone()).await;
    let path = api.create("nas", BackendKind::Nfs).await;
    fake.store.set(api.store.clone()).unwrap();
    fake.id.set(id_of(&path)).unwrap();
    let (app, id) = (Arc::clone(&api.app), id_of(&path));
    actix_web::rt::spawn(async move { app.test(id, Permit::none(), |_| ()).await });
    until("the probe", async || fake.probes.load(Ordering::SeqCst) == 1).await;
    let refused = conditional(&api, "DELETE", &path, None).await;
    assert_eq!(
        (refused.status.as_u16(), fake.unmounts.load(Ordering::SeqCst)),
        (412, 0)
    );
    assert_eq!(api.call("GET", &path, None).await.data()["name"], "renamed");
}
