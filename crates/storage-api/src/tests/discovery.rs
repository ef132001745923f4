//! What could be registered.

use std::sync::Arc;
use std::time::Duration;

use rstest::rstest;
use serde_json::{Value, json};
use storage_backends::testkit::FakeBackend;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::harness::Api;
use crate::AppSettings;

const S3: &str = "/api/v1/storage/discover/s3";
const NFS: &str = "/api/v1/storage/discover/nfs";
const CANARY: &str = "canary-hush-secret";

/// A server that answers every request like this.
async fn server(status: &'static str, body: &'static str) -> String {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                head.push(stream.read_u8().await.unwrap());
            }
            let length = body.len();
            let answer =
                format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}");
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
    });
    format!("http://127.0.0.1:{port}")
}

fn account(endpoint: &str) -> Value {
    json!({ "endpoint": endpoint, "access_key_id": "AK", "secret_access_key": CANARY })
}

#[tokio::test]
async fn buckets_are_listed() {
    let body = "<ListAllMyBucketsResult><Buckets><Bucket><Name>images</Name></Bucket><Bucket><Name>isos</Name></Bucket>\
                <Bucket><Name>No Bucket</Name></Bucket></Buckets></ListAllMyBucketsResult>";
    let endpoint = server("200 OK", body).await;
    let answer = Api::healthy()
        .await
        .call("POST", S3, Some(account(&endpoint)))
        .await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let expected = json!({
        "success": true, "data": [{ "name": "images" }, { "name": "isos" }], "total": 2,
        "message": "1 bucket is left out, because its name can't be registered: No Bucket",
    });
    assert_eq!(answer.body, expected);
}

#[rstest]
#[case::refused(
    "403 Forbidden",
    "<Error><Code>InvalidAccessKeyId</Code></Error>",
    "does not know the access key"
)]
#[case::no_s3("200 OK", "<html/>", "not an S3 server")]
#[tokio::test]
async fn what_keeps_a_server_from_telling(
    #[case] status: &'static str,
    #[case] body: &'static str,
    #[case] says: &str,
) {
    let endpoint = server(status, body).await;
    let answer = Api::healthy()
        .await
        .call("POST", S3, Some(account(&endpoint)))
        .await;
    assert_eq!(
        (answer.status.as_u16(), &answer.body["error"]),
        (502, &json!("discovery_failed"))
    );
    assert!(
        answer.body["detail"].as_str().unwrap().contains(says),
        "{}",
        answer.body
    );
    assert!(!answer.body.to_string().contains("hush"));
}

#[rstest]
#[case::nothing(json!({}), &["/endpoint", "/access_key_id", "/secret_access_key"])]
#[case::bucket(json!({ "endpoint": "s3.lab", "access_key_id": "AK", "secret_access_key": CANARY, "bucket": "b" }), &["/bucket"])]
#[case::endpoint(json!({ "endpoint": "ftp://x", "access_key_id": "AK", "secret_access_key": CANARY }), &["/endpoint"])]
#[tokio::test]
async fn accounts_that_are_refused(#[case] body: Value, #[case] pointers: &[&str]) {
    let answer = Api::healthy().await.call("POST", S3, Some(body)).await;
    assert_eq!(
        (answer.status.as_u16(), &answer.body["error"]),
        (422, &json!("invalid_request"))
    );
    let errors = answer.body["errors"].as_array().unwrap();
    let found: Vec<&str> = errors.iter().map(|e| e["pointer"].as_str().unwrap()).collect();
    assert_eq!(found, pointers);
    assert!(!answer.body.to_string().contains("hush"));
}

#[rstest]
#[case("")]
#[case("?server=")]
#[case("?server=-nas")]
#[case("?server=nas&server=nas2")]
#[tokio::test]
async fn servers_that_are_refused(#[case] query: &str) {
    let answer = Api::healthy()
        .await
        .call("GET", &format!("{NFS}{query}"), None)
        .await;
    assert_eq!(
        (answer.status.as_u16(), &answer.body["error"]),
        (422, &json!("invalid_query"))
    );
    assert_eq!(answer.body["errors"][0]["pointer"], "/server");
}

#[tokio::test]
async fn a_server_that_is_not_there() {
    let path = format!("{NFS}?server=no-such-host.invalid");
    let answer = Api::healthy().await.call("GET", &path, None).await;
    assert_eq!(
        (answer.status.as_u16(), &answer.body["error"]),
        (502, &json!("discovery_failed"))
    );
    let detail = answer.body["detail"].as_str().unwrap();
    assert!(detail.contains("no-such-host.invalid"), "{detail}");
}

/// What others take is no fault of a server.
#[tokio::test]
async fn one_that_gets_no_permit_blames_no_server() {
    let settings = AppSettings {
        test_deadline: Duration::from_millis(200),
        watch_interval: None,
        ..Api::settings()
    };
    let api = Api::set(settings, |config| Arc::new(FakeBackend::healthy(config.kind()))).await;
    let permits = api.app.every_permit().await;
    let refused = api.call("GET", &format!("{NFS}?server=10.0.0.5"), None).await;
    assert_eq!(
        (refused.status.as_u16(), &refused.body["error"]),
        (503, &json!("too_busy"))
    );
    assert!(!refused.header("retry-after").is_empty());
    drop(permits);
}
