//! The suite that every backend passes, against nginx.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rstest::rstest;
use serde_json::{Value, json};
use storage_backends::http::Limits;
use storage_backends::testkit::conformance::{Subject, run};

use crate::http::closed::ClosedPort;
use crate::http::servers::{Server, Tree, apache, caddy, lighttpd, nginx, python};
use crate::http::{CANARY, backend, with_basic};

const TOKEN: &str = "canary-hush-token";

fn open(tree: &Tree) -> Server {
    nginx(&tree.path(), "autoindex on;")
}

fn with_token(tree: &Tree) -> Server {
    nginx(
        &tree.path(),
        &format!("autoindex on; if ($http_authorization != \"Bearer {TOKEN}\") {{ return 401; }}"),
    )
}

fn with_password(tree: &Tree) -> Server {
    let sent = STANDARD.encode(format!("ops:{CANARY}"));
    nginx(
        &tree.path(),
        &format!("autoindex on; if ($http_authorization != \"Basic {sent}\") {{ return 401; }}"),
    )
}

#[rstest]
#[case::open(open, |url: &str| json!({ "base_url": url }))]
#[case::with_token(with_token, |url: &str| json!({ "base_url": url, "auth_method": "bearer", "password": TOKEN }))]
#[case::with_password(with_password, |url: &str| with_basic(url, CANARY))]
#[case::json(|tree: &Tree| nginx(&tree.path(), "autoindex on; autoindex_format json;"), |url: &str| json!({ "base_url": url }))]
#[case::apache(|tree: &Tree| apache(&tree.path(), "Options +Indexes\nIndexIgnoreReset ON"), |url: &str| json!({ "base_url": url }))]
#[case::dav(|tree: &Tree| apache(&tree.path(), "Options -Indexes\nDav On"), |url: &str| json!({ "base_url": url }))]
#[case::lighttpd(|tree: &Tree| lighttpd(&tree.path(), "dir-listing.activate = \"enable\""), |url: &str| json!({ "base_url": url }))]
#[case::caddy(|tree: &Tree| caddy(&tree.path()), |url: &str| json!({ "base_url": url }))]
#[case::python(|tree: &Tree| python(&tree.path()), |url: &str| json!({ "base_url": url }))]
#[case::without_listings(|tree: &Tree| nginx(&tree.path(), "index plain.iso;"), |url: &str| json!({ "base_url": url }))]
#[tokio::test]
async fn keeps_to_it(#[case] start: fn(&Tree) -> Server, #[case] config: fn(&str) -> Value) {
    let tree = Tree::new();
    let server = start(&tree);
    let closed = ClosedPort::take();
    let nowhere = format!("http://127.0.0.1:{}", closed.number);
    run(&Subject {
        healthy: Arc::new(backend(config(&server.url()), Limits::default())),
        unreachable: Arc::new(backend(config(&nowhere), Limits::default())),
        secrets: vec![
            CANARY.to_owned(),
            TOKEN.to_owned(),
            STANDARD.encode(format!("ops:{CANARY}")),
        ],
        limit: Duration::from_secs(30),
    })
    .await;
}
