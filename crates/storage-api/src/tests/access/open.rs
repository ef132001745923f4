//! A service that asks nobody.

use actix_web::http::Method;
use actix_web::test::TestRequest;
use rstest::rstest;
use storage_domain::{BackendKind, Role};
use tokio::runtime::Handle;

use super::{asking, token, with};
use crate::tests::harness::{Api, BACKENDS};
use crate::{Access, AccessSettings, Auth};

#[actix_web::test]
async fn loopback_is_open_until_there_is_a_token() {
    let api = asking(Auth::WhereThereAreTokens).await;
    let path = api.create("nas", BackendKind::Nfs).await;
    assert_eq!(with(&api, &Method::GET, &path, "").await.status, 200);
    let held = token(&api, Role::Viewer).await;
    let until = tokio::time::Instant::now() + Access::MAX_DELAY + std::time::Duration::from_secs(5);
    while with(&api, &Method::GET, &path, "").await.status != 401 {
        assert!(tokio::time::Instant::now() < until, "it is still open");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
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
#[case("host", "evil.example", 403)]
#[case("host", "127.0.0.1:8080", 200)]
#[case("origin", "https://evil.example", 403)]
#[case("origin", "null", 403)]
#[case("sec-fetch-site", "cross-site", 403)]
#[case("sec-fetch-site", "same-origin", 200)]
#[actix_web::test]
async fn an_open_service_is_not_for_other_sites(
    #[case] name: &'static str,
    #[case] value: &'static str,
    #[case] status: u16,
) {
    let api = asking(Auth::WhereThereAreTokens).await;
    let request = || {
        let request = TestRequest::get().uri(BACKENDS).insert_header((name, value));
        request.peer_addr("127.0.0.1:1".parse().unwrap())
    };
    let answer = api.send(request()).await;
    assert_eq!(answer.status, status, "{}", answer.body);
    // Whoever asks nobody behind a proxy is not asked by name either.
    let api = Api::healthy().await;
    assert_eq!(api.send(request()).await.status, 200);
}
