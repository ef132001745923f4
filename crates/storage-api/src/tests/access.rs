//! Who is let in.

mod open;

use std::sync::Arc;

use actix_web::http::Method;
use actix_web::http::header::AUTHORIZATION;
use actix_web::test::TestRequest;
use rstest::rstest;
use storage_domain::Role;
use storage_domain::access::Token;
use storage_persistence::NewToken;
use time::{Duration, OffsetDateTime};
use tokio::runtime::Handle;

use super::harness::{Answer, Api, BACKENDS};
use crate::http::routes;
use crate::{Access, AccessSettings, Auth, LimitSettings};

/// An application that asks who it is, as this says.
async fn asking(auth: Auth) -> Api {
    asking_as(AccessSettings {
        limits: LimitSettings {
            failures_per_minute: 1000,
            ..LimitSettings::default()
        },
        ..AccessSettings::new(auth)
    })
    .await
}

/// An application with these settings.
pub(super) async fn asking_as(settings: AccessSettings) -> Api {
    let mut api = Api::healthy().await;
    let access = Access::new(api.store.clone(), settings, Handle::current());
    api.access = Arc::new(access.unwrap());
    api
}

async fn token_until(api: &Api, name: &str, role: Role, until: Option<OffsetDateTime>) -> Token {
    let token = Token::generate().unwrap();
    let new = NewToken {
        id: token.id().clone(),
        name: name.parse().unwrap(),
        role,
        hash: token.hash(),
        expires_at: until,
    };
    api.store.create_token(new, None).await.unwrap();
    token
}

pub(super) async fn token(api: &Api, role: Role) -> String {
    let token = token_until(api, role.as_str(), role, None).await;
    token.expose().to_string()
}

/// A request with this after `Authorization:`.
pub(super) async fn with(api: &Api, method: &Method, path: &str, credentials: &str) -> Answer {
    let request = TestRequest::default().method(method.clone()).uri(path);
    let request = if credentials.is_empty() {
        request
    } else {
        request.insert_header((AUTHORIZATION, credentials.to_owned()))
    };
    api.send(request).await
}

/// A path of the table with something in place of its parameters.
fn concrete(path: &str) -> String {
    path.replace("{id}", "00000000-0000-7000-8000-000000000000")
        .replace("{job}", "00000000-0000-7000-8000-000000000000")
        .replace("{code}", "internal")
        .replace("{file:.*}", "")
}

/// What is open is decided here, not by omission.
#[actix_web::test]
async fn every_route_asks_for_its_role() {
    let open = [
        "/",
        "/healthz",
        "/readyz",
        "/docs",
        "/docs/{file:.*}",
        "/problems/{code}",
        "/api/v1/openapi.json",
    ];
    let api = asking(Auth::Required).await;
    let mut tokens = Vec::new();
    for role in Role::ALL {
        tokens.push((*role, token(&api, *role).await));
    }
    let mut guarded = 0;
    for route in routes::table() {
        let (path, policy) = (concrete(route.path), route.policy);
        let is_read = policy.method == Method::GET;
        for method in [Some(policy.method), is_read.then_some(Method::HEAD)]
            .into_iter()
            .flatten()
        {
            let nobody = with(&api, &method, &path, "").await;
            let Some(needed) = policy.role else {
                assert!(open.contains(&route.path), "{path} is open");
                assert!(nobody.status.is_success() || nobody.status == 308, "{path}");
                continue;
            };
            guarded += 1;
            assert_eq!(nobody.status, 401, "{method} {path}");
            assert_eq!(
                nobody.header("www-authenticate"),
                "Bearer realm=\"pureboot-storage\""
            );
            for (role, secret) in &tokens {
                let answer = with(&api, &method, &path, &format!("Bearer {secret}")).await;
                let is_refused = answer.status == 403;
                assert_eq!(is_refused, !role.may(needed), "{method} {path} as {role}");
                assert_ne!(answer.status, 401, "{method} {path} as {role}");
                if is_refused && method != Method::HEAD {
                    assert_eq!(answer.body["error"], "forbidden");
                    let wanted = format!("error=\"insufficient_scope\", scope=\"{needed}\"");
                    assert!(answer.header("www-authenticate").contains(&wanted));
                }
            }
        }
    }
    assert!(guarded > 10, "the table was not walked");
}

/// A method that a path does not have says nothing to strangers either.
#[actix_web::test]
async fn methods_that_a_path_does_not_have_need_a_token_too() {
    let api = asking(Auth::Required).await;
    let held = token(&api, Role::Viewer).await;
    assert_eq!(with(&api, &Method::PUT, BACKENDS, "").await.status, 401);
    let answer = with(&api, &Method::PUT, BACKENDS, &format!("Bearer {held}")).await;
    assert_eq!(
        (answer.status.as_u16(), answer.header("allow")),
        (405, "GET, HEAD, POST")
    );
}

#[rstest]
#[case("", "unauthorized")]
#[case("Basic dXNlcjpwYXNz", "unauthorized")]
#[case("Bearer", "invalid_token")]
#[case("Bearer ", "invalid_token")]
#[case("Bearer secret-canary", "invalid_token")]
#[case("Bearer pbs_secret-canary", "invalid_token")]
#[case(
    "Bearer pbs_0123456789ab_0000000000000000000000000000000000000000000000000000000000000000",
    "invalid_token"
)]
#[actix_web::test]
async fn what_is_no_token_is_refused(#[case] credentials: &str, #[case] code: &str) {
    let api = asking(Auth::Required).await;
    let answer = with(&api, &Method::GET, BACKENDS, credentials).await;
    assert_eq!(
        (answer.status.as_u16(), &answer.body["error"]),
        (401, &code.into())
    );
    let has_error = answer
        .header("www-authenticate")
        .contains("error=\"invalid_token\"");
    assert_eq!(has_error, code == "invalid_token");
    assert!(!answer.body.to_string().contains("canary"));
}

#[actix_web::test]
async fn a_token_of_another_secret_is_refused() {
    let api = asking(Auth::Required).await;
    let (known, other) = (token(&api, Role::Admin).await, Token::generate().unwrap());
    let forged = format!("{}{}", &known[..17], &other.expose()[17..]);
    for (secret, status) in [(known, 200), (forged, 401)] {
        let answer = with(&api, &Method::GET, BACKENDS, &format!("bearer {secret}")).await;
        assert_eq!(answer.status, status);
    }
}

#[actix_web::test]
async fn a_token_ends_and_a_revoked_one_too() {
    let api = asking(Auth::Required).await;
    let now = OffsetDateTime::now_utc();
    let ended = token_until(&api, "ended", Role::Admin, Some(now - Duration::SECOND)).await;
    let answer = with(
        &api,
        &Method::GET,
        BACKENDS,
        &format!("Bearer {}", *ended.expose()),
    )
    .await;
    assert_eq!(
        (answer.status.as_u16(), &answer.body["error"]),
        (401, &"token_expired".into())
    );

    let held = token(&api, Role::Viewer).await;
    let ask = async || {
        with(&api, &Method::GET, BACKENDS, &format!("Bearer {held}"))
            .await
            .status
    };
    assert_eq!(ask().await, 200);
    api.store.revoke_token("viewer", None).await.unwrap();
    let until = tokio::time::Instant::now() + Access::MAX_DELAY + std::time::Duration::from_secs(5);
    while ask().await != 401 {
        assert!(tokio::time::Instant::now() < until, "the token is still let in");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}

/// The last use is noted, and not at every request.
#[actix_web::test]
async fn the_last_use_is_noted() {
    let api = asking(Auth::Required).await;
    let held = token(&api, Role::Viewer).await;
    assert_eq!(
        with(&api, &Method::GET, BACKENDS, &format!("Bearer {held}"))
            .await
            .status,
        200
    );
    let until = tokio::time::Instant::now() + std::time::Duration::from_secs(10);
    while api.store.tokens(false).await.unwrap()[0].last_used_at.is_none() {
        assert!(tokio::time::Instant::now() < until, "the use was not noted");
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
}

#[actix_web::test]
async fn known_tokens_outlive_the_database() {
    let api = asking(Auth::Required).await;
    let held = token(&api, Role::Viewer).await;
    let ask = async |secret: &str| {
        let path = concrete("/api/v1/storage/backends/{id}");
        with(&api, &Method::GET, &path, &format!("Bearer {secret}")).await
    };
    assert_eq!(ask(&held).await.status, 404);
    api.store.clone().close().await;
    // Let in, and refused by the store.
    assert_eq!(ask(&held).await.body["error"], "database_unavailable");
    let unknown = Token::generate().unwrap();
    assert_eq!(ask(&unknown.expose()).await.status, 401);
}

#[actix_web::test]
async fn a_service_that_never_read_its_tokens_says_so() {
    let api = asking(Auth::Required).await;
    let held = token(&api, Role::Viewer).await;
    api.store.clone().close().await;
    let answer = with(&api, &Method::GET, BACKENDS, &format!("Bearer {held}")).await;
    assert_eq!(answer.body["error"], "database_unavailable");
}

/// Whoever has no token can't have the service ask a database that does not answer.
#[actix_web::test]
async fn a_token_is_asked_for_without_the_database() {
    let api = asking(Auth::Required).await;
    api.store.clone().close().await;
    for (credentials, code) in [
        ("", "unauthorized"),
        ("Basic dXNlcjpwYXNz", "unauthorized"),
        ("Bearer no-token", "invalid_token"),
    ] {
        let answer = with(&api, &Method::GET, BACKENDS, credentials).await;
        assert_eq!(
            (answer.status.as_u16(), &answer.body["error"]),
            (401, &code.into())
        );
    }
}

#[actix_web::test]
async fn a_token_is_asked_for_before_the_body_is_read() {
    let api = asking(Auth::Required).await;
    let request = TestRequest::post().uri(BACKENDS).set_payload("x".repeat(1 << 20));
    assert_eq!(api.send(request).await.status, 401);
}
