//! Backends that hang in the kernel, and backends that panic.

use std::sync::Arc;

use async_trait::async_trait;
use serde_json::json;
use storage_backends::mount::table::MountTable;
use storage_backends::{Backend, Error, ErrorKind, Mount, MountState, OpContext, UnmountMode};
use storage_domain::{BackendKind, ProbeReport};
use time::OffsetDateTime;

use super::harness::Api;

#[derive(Debug)]
enum Bad {
    Stuck,
    Panics,
}

impl Bad {
    fn stuck() -> Error {
        let since = OffsetDateTime::from_unix_timestamp(1_795_341_600).unwrap();
        Error::new(ErrorKind::Stuck { pid: 4711, since }, "the call")
    }
}

#[async_trait]
impl Backend for Bad {
    fn kind(&self) -> BackendKind {
        BackendKind::Nfs
    }

    async fn probe(&self, _cx: &OpContext) -> Result<ProbeReport, Error> {
        match self {
            Self::Stuck => Err(Self::stuck()),
            Self::Panics => panic!("it was asked to"),
        }
    }

    fn as_mount(&self) -> Option<&dyn Mount> {
        Some(self)
    }
}

#[async_trait]
impl Mount for Bad {
    fn state(&self, _mounts: &MountTable) -> MountState {
        MountState::Mounted
    }

    async fn unmount(&self, _cx: &OpContext, _mode: UnmountMode) -> Result<(), Error> {
        Err(Self::stuck())
    }
}

#[actix_web::test]
async fn a_stuck_backend_is_told_and_only_force_deletes_it() {
    let api = Api::with(|_| Arc::new(Bad::Stuck)).await;
    let path = api.create("nas", BackendKind::Nfs).await;
    let tested = api.call("POST", &format!("{path}/test"), None).await;
    assert_eq!(tested.status, 200);
    assert_eq!(tested.data()["success"], false);
    assert_eq!(tested.data()["stuck_since"], "2026-11-22T10:00:00.000Z");
    assert_eq!(tested.header("retry-after"), "5");
    let patch = json!({"config": {"server": "other"}});
    for (method, body) in [("PATCH", Some(patch)), ("DELETE", None)] {
        let refused = api.call(method, &path, body).await;
        assert_eq!(
            (refused.status.as_u16(), refused.header("retry-after")),
            (503, "5")
        );
        assert_eq!(refused.body["error"], "backend_stuck");
        assert_eq!(refused.body["stuck_since"], "2026-11-22T10:00:00.000Z");
        assert!(!refused.body.to_string().contains("4711"));
    }
    let kept = api.call("GET", &path, None).await;
    assert_eq!(
        (&kept.data()["status"], &kept.data()["config"]["server"]),
        (&json!("error"), &json!("10.0.0.5"))
    );
    assert_eq!(
        api.call("DELETE", &format!("{path}?force=1"), None).await.status,
        200
    );
}

#[actix_web::test]
async fn a_probe_that_panics_is_an_internal_problem() {
    let api = Api::with(|_| Arc::new(Bad::Panics)).await;
    let path = api.create("nas", BackendKind::Nfs).await;
    let failed = api.call("POST", &format!("{path}/test"), None).await;
    assert_eq!(
        (failed.status.as_u16(), &failed.body["error"]),
        (500, &json!("internal"))
    );
    assert!(!failed.body.to_string().contains("asked to"));
    assert_eq!(api.call("GET", &path, None).await.status, 200);
    assert_eq!(api.app.busy_backends(), 0);
}
