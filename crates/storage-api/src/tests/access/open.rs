//! A service that asks nobody.

use actix_web::http::Method;
use actix_web::test::TestRequest;
use rstest::rstest;
use storage_domain::{BackendKind, Role};
use tokio::runtime::Handle;

use super::{asking, asking_as, token, with};
use crate::tests::harness::{Api, BACKENDS};
use crate::{Access, AccessSettings, Auth};

#[actix_web::test]
async fn loopback_is_open_until_there_is_a_token() {
    let api = asking(Auth::WhereThereAreTokens).await;
    let path = api.create("nas", BackendKind::Nfs).await;
    assert_eq!(with(&api, &Method::GET, &path, "").await.status, 200);
    let held = token(&api, Role::Viewer).await;
    // Not a moment later: whoever made the token believes that the service is closed.
    assert_eq!(with(&api, &Method::GET, &path, "").await.status, 401);
    assert_eq!(
        with(&api, &Method::GET, &path, &format!("Bearer {held}"))
            .await
            .status,
        200
    );
    // The end of the last token opens nothing.
    api.store.revoke_token("viewer", None).await.unwrap();
    api.store.revoke_token("viewer", None).await.unwrap_err();
    let fresh = Access::new(
        api.store.clone(),
        AccessSettings::new(Auth::WhereThereAreTokens),
        Handle::current(),
    );
    let fresh = fresh.unwrap();
    let found = fresh.prepare().await.unwrap();
    assert!(found.any && !found.valid);
}

/// An open service on loopback is within reach of every page that a browser on the machine shows.
#[rstest]
#[case(&[("host", "evil.example")], 403)]
#[case(&[("host", "127.0.0.1:8080")], 200)]
#[case(&[("host", "127.0.0.1:80@evil.example")], 403)]
#[case(&[("host", "localhost"), ("host", "evil.example")], 403)]
#[case(&[("origin", "https://evil.example")], 403)]
#[case(&[("origin", "null")], 403)]
#[case(&[("host", "LocalHost:8080"), ("origin", "http://localhost:8080")], 200)]
#[case(&[("host", "localhost:8080"), ("origin", "http://localhost:3000")], 403)]
#[case(&[("sec-fetch-site", "cross-site")], 403)]
#[case(&[("sec-fetch-site", "same-site")], 403)]
#[case(&[("sec-fetch-site", "Same-Site")], 403)]
#[case(&[("sec-fetch-site", "same-origin")], 200)]
#[case(&[("sec-fetch-site", "none")], 200)]
// A development server passes its own page's requests on under another `Host`.
#[case(&[("host", "localhost:8000"), ("origin", "http://localhost:5173"), ("sec-fetch-site", "same-origin")], 200)]
#[case(&[("host", "evil.example"), ("sec-fetch-site", "same-origin")], 403)]
#[actix_web::test]
async fn an_open_service_is_not_for_other_origins(
    #[case] fields: &'static [(&'static str, &'static str)],
    #[case] status: u16,
) {
    let api = asking(Auth::WhereThereAreTokens).await;
    let request = || {
        let mut request = TestRequest::get().uri(BACKENDS);
        for field in fields {
            request = request.append_header(*field);
        }
        request.peer_addr("127.0.0.1:1".parse().unwrap())
    };
    let answer = api.send(request()).await;
    assert_eq!(answer.status, status, "{}", answer.body);
    // Whoever asks nobody behind a proxy is not asked by name either.
    let api = Api::healthy().await;
    assert_eq!(api.send(request()).await.status, 200);
}

/// Through a Unix socket only the name is the proxy's own; an origin that is listed may use its own name.
#[rstest]
#[case(None, &[], 200)]
#[case(None, &[("host", "pureboot.lab")], 200)]
#[case(None, &[("host", "pureboot.lab"), ("origin", "http://evil.example"), ("sec-fetch-site", "cross-site")], 403)]
#[case(None, &[("host", "pureboot.lab"), ("origin", "http://evil.example")], 403)]
#[case(Some("127.0.0.1:1"), &[("host", "ui.lab"), ("origin", "http://ui.lab"), ("sec-fetch-site", "same-origin")], 200)]
#[case(Some("127.0.0.1:1"), &[("host", "other.lab"), ("origin", "http://ui.lab")], 403)]
#[actix_web::test]
async fn proxies_pass_on_pages_of_listed_origins(
    #[case] peer: Option<&str>,
    #[case] fields: &'static [(&'static str, &'static str)],
    #[case] status: u16,
) {
    let api = asking_as(AccessSettings {
        cors_origins: vec!["http://ui.lab".to_owned()],
        ..AccessSettings::new(Auth::WhereThereAreTokens)
    })
    .await;
    let mut request = TestRequest::get().uri(BACKENDS);
    for field in fields {
        request = request.append_header(*field);
    }
    if let Some(peer) = peer {
        request = request.peer_addr(peer.parse().unwrap());
    }
    let answer = api.send(request).await;
    assert_eq!(answer.status, status, "{}", answer.body);
}

/// A client may make up a method that is as long as a head.
#[actix_web::test]
async fn a_long_method_is_cut() {
    let api = Api::healthy().await;
    let method = Method::from_bytes(&[b'F'; 5000]).unwrap();
    let answer = api
        .send(TestRequest::default().method(method).uri("/healthz"))
        .await;
    assert_eq!(answer.status, 405);
    assert!(
        answer.body["detail"].as_str().unwrap().len() < 200,
        "{}",
        answer.body
    );
}

/// What is no path is answered as every unknown one is.
#[actix_web::test]
async fn no_path_passes_the_boundary_too() {
    let api = Api::healthy().await;
    let answer = api
        .send(TestRequest::default().method(Method::OPTIONS).uri("*"))
        .await;
    assert_eq!(
        (answer.status.as_u16(), &answer.body["error"]),
        (404, &"not_found".into())
    );
    assert!(!answer.header("x-request-id").is_empty());
}

/// An image of another port of this machine would make the service connect anywhere.
#[actix_web::test]
async fn a_page_of_another_port_starts_no_discovery() {
    let api = asking(Auth::WhereThereAreTokens).await;
    let request = TestRequest::get()
        .uri("/api/v1/storage/discover/iscsi?portal=127.0.0.1:1")
        .peer_addr("127.0.0.1:1".parse().unwrap())
        .insert_header(("host", "localhost:8080"))
        .insert_header(("sec-fetch-site", "same-site"));
    let answer = api.send(request).await;
    assert_eq!(
        (answer.status.as_u16(), &answer.body["error"]),
        (403, &"cross_site".into())
    );
}

/// The remedy can be copied, and nothing else that a page sends is repeated.
#[rstest]
#[case("http://UI.lab:3000", "add \"http://ui.lab:3000\" to cors_origins")]
#[case("http://ui.lab/<b>", "add its origin to cors_origins")]
#[actix_web::test]
async fn the_refusal_names_the_origin_to_allow(#[case] origin: &'static str, #[case] remedy: &str) {
    let api = asking(Auth::WhereThereAreTokens).await;
    let request = TestRequest::get()
        .uri(BACKENDS)
        .peer_addr("127.0.0.1:1".parse().unwrap())
        .insert_header(("host", "localhost"))
        .insert_header(("origin", origin));
    let answer = api.send(request).await;
    let detail = answer.body["detail"].as_str().unwrap();
    assert!(answer.status == 403 && detail.contains(remedy), "{detail}");
}
