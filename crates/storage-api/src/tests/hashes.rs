//! Hashes that a client wants to know.

use std::sync::Arc;

use rstest::rstest;
use serde_json::{Value, json};
use storage_backends::testkit::FakeBackend;
use storage_domain::BackendKind;

use super::concurrency::until;
use super::harness::{Answer, Api};

const CONTENT: &[u8] = b"0123456789";
const SHA256: &str = "84d89877f0d4041efb6bf91a16f0248f2fd573e6af05c19f96bedb9f882f7882";

async fn api(set: impl Fn(FakeBackend) -> FakeBackend) -> (Api, String) {
    let fake = FakeBackend::healthy(BackendKind::Http).with_files([("/dir/a.iso", CONTENT)]);
    let fake = Arc::new(set(fake));
    let api = Api::with(move |_| Arc::clone(&fake) as Arc<_>).await;
    let backend = api.create("files", BackendKind::Http).await;
    (api, backend)
}

async fn post(api: &Api, backend: &str, body: Value) -> Answer {
    api.call("POST", &format!("{backend}/files/hash"), Some(body))
        .await
}

/// Asks for the hash of the file, and returns the job when it has ended, and the hash that is known then.
async fn hash(api: &Api, backend: &str) -> (Value, Value) {
    let begun = post(api, backend, json!({ "path": "/dir/a.iso" })).await;
    assert_eq!(begun.status, 202, "{}", begun.body);
    let path = begun.header("location").to_owned();
    let job = async || api.call("GET", &path, None).await.data().clone();
    until("the end of the job", async || job().await["state"] != "running").await;
    let stat = format!("{backend}/files/stat?path=/dir/a.iso");
    let file = api.call("GET", &stat, None).await;
    (job().await, file.data()["sha256"].clone())
}

#[actix_web::test]
async fn a_hash_is_kept_for_the_version_that_was_read() {
    let (api, backend) = api(|fake| fake).await;
    let (job, sha256) = hash(&api, &backend).await;
    assert_eq!(
        (&job["state"], &job["subject"]),
        (&json!("done"), &json!("/dir/a.iso")),
        "{job}"
    );
    let progress = &job["progress"];
    assert_eq!(
        (&progress["done"], &progress["total"], &progress["unit"]),
        (&json!(10), &json!(10), &json!("bytes"))
    );
    assert_eq!(sha256, SHA256);
}

#[rstest]
#[case::broken(|fake: FakeBackend| fake.breaking_off(4), "the read")]
#[case::changed(FakeBackend::replacing_what_is_read, "The file changes while it is read")]
#[actix_web::test]
async fn nothing_is_kept_of_what_was_not_read(
    #[case] set: fn(FakeBackend) -> FakeBackend,
    #[case] says: &str,
) {
    let (api, backend) = api(set).await;
    let (job, sha256) = hash(&api, &backend).await;
    assert_eq!((&job["state"], sha256), (&json!("failed"), Value::Null), "{job}");
    assert!(job["error"].as_str().unwrap().contains(says), "{job}");
    let kept = format!("{backend}/files?path=/dir");
    let kept = api.call("GET", &kept, None).await;
    assert_eq!(kept.data()[0]["sha256"], Value::Null);
}

#[rstest]
#[case::directory(json!({ "path": "/dir" }), 409, "not_a_file")]
#[case::nothing(json!({ "path": "/none" }), 404, "path_not_found")]
#[case::unknown(json!({ "path": "/dir/a.iso", "sha1": true }), 422, "invalid_request")]
#[actix_web::test]
async fn refusals(#[case] body: Value, #[case] status: u16, #[case] code: &str) {
    let (api, backend) = api(|fake| fake).await;
    let refused = post(&api, &backend, body).await;
    assert_eq!(
        (refused.status.as_u16(), &refused.body["error"]),
        (status, &json!(code))
    );
}
