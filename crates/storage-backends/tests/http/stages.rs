//! Each stage of a probe that fails has a sentence of its own.

use rstest::rstest;
use serde_json::json;
use storage_backends::http::Limits;
use storage_backends::{Network, Settings};

use crate::http::closed::ClosedPort;
use crate::http::servers::{Tree, nginx};
use crate::http::{CANARY, backend, backend_in, check, failure, plain, probe, scan, with_basic};

#[tokio::test]
async fn names_that_are_not_known() {
    let settings = Settings {
        network: Network::with_places([("no-such-host.invalid".to_owned(), Vec::new())]),
        ..Settings::new(None)
    };
    let config = json!({ "base_url": "http://no-such-host.invalid/" });
    let report = probe(&backend_in(&settings, config, Limits::default())).await;
    let (name, detail) = failure(&report);
    assert_eq!(name, "resolve");
    assert!(detail.contains("no-such-host.invalid is not known"), "{detail}");
    assert_eq!(
        check(&report, "boot").detail,
        "Not checked, because resolve failed"
    );
}

#[tokio::test]
async fn ports_where_nothing_listens() {
    let closed = ClosedPort::take();
    let report = probe(&plain(&format!("http://127.0.0.1:{}/", closed.number))).await;
    let (name, detail) = failure(&report);
    assert_eq!(name, "connect");
    assert!(detail.contains("refused the connection"), "{detail}");
}

#[rstest]
#[case::no_user(json!({ "auth_method": "basic", "password": CANARY }), "no user name")]
#[case::no_password(json!({ "auth_method": "basic", "username": "ops" }), "no password")]
#[case::no_token(json!({ "auth_method": "bearer" }), "no token")]
#[tokio::test]
async fn missing_credentials(#[case] mut config: serde_json::Value, #[case] expected: &str) {
    let tree = Tree::new();
    let server = nginx(&tree.path(), "autoindex on;");
    config["base_url"] = server.url().into();
    let report = probe(&backend(config, Limits::default())).await;
    let (name, detail) = failure(&report);
    assert_eq!(name, "auth");
    assert!(
        detail.starts_with("Nothing was sent") && detail.contains(expected),
        "{detail}"
    );
}

#[tokio::test]
async fn passwords() {
    let tree = Tree::new();
    let users = tempfile::NamedTempFile::new().unwrap();
    // The SHA-1 of the canary in base64: nginx ends a plain password at its colon.
    std::fs::write(users.path(), "ops:{SHA}1tGaXDczS8J8psBjSjgGD2lY+ho=\n").unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::set_permissions(users.path(), std::fs::Permissions::from_mode(0o644)).unwrap();
    }
    let file = users.path().display();
    let server = nginx(
        &tree.path(),
        &format!("autoindex on; auth_basic lab; auth_basic_user_file {file};"),
    );
    let right = backend(with_basic(&server.url(), CANARY), Limits::default());
    let report = probe(&right).await;
    assert!(report.passed(), "{report:#?}");
    assert_eq!(scan(&right).await.files, 22);
    let wrong = probe(&backend(
        with_basic(&server.url(), "canary-hush-other"),
        Limits::default(),
    ))
    .await;
    assert!(
        failure(&wrong)
            .1
            .contains("refuses the user name and password (401)"),
        "{wrong:#?}"
    );
    let none = probe(&plain(&server.url())).await;
    assert!(
        failure(&none)
            .1
            .contains("asks for a user name and a password (401)"),
        "{none:#?}"
    );
    assert_eq!((failure(&wrong).0, failure(&none).0), ("auth", "auth"));
}

/// Refuses every request that has not this token.
const TOKEN: &str = "autoindex on; location / { if ($http_authorization != \"Bearer canary-hush-token\") {
     add_header WWW-Authenticate 'Bearer realm=lab' always; return 401; } }";

fn with_token(url: &str, token: &str) -> serde_json::Value {
    json!({ "base_url": url, "auth_method": "bearer", "password": token })
}

#[tokio::test]
async fn tokens() {
    let tree = Tree::new();
    let server = nginx(&tree.path(), TOKEN);
    let right = backend(with_token(&server.url(), "canary-hush-token"), Limits::default());
    let report = probe(&right).await;
    assert!(report.passed(), "{report:#?}");
    for (name, says) in [
        ("auth", "did not refuse the token"),
        ("status", "answers 200"),
        ("boot", "HEAD and byte ranges work"),
    ] {
        assert!(check(&report, name).detail.contains(says), "{report:#?}");
    }
    assert_eq!(scan(&right).await.files, 22);
    let wrong = with_token(&server.url(), "canary-hush-other");
    for (config, says) in [
        (wrong, "refuses the token (401)"),
        (json!({ "base_url": server.url() }), "asks for a token (401)"),
        (with_basic(&server.url(), CANARY), "asks for a token (401)"),
    ] {
        let report = probe(&backend(config, Limits::default())).await;
        let (name, detail) = failure(&report);
        assert_eq!(name, "auth");
        assert!(detail.contains(says), "{detail}");
    }
}

#[rstest]
#[case("return 404;", "404 Not Found: there is no such directory")]
#[case("return 500;", "the fault is on the server's side")]
#[case("return 429;", "try again later")]
#[case("return 403;", "403 Forbidden")]
#[case("return 418;", "418 I'm a teapot: 200 was expected")]
#[case("return 302 ftp://x/;", "redirects to a ftp: URL")]
#[case("return 302 $request_uri;", "go round in a circle")]
#[case("return 302 /x$request_uri;", "redirects more than 5 times")]
#[tokio::test]
async fn statuses(#[case] directive: &str, #[case] expected: &str) {
    let tree = Tree::new();
    let server = nginx(&tree.path(), directive);
    let report = probe(&plain(&server.url())).await;
    let (name, detail) = failure(&report);
    assert_eq!(name, "status");
    assert!(detail.contains(expected), "{detail}");
}

#[tokio::test]
async fn methods_that_are_refused() {
    let tree = Tree::new();
    let server = nginx(
        &tree.path(),
        "autoindex on; if ($request_method = HEAD) { return 405; }",
    );
    let report = probe(&plain(&server.url())).await;
    assert!(report.passed(), "{report:#?}");
    assert!(
        check(&report, "boot")
            .detail
            .contains("HEAD is answered with 405"),
        "{report:#?}"
    );
}
