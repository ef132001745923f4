//! Which files of a backend machines that boot may read.

use rstest::rstest;
use serde_json::{Value, json};
use storage_domain::BackendKind;

use super::harness::{Api, BACKENDS, config};

fn body(kind: BackendKind, boot_path: &Value) -> Value {
    json!({ "name": "nas", "type": kind, "config": config(kind), "boot_path": boot_path })
}

#[actix_web::test]
async fn it_is_set_kept_and_cleared() {
    let api = Api::healthy().await;
    let kind = BackendKind::Nfs;
    let created = api
        .call("POST", BACKENDS, Some(body(kind, &json!("/boot/"))))
        .await;
    assert_eq!(
        (created.status.as_u16(), &created.data()["boot_path"]),
        (201, &json!("/boot"))
    );
    let path = created.header("location");
    let patch = async |change: Value| {
        let answer = api.call("PATCH", path, Some(change)).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        let listed = api.call("GET", BACKENDS, None).await;
        let read = api.call("GET", path, None).await;
        assert_eq!(&listed.data()[0], answer.data());
        assert_eq!(read.data(), answer.data());
        (
            answer.data()["boot_path"].clone(),
            answer.header("etag").to_owned(),
        )
    };
    let ui = json!({ "name": "nas", "type": kind, "config": created.data()["config"] });
    for same in [ui, json!({ "boot_path": "/boot" })] {
        let unchanged = (json!("/boot"), created.header("etag").to_owned());
        assert_eq!(patch(same).await, unchanged);
    }
    assert_eq!(patch(json!({ "boot_path": "/" })).await.0, "/");
    assert_eq!(patch(json!({ "name": "other" })).await.0, "/");
    assert_eq!(patch(json!({ "boot_path": null })).await.0, Value::Null);
    // Nothing that is mounted has to go, and no result of a test is void.
    let read = api
        .store
        .get(path.rsplit('/').next().unwrap().parse().unwrap())
        .await;
    assert_eq!(read.unwrap().revision, storage_domain::Revision::FIRST);
}

#[rstest]
#[case(BackendKind::Nfs, json!("boot"))]
#[case(BackendKind::Nfs, json!("/a/../b"))]
#[case(BackendKind::Http, json!("/a//b"))]
#[case(BackendKind::S3, json!(7))]
#[case(BackendKind::Iscsi, json!("/"))]
#[actix_web::test]
async fn mistakes_are_named(#[case] kind: BackendKind, #[case] boot_path: Value) {
    let api = Api::healthy().await;
    let refused = api.call("POST", BACKENDS, Some(body(kind, &boot_path))).await;
    refused.assert_refused(422, "invalid_request", &["/boot_path"]);
    let created = api.call("POST", BACKENDS, Some(body(kind, &Value::Null))).await;
    assert_eq!(created.status, 201, "{}", created.body);
    let change = json!({ "boot_path": boot_path });
    let refused = api.call("PATCH", created.header("location"), Some(change)).await;
    refused.assert_refused(422, "invalid_request", &["/boot_path"]);
}
