//! Targets and logical units.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use rstest::rstest;
use serde_json::json;
use storage_backends::{Backend, Error, ErrorKind, Luns, OpContext};
use storage_domain::{
    BackendKind, ByteCount, Capacity, Check, FindingId, IscsiTarget, Lun, LunKind, Outcome, ProbeReport,
};
use tokio::net::TcpSocket;

use super::harness::Api;

const BACKENDS: &str = "/api/v1/storage/backends";
const DISCOVER: &str = "/api/v1/storage/discover/iscsi";

/// A portal with one target, or one that can't be asked.
#[derive(Debug)]
struct Portal {
    answers: bool,
}

fn target() -> IscsiTarget {
    let lun = Lun {
        number: 1,
        kind: LunKind::Disk,
        size: Some(ByteCount::saturating(4096)),
        block_size: Some(512),
        vendor: "IET".to_owned(),
        product: "DISK".to_owned(),
        serial: None,
        ready: true,
    };
    IscsiTarget {
        name: "iqn.2026-11.lab.test:images".to_owned(),
        portals: vec!["10.0.0.5:3260,1".to_owned()],
        luns: Some(vec![lun]),
    }
}

#[async_trait]
impl Backend for Portal {
    fn kind(&self) -> BackendKind {
        BackendKind::Iscsi
    }

    async fn probe(&self, _: &OpContext) -> Result<ProbeReport, Error> {
        let total = target().capacity();
        Ok(ProbeReport {
            checks: vec![Check {
                name: "luns",
                outcome: Outcome::Passed,
                detail: "1 logical unit found".to_owned(),
                duration: Duration::ZERO,
            }],
            capacity: Some(Capacity {
                used: ByteCount::default(),
                total,
                available: total,
            }),
            targets: Some(vec![target()]),
            mount: None,
            warnings: Vec::new(),
            summary: "1 target can be used".to_owned(),
            finding: FindingId(1),
            duration: Duration::ZERO,
        })
    }

    fn as_luns(&self) -> Option<&dyn Luns> {
        Some(self)
    }
}

#[async_trait]
impl Luns for Portal {
    async fn luns(&self, _: &OpContext) -> Result<Vec<IscsiTarget>, Error> {
        if self.answers {
            return Ok(vec![target()]);
        }
        let reason = "The target wants a password: set chap_enabled".to_owned();
        Err(Error::new(ErrorKind::Server, "the request").with_source(reason))
    }
}

async fn with(answers: bool) -> (Api, String) {
    let api = Api::with(move |_| Arc::new(Portal { answers })).await;
    let body = json!({ "name": "san", "type": "iscsi", "config": { "target": "san.lab" } });
    let created = api.call("POST", BACKENDS, Some(body)).await;
    let id = created.body["data"]["id"].as_str().unwrap().to_owned();
    (api, id)
}

fn shown() -> serde_json::Value {
    json!([{
        "name": "iqn.2026-11.lab.test:images",
        "portals": ["10.0.0.5:3260,1"],
        "luns": [{
            "number": 1, "kind": "disk", "size_bytes": 4096, "block_size": 512, "vendor": "IET", "product": "DISK",
            "serial": null, "ready": true,
        }],
    }])
}

#[tokio::test]
async fn are_told_by_a_test_and_by_a_list() {
    let (api, id) = with(true).await;
    let tested = api.call("POST", &format!("{BACKENDS}/{id}/test"), None).await;
    assert_eq!(tested.body["data"]["targets"], shown(), "{}", tested.body);
    let backend = api.call("GET", &format!("{BACKENDS}/{id}"), None).await;
    let stats = json!({ "used_bytes": 0, "total_bytes": 4096, "file_count": 0, "template_count": 0 });
    assert_eq!(backend.body["data"]["stats"], stats);
    let listed = api.call("GET", &format!("{BACKENDS}/{id}/luns"), None).await;
    assert_eq!(listed.status, 200, "{}", listed.body);
    assert_eq!(
        listed.body,
        json!({ "success": true, "data": shown(), "total": 1 })
    );
}

#[tokio::test]
async fn that_can_not_be_listed_are_a_problem() {
    let (api, id) = with(false).await;
    let listed = api.call("GET", &format!("{BACKENDS}/{id}/luns"), None).await;
    assert_eq!(
        (listed.status.as_u16(), &listed.body["error"]),
        (502, &json!("discovery_failed"))
    );
    assert!(
        listed.body["detail"]
            .as_str()
            .unwrap()
            .contains("wants a password")
    );
    let unknown = api.call("GET", &format!("{BACKENDS}/none/luns"), None).await;
    assert_eq!(
        (unknown.status.as_u16(), &unknown.body["error"]),
        (404, &json!("backend_not_found"))
    );
}

#[tokio::test]
async fn are_a_problem_where_a_backend_holds_files() {
    let api = Api::healthy().await;
    let body = json!({ "name": "web", "type": "http", "config": { "base_url": "http://web.lab" } });
    let created = api.call("POST", BACKENDS, Some(body)).await;
    let id = created.body["data"]["id"].as_str().unwrap();
    let listed = api.call("GET", &format!("{BACKENDS}/{id}/luns"), None).await;
    assert_eq!(
        (listed.status.as_u16(), &listed.body["error"]),
        (404, &json!("luns_not_available"))
    );
    let detail = "This backend is of the type http, and only those of the type iscsi have logical units";
    assert_eq!(listed.body["detail"], detail);
}

#[tokio::test]
async fn a_portal_that_is_none_is_told() {
    // Taken and not listened on: nobody else is given it.
    let taken = TcpSocket::new_v4().unwrap();
    taken.bind(([127, 0, 0, 1], 0).into()).unwrap();
    let port = taken.local_addr().unwrap().port();
    let answer = Api::healthy()
        .await
        .call("GET", &format!("{DISCOVER}?portal=127.0.0.1:{port}"), None)
        .await;
    assert_eq!(
        (answer.status.as_u16(), &answer.body["error"]),
        (502, &json!("discovery_failed"))
    );
    assert!(
        answer.body["detail"]
            .as_str()
            .unwrap()
            .contains("refused the connection"),
        "{}",
        answer.body
    );
}

#[rstest]
#[case::missing("")]
#[case::empty("?portal=")]
#[case::port("?portal=nas:0")]
#[case::host("?portal=-nas")]
#[case::twice("?portal=a&portal=b")]
#[tokio::test]
async fn what_is_no_portal_is_refused(#[case] query: &str) {
    let answer = Api::healthy()
        .await
        .call("GET", &format!("{DISCOVER}{query}"), None)
        .await;
    assert_eq!(
        (answer.status.as_u16(), &answer.body["error"]),
        (422, &json!("invalid_query"))
    );
}

#[tokio::test]
async fn of_all_backends_are_those_that_the_last_tests_saw() {
    let (api, id) = with(true).await;
    let path = format!("{BACKENDS}/{id}");
    let seen = async || {
        let mut seen = api.app.seen_luns().await.unwrap();
        assert_eq!(seen.len(), 1);
        let (backend, targets) = seen.remove(0);
        assert_eq!(backend.id.to_string(), id);
        targets
    };
    assert_eq!(seen().await, []);
    api.call("POST", &format!("{path}/test"), None).await;
    assert_eq!(seen().await, [target()]);
    api.call("PATCH", &path, Some(json!({"name": "renamed"}))).await;
    assert_eq!(seen().await, [target()]);
    api.call("PATCH", &path, Some(json!({"config": {"port": 3261}})))
        .await;
    assert_eq!(seen().await, [], "the new config was not tested");
}

/// The web UI's list: what the last tests saw, each unit with the same id each time.
#[actix_web::test]
async fn the_units_that_tests_saw_are_listed() {
    let (api, backend) = with(true).await;
    let list = "/api/v1/storage/luns";
    assert_eq!(api.call("GET", list, None).await.body["total"], 0);
    assert_eq!(
        api.call("POST", &format!("{BACKENDS}/{backend}/test"), None)
            .await
            .status,
        200
    );
    let seen = api.call("GET", list, None).await;
    let unit = &seen.data()[0];
    assert_eq!(
        (&seen.body["total"], &unit["target_id"]),
        (&1.into(), &backend.as_str().into())
    );
    assert_eq!(unit["iqn"], "iqn.2026-11.lab.test:images");
    assert_eq!((&unit["size_gb"], &unit["status"]), (&1.into(), &"ready".into()));
    assert_eq!(unit["assigned_node_id"], serde_json::Value::Null);
    let id: uuid::Uuid = unit["id"].as_str().unwrap().parse().unwrap();
    assert_eq!(id.get_version_num(), 5);
    assert_eq!(api.call("GET", list, None).await.data()[0]["id"], unit["id"]);
}
