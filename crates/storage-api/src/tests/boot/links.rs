//! Signed links to boot files.

use actix_web::http::header::{AUTHORIZATION, CONTENT_TYPE};
use actix_web::test::TestRequest;
use rstest::rstest;
use serde_json::{Value, json};
use storage_domain::{FilePath, Role};
use time::Duration;
use tokio::runtime::Handle;
use tokio::time::Instant;

use super::super::access::token;
use super::super::harness::Answer;
use super::{Rack, files};
use crate::{Access, AccessSettings, Auth};

/// A rack whose clients are in no network, and a token that may make links.
async fn rack() -> (Rack, String) {
    let access = |store| {
        let settings = AccessSettings::new(Auth::Required);
        Access::new(store, settings, Handle::current()).unwrap()
    };
    let rack = Rack::asking(files(), "10.0.0.0/8", [127, 0, 0, 1], access).await;
    let token = token(&rack.api, Role::Operator).await;
    (rack, token)
}

async fn create(rack: &Rack, token: &str, body: &Value) -> Answer {
    let request = TestRequest::post()
        .uri(&format!("{}/files/links", rack.backend))
        .insert_header((AUTHORIZATION, format!("Bearer {token}")))
        .insert_header((CONTENT_TYPE, "application/json"))
        .set_payload(body.to_string());
    rack.api.send(request).await
}

async fn link(rack: &Rack, token: &str) -> String {
    let body = json!({ "path": "/boot/a b+c%.img", "boot": true, "expires_in": 30 * 24 * 3600 });
    let answer = create(rack, token, &body).await;
    assert_eq!(answer.status, 201, "{}", answer.body);
    answer.data()["url"].as_str().unwrap().to_owned()
}

/// Changes the directory as another process does.
async fn release(rack: &Rack, directory: Option<FilePath>) {
    let store = &rack.api.store;
    let id = rack.backend.rsplit('/').next().unwrap().parse().unwrap();
    let read = store.open(id).await.unwrap();
    let changed = store.update(&read, &read.name, &read.config, directory.as_ref(), None);
    changed.await.unwrap();
}

/// Waits for an answer: what another process changes holds after a moment.
async fn until(rack: &Rack, target: &str, status: u16, limit: std::time::Duration) {
    let until = Instant::now() + limit;
    while rack.status(target).await != status {
        assert!(Instant::now() < until, "{target} is not yet {status}");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}

#[actix_web::test]
async fn a_link_needs_no_network() {
    let (rack, token) = rack().await;
    assert_eq!(rack.status("/b/nas/x64/grub.efi").await, 403);
    let link = link(&rack, &token).await;
    assert!(link.len() < 80 && link.ends_with("/a%20b%2Bc%25.img"), "{link}");
    assert_eq!(rack.status(&link).await, 200);
    assert_eq!(rack.status(&link.replace("%2B", "+")).await, 200);
    let (head, _) = rack.ask("GET", &link, "").await;
    assert!(
        head.ends_with("Cache-Control: private, no-cache\r\n\r\n"),
        "{head}"
    );
    assert!(
        head.contains("Content-Type: application/vnd.efi-img\r\n"),
        "{head}"
    );
    let (of, _) = link.rsplit_once('/').unwrap();
    for other in ["/x64/grub.efi", "/none", "/a%20b/c%25.img"] {
        assert_eq!(rack.status(&format!("{of}{other}")).await, 403, "{other}");
    }
    assert_eq!(rack.status(&link.replace("/s/", "/s/A")).await, 403);
    assert_eq!(rack.status("/s/AAAA/x64/grub.efi").await, 403);
    // A link is for the file, wherever the directory is that machines may read.
    release(&rack, Some(FilePath::root())).await;
    let moment = std::time::Duration::from_secs(10);
    until(&rack, &link, 403, moment).await;
    let below = format!("{of}/boot/a%20b+c%25.img");
    assert_eq!(rack.status(&below).await, 200);
    release(&rack, None).await;
    until(&rack, &below, 403, moment).await;
}

#[actix_web::test]
async fn a_link_dies_with_the_token_that_made_it() {
    let (rack, token) = rack().await;
    let link = link(&rack, &token).await;
    assert_eq!(rack.status(&link).await, 200);
    rack.api.store.revoke_token("operator", None).await.unwrap();
    let limit = Access::MAX_DELAY + std::time::Duration::from_secs(5);
    until(&rack, &link, 403, limit).await;
}

#[rstest]
#[case(json!({ "path": "/private/secret", "boot": true }), "/path")]
#[case(json!({ "path": "/boot", "boot": true }), "/path")]
#[case(json!({ "path": "/boot/empty", "boot": true, "expires_in": Duration::days(30).whole_seconds() + 1 }), "/expires_in")]
#[case(json!({ "path": "/boot/empty", "expires_in": Duration::days(8).whole_seconds() }), "/expires_in")]
#[case(json!({ "path": "/boot/empty", "boot": "yes" }), "/boot")]
#[actix_web::test]
async fn mistakes_are_named(#[case] body: Value, #[case] pointer: &str) {
    let (rack, token) = rack().await;
    let answer = create(&rack, &token, &body).await;
    answer.assert_refused(422, "invalid_request", &[pointer]);
}
