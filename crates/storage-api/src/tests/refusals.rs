//! Every refusal, by its code.

use actix_web::test::TestRequest;
use insta::assert_json_snapshot;
use proptest::prelude::*;
use rstest::rstest;
use serde_json::{Value, json};
use storage_domain::BackendKind;

use super::harness::{Api, BACKENDS};
use crate::http::extract::MAX_BODY_BYTES;

const GONE: &str = "/api/v1/storage/backends/00000000-0000-7000-8000-000000000000";

#[rstest]
#[case("GET", GONE, "", 404, "backend_not_found")]
#[case("GET", "/api/v1/storage/backends/no-uuid", "", 404, "backend_not_found")]
#[case("GET", "/api/v1/storage/backends/%ff%00", "", 404, "backend_not_found")]
#[case("PATCH", GONE, "{}", 404, "backend_not_found")]
#[case("DELETE", GONE, "", 404, "backend_not_found")]
#[case("POST", "/api/v1/storage/backends/x/test", "", 404, "backend_not_found")]
#[case("GET", "/api/v1/nothing", "", 404, "not_found")]
#[case("GET", "/nowhere", "", 404, "not_found")]
#[case("GET", "/docs/no-such-file", "", 404, "not_found")]
#[case("GET", "/problems/no_such_code", "", 404, "not_found")]
#[case("PUT", BACKENDS, "{}", 405, "method_not_allowed")]
#[case("OPTIONS", GONE, "", 405, "method_not_allowed")]
#[case("GET", "/api/v1/storage/backends/x/test", "", 405, "method_not_allowed")]
#[case("POST", BACKENDS, "", 400, "invalid_json")]
#[case("POST", BACKENDS, "{", 400, "invalid_json")]
#[case("POST", BACKENDS, "[]", 400, "invalid_json")]
#[case("POST", BACKENDS, "null", 400, "invalid_json")]
#[case("POST", BACKENDS, "{} {}", 400, "invalid_json")]
#[case("POST", BACKENDS, r#"{"a":1,"a":2}"#, 400, "invalid_json")]
#[case("POST", BACKENDS, r#"{"a":1e999}"#, 400, "invalid_json")]
#[case("POST", BACKENDS, r#"{"a":"\ud800"}"#, 400, "invalid_json")]
#[case("POST", BACKENDS, "\u{feff}{}", 400, "invalid_json")]
#[case("PATCH", GONE, "[]", 400, "invalid_json")]
#[case("POST", BACKENDS, "{}", 422, "invalid_request")]
#[case(
    "POST",
    BACKENDS,
    r#"{"name":1,"type":"ftp","config":[],"x":0}"#,
    422,
    "invalid_request"
)]
#[case(
    "POST",
    BACKENDS,
    r#"{"name":"a","type":"nfs","config":{}}"#,
    400,
    "invalid_config"
)]
#[case(
    "POST",
    BACKENDS,
    r#"{"name":" ","type":"nfs","config":{}}"#,
    422,
    "invalid_request"
)]
#[case(
    "GET",
    "/api/v1/storage/backends?limit=0&offset=-1&type=ftp&status=up",
    "",
    422,
    "invalid_query"
)]
#[case("GET", "/api/v1/storage/backends?limit=1001", "", 422, "invalid_query")]
#[case("GET", "/api/v1/storage/backends?limit=5&limit=6", "", 422, "invalid_query")]
#[case("GET", "/api/v1/storage/backends?q=%00", "", 422, "invalid_query")]
#[case(
    "DELETE",
    "/api/v1/storage/backends/00000000-0000-7000-8000-000000000000?force=maybe",
    "",
    422,
    "invalid_query"
)]
#[actix_web::test]
async fn is_refused(
    #[case] method: &str,
    #[case] path: &str,
    #[case] body: &str,
    #[case] status: u16,
    #[case] code: &str,
) {
    let api = Api::healthy().await;
    let request = TestRequest::default()
        .method(method.parse().unwrap())
        .uri(path)
        .insert_header(("content-type", "application/json"))
        .set_payload(body.to_owned());
    let answer = api.send(request).await;
    assert_eq!(
        (answer.status.as_u16(), answer.body["error"].as_str()),
        (status, Some(code)),
        "{}",
        answer.body
    );
    assert_eq!(answer.header("allow").is_empty(), status != 405);
    assert_eq!(answer.body["type"], format!("/problems/{code}"));
}

#[rstest]
#[case(Some("text/plain"), None, 415)]
#[case(Some("application/json+x"), None, 415)]
#[case(Some("application/merge-patch+json"), None, 415)]
#[case(None, None, 415)]
#[case(Some("application/json"), Some("gzip"), 415)]
#[case(Some("Application/JSON; charset=\"utf-8\""), Some("identity"), 422)]
#[actix_web::test]
async fn the_media_type_is_looked_at(
    #[case] kind: Option<&str>,
    #[case] coding: Option<&str>,
    #[case] status: u16,
) {
    let api = Api::healthy().await;
    let mut request = TestRequest::post().uri(BACKENDS).set_payload("{}");
    for (name, value) in [("content-type", kind), ("content-encoding", coding)] {
        if let Some(value) = value {
            request = request.insert_header((name, value));
        }
    }
    assert_eq!(api.send(request).await.status, status);
}

#[actix_web::test]
async fn limits_are_kept() {
    let api = Api::healthy().await;
    let padded = |len: usize| {
        let body = TestRequest::post()
            .uri(BACKENDS)
            .insert_header(("content-type", "application/json"));
        body.set_payload(format!("{{{}}}", " ".repeat(len - 2)))
    };
    assert_eq!(api.send(padded(MAX_BODY_BYTES)).await.status, 422);
    assert_eq!(api.send(padded(MAX_BODY_BYTES + 1)).await.status, 413);
    let deep = format!("{}{}", "[".repeat(30_000), "]".repeat(30_000));
    let deep = TestRequest::post()
        .uri(BACKENDS)
        .insert_header(("content-type", "application/json"))
        .set_payload(deep);
    assert_eq!(api.send(deep).await.body["error"], "invalid_json");
    let invalid_utf8 = TestRequest::post()
        .uri(BACKENDS)
        .insert_header(("content-type", "application/json"));
    assert_eq!(
        api.send(invalid_utf8.set_payload(&b"{\"name\":\"\xff\"}"[..]))
            .await
            .body["error"],
        "invalid_json"
    );
    let long = TestRequest::get().uri(&format!("{BACKENDS}?q={}", "a".repeat(9000)));
    assert_eq!(api.send(long).await.status, 414);
    let heavy = TestRequest::get()
        .uri(BACKENDS)
        .insert_header(("x-heavy", "a".repeat(70_000)));
    assert_eq!(api.send(heavy).await.status, 431);
}

#[actix_web::test]
async fn all_mistakes_are_told_at_once() {
    let api = Api::healthy().await;
    let body = json!({
        "name": "tab\there", "type": "nfs", "extra/~": 1,
        "config": {"server": "-x", "export_path": "../etc", "mount_options": "suid", "typo": 1},
    });
    assert_json_snapshot!(
        "all-mistakes",
        api.call("POST", BACKENDS, Some(body)).await.stable()
    );
    let query = api
        .call("GET", &format!("{BACKENDS}?limit=x&type=ftp"), None)
        .await;
    assert_json_snapshot!("query-mistakes", query.stable());
    let path = api.create("nas", BackendKind::Nfs).await;
    let body = json!({"name": "", "type": "http", "config": {"server": ""}});
    assert_json_snapshot!(
        "patch-mistakes",
        api.call("PATCH", &path, Some(body)).await.stable()
    );
    let body = json!({"config": {"server": null}});
    assert_eq!(
        api.call("PATCH", &path, Some(body)).await.body["error"],
        "invalid_config"
    );
}

#[actix_web::test]
async fn many_mistakes_leave_a_detail_to_read() {
    let api = Api::healthy().await;
    let mut body = json!({"name": "nas", "type": "nfs", "config": {"server": "nas", "export_path": "/a"}});
    for n in 0..1000 {
        body[format!("typo{n}")] = Value::Null;
    }
    let answer = api.call("POST", BACKENDS, Some(body)).await;
    assert_eq!(answer.status, 422);
    assert_eq!(answer.body["errors"].as_array().unwrap().len(), 1000);
    let detail = answer.body["detail"].as_str().unwrap();
    assert!(detail.ends_with("; and 992 more, see errors"), "{detail}");
    assert!(detail.len() < 2000, "{detail}");
}

#[actix_web::test]
async fn a_backend_has_one_address() {
    let api = Api::healthy().await;
    let path = api.create("nas", BackendKind::Nfs).await;
    let id = path.rsplit('/').next().unwrap();
    let others = [
        id.to_uppercase(),
        id.replace('-', ""),
        format!("%7B{id}%7D"),
        format!("urn:uuid:{id}"),
    ];
    for other in others {
        let answer = api.call("GET", &format!("{BACKENDS}/{other}"), None).await;
        assert_eq!(answer.body["error"], "backend_not_found", "{other}");
    }
}

#[actix_web::test]
async fn a_name_is_taken_once() {
    let api = Api::healthy().await;
    api.create("nas", BackendKind::Nfs).await;
    let other = api.create("other", BackendKind::Http).await;
    let again = json!({"name": "nas", "type": "http", "config": {"base_url": "http://x/"}});
    let taken = api.call("POST", BACKENDS, Some(again)).await;
    assert_eq!(taken.status, 409);
    assert_json_snapshot!("name-taken", taken.stable());
    for config in [json!({}), json!({"base_url": "http://y/"})] {
        let taken = api
            .call("PATCH", &other, Some(json!({"name": "nas", "config": config})))
            .await;
        assert_eq!(taken.body["error"], "name_taken");
    }
    assert_eq!(
        api.call("PATCH", &other, Some(json!({"name": "NAS"})))
            .await
            .status,
        200
    );
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        prop::sample::select(vec!["nfs", "http", "s3", "iscsi", "/srv", "http://h/"]).prop_map(Value::from),
    ];
    let key = prop_oneof![
        prop::sample::select(vec![
            "name",
            "type",
            "config",
            "server",
            "export_path",
            "base_url",
            "password",
            "port",
            "target"
        ])
        .prop_map(str::to_owned),
        any::<String>(),
    ];
    leaf.prop_recursive(3, 24, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(key.clone(), inner, 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

#[test]
fn no_body_brings_the_service_down() {
    let system = actix_web::rt::System::new();
    let (api, path) = system.block_on(async {
        let api = Api::healthy().await;
        let path = api.create("nas", BackendKind::Nfs).await;
        (api, path)
    });
    proptest!(ProptestConfig::with_cases(200), |(body in any_json())| {
        system.block_on(async {
            for (method, path) in [("POST", BACKENDS), ("PATCH", path.as_str())] {
                let answer = api.call(method, path, Some(body.clone())).await;
                prop_assert!(!answer.status.is_server_error(), "{}", answer.body);
                if body.is_object() && answer.status.is_client_error() {
                    prop_assert!(matches!(answer.status.as_u16(), 400 | 409 | 422), "{}", answer.body);
                }
            }
            Ok(())
        })?;
    });
}
