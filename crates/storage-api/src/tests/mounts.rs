//! What is told of mounts: how they are made, and who keeps them in use.

use std::sync::Arc;

use insta::assert_json_snapshot;
use serde_json::json;
use storage_backends::testkit::FakeBackend;
use storage_backends::{Holder, Holders};
use storage_domain::{BackendKind, MountInForce};

use super::harness::{Api, BACKENDS};

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
    let mut told = Vec::new();
    for holders in [some, many, unseen] {
        let fake = Arc::new(FakeBackend::healthy(BackendKind::Nfs).held(holders));
        let api = Api::with(move |_| fake.clone()).await;
        let path = api.create("nas", BackendKind::Nfs).await;
        let refused = api.call("DELETE", &path, None).await;
        assert_eq!(refused.status, 409);
        told.push(json!([refused.body["detail"], refused.body["holders"]]));
    }
    assert_json_snapshot!("busy-holders", told);
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
