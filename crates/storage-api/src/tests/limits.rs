//! How much one client may ask for, and pages of other origins.

mod hangups;

use std::sync::Arc;
use std::time::Duration;

use actix_web::http::Method;
use actix_web::test::TestRequest;
use futures_util::future::join_all;
use storage_backends::testkit::FakeBackend;
use storage_domain::access::Token;
use storage_domain::{BackendKind, Role};
use tokio::runtime::Handle;

use super::access::{asking_as, token, with};
use super::harness::{Answer, Api, BACKENDS};
use crate::{Access, AccessSettings, Auth, LimitSettings};

fn settings(auth: Auth, limits: LimitSettings) -> AccessSettings {
    AccessSettings {
        limits,
        ..AccessSettings::new(auth)
    }
}

async fn from(api: &Api, peer: &str, secret: &str) -> Answer {
    let request = TestRequest::get()
        .uri(BACKENDS)
        .peer_addr(peer.parse().unwrap())
        .insert_header(("authorization", format!("Bearer {secret}")));
    api.send(request).await
}

#[actix_web::test]
async fn guesses_are_limited_by_address_and_nobody_else_is_kept_out() {
    let limits = LimitSettings {
        failures_per_minute: 3,
        ..LimitSettings::default()
    };
    let api = asking_as(settings(Auth::Required, limits)).await;
    let held = token(&api, Role::Viewer).await;
    let late = token(&api, Role::Admin).await;
    assert_eq!(from(&api, "192.0.2.1:1", &held).await.status, 200);
    let guess = || Token::generate().unwrap().expose().to_string();
    for _ in 0..3 {
        assert_eq!(from(&api, "192.0.2.1:1", &guess()).await.status, 401);
    }
    let limited = from(&api, "192.0.2.1:2", &guess()).await;
    assert_eq!(
        (limited.status.as_u16(), &limited.body["error"]),
        (429, &"rate_limited".into())
    );
    let wait: u64 = limited.header("retry-after").parse().unwrap();
    assert!((1..=20).contains(&wait), "{wait}");
    // A good token is let in from there all the same, whether it was seen before or not.
    assert_eq!(from(&api, "192.0.2.1:1", &held).await.status, 200);
    assert_eq!(from(&api, "192.0.2.1:1", &late).await.status, 200);
    assert_eq!(from(&api, "192.0.2.1:1", &guess()).await.status, 429);
    assert_eq!(from(&api, "192.0.2.2:1", &guess()).await.status, 401);
}

#[actix_web::test]
async fn requests_are_limited_by_client() {
    let limits = LimitSettings {
        rate: Some(1),
        burst: 2,
        ..LimitSettings::default()
    };
    let api = asking_as(settings(Auth::Required, limits)).await;
    let (first, second) = (token(&api, Role::Viewer).await, token(&api, Role::Admin).await);
    let mut seen = Vec::new();
    for _ in 0..3 {
        seen.push(from(&api, "192.0.2.1:1", &first).await.status.as_u16());
    }
    assert_eq!(seen, [200, 200, 429]);
    // By token, not by address.
    assert_eq!(from(&api, "192.0.2.2:1", &first).await.status, 429);
    assert_eq!(from(&api, "192.0.2.1:1", &second).await.status, 200);
    // A proxy on this machine makes everybody come from here.
    assert_eq!(from(&api, "127.0.0.1:1", &first).await.status, 429);
    let health = TestRequest::get()
        .uri("/healthz")
        .peer_addr("192.0.2.1:1".parse().unwrap());
    assert_eq!(api.send(health).await.status, 200);
}

#[actix_web::test]
async fn whoever_is_not_asked_on_this_machine_has_no_rate() {
    let limits = LimitSettings {
        rate: Some(1),
        burst: 2,
        ..LimitSettings::default()
    };
    let api = asking_as(settings(Auth::Off, limits)).await;
    let statuses = async |peer: &str| {
        let mut seen = Vec::new();
        for _ in 0..5 {
            seen.push(from(&api, peer, "").await.status.as_u16());
        }
        seen
    };
    assert_eq!(statuses("127.0.0.1:1").await, [200; 5]);
    assert_eq!(statuses("192.0.2.1:1").await, [200, 200, 429, 429, 429]);
}

#[actix_web::test]
async fn tests_at_once_are_limited_by_client() {
    let mut api =
        Api::with(|config| Arc::new(FakeBackend::healthy(config.kind()).slow(Duration::from_millis(300))))
            .await;
    let limits = LimitSettings {
        tests: 2,
        ..LimitSettings::default()
    };
    let mut paths = Vec::new();
    for n in 0..3 {
        paths.push(format!(
            "{}/test",
            api.create(&format!("nas {n}"), BackendKind::Nfs).await
        ));
    }
    let access = Access::new(
        api.store.clone(),
        settings(Auth::Required, limits),
        Handle::current(),
    );
    api.access = Arc::new(access.unwrap());
    let (first, second) = (token(&api, Role::Operator).await, token(&api, Role::Admin).await);
    let test = async |secret: &str, path: &str| {
        let credentials = format!("Bearer {secret}");
        with(&api, &Method::POST, path, &credentials)
            .await
            .status
            .as_u16()
    };
    let mut all = join_all(paths.iter().map(|path| test(&first, path))).await;
    all.sort_unstable();
    assert_eq!(all, [200, 200, 429]);
    assert_eq!(test(&first, &paths[0]).await, 200);
    assert_eq!(test(&second, &paths[0]).await, 200);
}

#[actix_web::test]
async fn pages_of_other_origins_need_to_be_named() {
    let api = asking_as(AccessSettings {
        cors_origins: vec!["https://ui.example".to_owned()],
        ..AccessSettings::new(Auth::Required)
    })
    .await;
    let held = token(&api, Role::Admin).await;
    let preflight = |origin: &'static str| {
        TestRequest::default()
            .method(Method::OPTIONS)
            .uri(BACKENDS)
            .insert_header(("origin", origin))
            .insert_header(("access-control-request-method", "POST"))
    };
    let asked = api.send(preflight("https://ui.example")).await;
    assert_eq!(asked.status, 200);
    assert_eq!(asked.header("access-control-allow-origin"), "https://ui.example");
    assert_eq!(asked.header("access-control-allow-methods"), "GET, HEAD, POST");
    assert!(
        asked
            .header("access-control-allow-headers")
            .contains("authorization")
    );
    assert_eq!(asked.header("vary"), "Origin");
    assert_eq!(asked.header("access-control-allow-credentials"), "");
    for other in ["https://evil.example", "null", "https://ui.example.evil.example"] {
        let refused = api.send(preflight(other)).await;
        assert_eq!(
            (
                refused.status.as_u16(),
                refused.header("access-control-allow-origin")
            ),
            (401, "")
        );
    }
    let get = |origin: &'static str| {
        TestRequest::get()
            .uri(BACKENDS)
            .insert_header(("origin", origin))
            .insert_header(("authorization", format!("Bearer {held}")))
    };
    let read = api.send(get("https://ui.example")).await;
    assert_eq!((read.status.as_u16(), read.header("vary")), (200, "Origin"));
    for name in ["etag", "location", "x-request-id", "retry-after"] {
        assert!(
            read.header("access-control-expose-headers").contains(name),
            "{name}"
        );
    }
    // Without a token the page may read why.
    let request = TestRequest::get()
        .uri(BACKENDS)
        .insert_header(("origin", "https://ui.example"));
    let unasked = api.send(request).await;
    assert_eq!(
        (
            unasked.status.as_u16(),
            unasked.header("access-control-allow-origin")
        ),
        (401, "https://ui.example")
    );
    let other = api.send(get("https://evil.example")).await;
    assert_eq!(
        (other.header("access-control-allow-origin"), other.header("vary")),
        ("", "Origin")
    );
    // Off, it says nothing.
    let api = Api::healthy().await;
    let silent = api.send(get("https://ui.example")).await;
    assert_eq!(
        (
            silent.header("access-control-allow-origin"),
            silent.header("vary")
        ),
        ("", "")
    );
}

/// A stranger, and a client without the right, are counted like everybody else.
#[actix_web::test]
async fn denied_requests_are_counted_too() {
    let limits = LimitSettings {
        rate: Some(1),
        burst: 3,
        ..LimitSettings::default()
    };
    let api = asking_as(settings(Auth::Required, limits)).await;
    let viewer = token(&api, Role::Viewer).await;
    let delete = async |peer: &str, credentials: &str| {
        let path = format!("{BACKENDS}/{}", uuid::Uuid::nil());
        let mut request = TestRequest::delete().uri(&path).peer_addr(peer.parse().unwrap());
        if !credentials.is_empty() {
            request = request.insert_header(("authorization", credentials.to_owned()));
        }
        api.send(request).await.status.as_u16()
    };
    let mut seen = Vec::new();
    for _ in 0..5 {
        seen.push(delete("192.0.2.1:1", "").await);
        seen.push(delete("192.0.2.2:1", &format!("Bearer {viewer}")).await);
    }
    assert_eq!(seen, [401, 403, 401, 403, 401, 403, 429, 429, 429, 429]);
    assert_eq!(delete("192.0.2.3:1", "").await, 401, "it is another client");
}

/// Behind a proxy that is trusted, a client is the address that the proxy names; elsewhere the field means nothing.
#[actix_web::test]
async fn clients_behind_a_trusted_proxy_have_limits_of_their_own() {
    let limits = LimitSettings {
        rate: Some(1),
        burst: 1,
        ..LimitSettings::default()
    };
    let api = asking_as(AccessSettings {
        trusted_proxies: vec!["10.0.0.1".parse().unwrap()],
        ..settings(Auth::Off, limits)
    })
    .await;
    let get = async |peer: &str, client: &str| {
        let request = TestRequest::get()
            .uri(BACKENDS)
            .peer_addr(peer.parse().unwrap())
            .insert_header(("x-forwarded-for", client.to_owned()));
        api.send(request).await.status.as_u16()
    };
    assert_eq!(get("10.0.0.1:1", "192.0.2.1").await, 200);
    assert_eq!(get("10.0.0.1:1", "192.0.2.1").await, 429);
    assert_eq!(get("10.0.0.1:1", "192.0.2.2").await, 200);
    assert_eq!(get("192.0.2.9:1", "192.0.2.3").await, 200);
    assert_eq!(get("192.0.2.9:1", "192.0.2.4").await, 429);
}
