//! Signed links.

use std::sync::Arc;

use actix_web::http::Method;
use actix_web::http::header::{AUTHORIZATION, CONTENT_TYPE};
use actix_web::test::TestRequest;
use rstest::rstest;
use serde_json::{Value, json};
use storage_backends::testkit::FakeBackend;
use storage_domain::{BackendKind, Role};
use time::format_description::well_known::Rfc3339;
use time::{Duration, OffsetDateTime};
use tokio::runtime::Handle;
use tokio::time::Instant;

use super::access::{token, with};
use super::harness::{Answer, Api};
use crate::{Access, AccessSettings, Auth, LimitSettings};

const CONTENT: &[u8] = b"an image";

/// An application that asks for tokens, and the path of a backend with a file.
async fn api() -> (Api, String) {
    let mut api = Api::with(|config| {
        let files = [("/a b/ü.iso", CONTENT), ("/private", CONTENT)];
        Arc::new(FakeBackend::healthy(config.kind()).with_files(files))
    })
    .await;
    let backend = api.create("files", BackendKind::S3).await;
    let access = Access::new(
        api.store.clone(),
        AccessSettings::new(Auth::Required),
        Handle::current(),
    );
    api.access = Arc::new(access.unwrap());
    (api, backend)
}

async fn create(api: &Api, backend: &str, token: &str, body: &Value) -> Answer {
    let request = TestRequest::post()
        .uri(&format!("{backend}/files/links"))
        .insert_header((AUTHORIZATION, format!("Bearer {token}")))
        .insert_header((CONTENT_TYPE, "application/json"))
        .set_payload(body.to_string());
    api.send(request).await
}

async fn link(api: &Api, backend: &str, token: &str) -> String {
    let answer = create(api, backend, token, &json!({ "path": "/a b/ü.iso" })).await;
    assert_eq!(answer.status, 201, "{}", answer.body);
    let ends = OffsetDateTime::parse(answer.data()["expires_at"].as_str().unwrap(), &Rfc3339).unwrap();
    let left = ends - OffsetDateTime::now_utc();
    assert!(
        left > Duration::minutes(9) && left <= Duration::minutes(10),
        "{left}"
    );
    answer.data()["url"].as_str().unwrap().to_owned()
}

#[actix_web::test]
async fn a_link_needs_no_header() {
    let (api, backend) = api().await;
    let token = token(&api, Role::Operator).await;
    let link = link(&api, &backend, &token).await;
    let answer = with(&api, &Method::GET, &link, "").await;
    assert_eq!(
        (answer.status.as_u16(), answer.content.as_deref()),
        (200, Some(CONTENT))
    );
    assert_eq!(with(&api, &Method::HEAD, &link, "").await.status, 200);
    let elsewhere = [
        link.replace("%C3%BC.iso", "private"),
        link.replace("a+b%2F%C3%BC.iso", "private"),
        link.replace("expires=", "expires=9"),
        link.replace("maker=token", "maker=jwt"),
        link.replace("/download?", "/stat?"),
        format!("{link}A"),
        link.replace("signature=", "signature=A"),
        link[..link.find("&signature").unwrap()].to_owned(),
        format!("{link}&path=%2Fprivate"),
    ];
    for other in elsewhere {
        assert_ne!(other, link);
        assert_eq!(with(&api, &Method::GET, &other, "").await.status, 401, "{other}");
    }
    assert_eq!(with(&api, &Method::POST, &link, "").await.status, 401);
}

#[actix_web::test]
async fn a_link_is_for_one_backend() {
    let (api, backend) = api().await;
    let token = token(&api, Role::Admin).await;
    let other = TestRequest::post()
        .uri(super::harness::BACKENDS)
        .insert_header((AUTHORIZATION, format!("Bearer {token}")))
        .insert_header((CONTENT_TYPE, "application/json"))
        .set_payload(
            json!({"name": "other", "type": "s3", "config": super::harness::config(BackendKind::S3)})
                .to_string(),
        );
    let other = api.send(other).await;
    let link = link(&api, &backend, &token).await;
    let moved = link.replace(&backend, other.header("location"));
    assert_ne!(moved, link);
    assert_eq!(with(&api, &Method::GET, &moved, "").await.status, 401);
}

#[actix_web::test]
async fn a_link_dies_with_the_token_that_made_it() {
    let (api, backend) = api().await;
    let token = token(&api, Role::Operator).await;
    let link = link(&api, &backend, &token).await;
    assert_eq!(with(&api, &Method::GET, &link, "").await.status, 200);
    api.store.revoke_token("operator", None).await.unwrap();
    let until = Instant::now() + Access::MAX_DELAY + std::time::Duration::from_secs(5);
    let answer = loop {
        let answer = with(&api, &Method::GET, &link, "").await;
        if answer.status == 401 {
            break answer;
        }
        assert!(Instant::now() < until, "the link is still good");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    };
    assert_eq!(
        (answer.status.as_u16(), &answer.body["error"]),
        (401, &json!("invalid_token"))
    );
}

/// Whoever holds a link has an allowance of its own, and the maker of the link keeps its.
#[actix_web::test]
async fn a_link_does_not_count_for_its_maker() {
    let (mut api, backend) = api().await;
    let token = token(&api, Role::Operator).await;
    let limits = LimitSettings {
        rate: Some(1),
        burst: 20,
        ..LimitSettings::default()
    };
    let settings = AccessSettings {
        limits,
        ..AccessSettings::new(Auth::Required)
    };
    api.access = Arc::new(Access::new(api.store.clone(), settings, Handle::current()).unwrap());
    let link = link(&api, &backend, &token).await;
    let until = Instant::now() + std::time::Duration::from_secs(30);
    while with(&api, &Method::GET, &link, "").await.status != 429 {
        assert!(Instant::now() < until, "the link is not limited");
    }
    let list = format!("{backend}/files");
    let maker = with(&api, &Method::GET, &list, &format!("Bearer {token}")).await;
    assert_eq!(maker.status, 200);
}

/// Whoever needs no token makes links that last until there is one.
#[actix_web::test]
async fn a_link_of_an_open_service_dies_with_the_first_token() {
    let (mut api, backend) = api().await;
    let settings = AccessSettings::new(Auth::WhereThereAreTokens);
    api.access = Arc::new(Access::new(api.store.clone(), settings, Handle::current()).unwrap());
    let link = link(&api, &backend, "").await;
    assert_eq!(with(&api, &Method::GET, &link, "").await.status, 200);
    token(&api, Role::Viewer).await;
    assert_eq!(with(&api, &Method::GET, &link, "").await.status, 401);
}

#[rstest]
#[case(json!({}), "/path")]
#[case(json!({ "path": "a" }), "/path")]
#[case(json!({ "path": "/a", "expires_in": 0 }), "/expires_in")]
#[case(json!({ "path": "/a", "expires_in": 604_801 }), "/expires_in")]
#[case(json!({ "path": "/a", "expires_in": "1" }), "/expires_in")]
#[case(json!({ "path": "/a", "name": "b" }), "/name")]
#[actix_web::test]
async fn mistakes_are_named(#[case] body: Value, #[case] pointer: &str) {
    let (api, backend) = api().await;
    let token = token(&api, Role::Operator).await;
    let answer = create(&api, &backend, &token, &body).await;
    assert_eq!(
        (answer.status.as_u16(), &answer.body["errors"][0]["pointer"]),
        (422, &json!(pointer))
    );
}
