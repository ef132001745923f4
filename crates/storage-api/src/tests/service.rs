//! What is about the service itself: health, ids of requests, pages, panics.

use actix_web::body::BoxBody;
use actix_web::dev::ServiceRequest;
use actix_web::middleware::{Next, from_fn};
use actix_web::test::TestRequest;
use actix_web::{App as WebApp, HttpResponse, test, web};
use insta::assert_json_snapshot;
use serde_json::Value;
use storage_domain::BackendKind;

use super::harness::{Api, BACKENDS};
use crate::http::boundary::cross;
use crate::http::openapi::SERVED;
use crate::http::route::Policies;
use crate::http::state::State;
use crate::problem::Code;

#[actix_web::test]
async fn health_is_told() {
    let api = Api::healthy().await;
    assert_eq!(api.call("GET", "/healthz", None).await.data()["status"], "alive");
    assert_eq!(api.call("GET", "/readyz", None).await.data()["status"], "ready");
    api.store.clone().close().await;
    let not_ready = api.call("GET", "/readyz", None).await;
    assert_eq!(
        (not_ready.status.as_u16(), not_ready.header("retry-after")),
        (503, "5")
    );
    assert_json_snapshot!("not-ready", not_ready.stable());
    let down = api.call("GET", BACKENDS, None).await;
    assert_eq!(down.status, 503);
    assert_json_snapshot!("database-unavailable", down.stable());
    assert_eq!(api.call("GET", "/healthz", None).await.status, 200);
}

#[actix_web::test]
async fn the_root_leads_to_the_documentation() {
    let api = Api::healthy().await;
    let answer = api.send(TestRequest::get().uri("/")).await;
    assert_eq!(answer.status, 200);
    assert!(answer.header("content-type").starts_with("text/html"));
}

#[actix_web::test]
async fn a_sane_request_id_is_kept() {
    let api = Api::healthy().await;
    let ask = async |id: &str| {
        let request = TestRequest::get()
            .uri("/healthz")
            .insert_header(("x-request-id", id.to_owned()));
        api.send(request).await.header("x-request-id").to_owned()
    };
    assert_eq!(ask("abc-123").await, "abc-123");
    assert_eq!(ask(&"a".repeat(128)).await, "a".repeat(128));
    for bad in ["", "a b", &"a".repeat(129)] {
        let chosen = ask(bad).await;
        assert!(chosen != bad && chosen.len() == 36, "{chosen}");
    }
}

#[actix_web::test]
async fn the_document_and_its_pages_are_served() {
    let api = Api::healthy().await;
    let document = api.call("GET", "/api/v1/openapi.json", None).await;
    assert_eq!(document.body, crate::openapi::value());
    let again = TestRequest::get()
        .uri("/api/v1/openapi.json")
        .insert_header(("if-none-match", document.header("etag")));
    assert_eq!(api.send(again).await.status, 304);
    let redirect = api.call("GET", "/docs", None).await;
    assert_eq!(
        (redirect.status.as_u16(), redirect.header("location")),
        (308, "/docs/")
    );
    for (path, kind) in [
        ("/docs/", "text/html"),
        ("/docs/index.html", "text/html"),
        ("/docs/swagger-ui.css", "text/css"),
        ("/docs/swagger-ui-bundle.js", "text/javascript"),
        ("/docs/swagger-initializer.js", "text/javascript"),
    ] {
        let page = api.call("GET", path, None).await;
        assert_eq!(
            (page.status.as_u16(), page.header("content-type")),
            (200, kind),
            "{path}"
        );
    }
    for code in Code::ALL {
        let meaning = api.call("GET", &code.type_uri(), None).await;
        assert_eq!(meaning.data()["status"], code.status());
    }
}

#[actix_web::test]
async fn head_answers_as_get_does() {
    let api = Api::healthy().await;
    let path = api.create("nas", BackendKind::Nfs).await;
    for path in [BACKENDS, &path, "/healthz", "/docs/"] {
        let (get, head) = (
            api.call("GET", path, None).await,
            api.call("HEAD", path, None).await,
        );
        assert_eq!(
            (get.status, get.header("etag")),
            (head.status, head.header("etag"))
        );
    }
}

#[actix_web::test]
async fn a_panic_is_an_internal_problem() {
    async fn panics() -> HttpResponse {
        panic!("secret-canary")
    }
    let api = Api::healthy().await;
    let state = State::new(api.app.clone(), api.access.clone(), api.boot(), &SERVED);
    let boundary = from_fn(move |request: ServiceRequest, next: Next<BoxBody>| {
        cross(state.clone(), Policies::new(Vec::new()), request, next)
    });
    let route = web::get().to(panics).wrap(boundary);
    let service = test::init_service(WebApp::new().route("/panic", route)).await;
    let response = test::call_service(&service, TestRequest::get().uri("/panic").to_request()).await;
    assert_eq!(response.status(), 500);
    let body: Value = test::read_body_json(response).await;
    assert_eq!(
        (&body["error"], &body["instance"]),
        (&"internal".into(), &"/panic".into())
    );
    assert!(!body.to_string().contains("secret-canary"));
}
