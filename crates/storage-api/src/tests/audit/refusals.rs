//! Which requests of strangers and of clients without the right are recorded, and how often.

use actix_web::http::Method;
use actix_web::test::TestRequest;
use serde_json::Value;
use storage_domain::Role;

use super::{part, send, trail};
use crate::tests::access::{asking_as, token};
use crate::tests::harness::BACKENDS;
use crate::{AccessSettings, Auth};

/// A client that comes again and again with an old token does not fill the trail.
#[actix_web::test]
async fn the_same_refusal_is_told_once_a_minute() {
    let api = asking_as(AccessSettings::new(Auth::Required)).await;
    let admin = token(&api, Role::Admin).await;
    for _ in 0..10 {
        let request = TestRequest::get()
            .uri(BACKENDS)
            .peer_addr("192.0.2.99:1".parse().unwrap());
        assert_eq!(api.send(request).await.status, 401);
    }
    assert_eq!(trail(&api, &admin, "").await.len(), 1);
}

/// What one client is refused hides neither what another one is, nor what it is refused elsewhere.
#[actix_web::test]
async fn refusals_of_others_and_of_other_backends_are_told() {
    let api = asking_as(AccessSettings::new(Auth::Required)).await;
    let admin = token(&api, Role::Admin).await;
    let (viewer, operator) = (token(&api, Role::Viewer).await, token(&api, Role::Operator).await);
    let (first, second) = (uuid::Uuid::from_u128(1), uuid::Uuid::from_u128(2));
    for id in [first, second, first] {
        for secret in [&viewer, &operator] {
            let path = format!("{BACKENDS}/{id}");
            let refused = send(&api, secret, Method::DELETE, &path, &Value::Null).await;
            assert_eq!(refused.status, 403);
        }
    }
    let records = trail(&api, &admin, "").await;
    assert_eq!(
        part(&records, "actor"),
        ["operator", "viewer", "operator", "viewer"]
    );
    let ids: Vec<_> = records.iter().map(|r| r["backend"]["id"].clone()).collect();
    let [first, second] = [first, second].map(|id| Value::from(id.to_string()));
    assert_eq!(ids, [second.clone(), second, first.clone(), first]);
}

/// Who has no token can't fill the database, whatever they send and wherever they come from.
#[actix_web::test]
async fn strangers_do_not_fill_the_trail() {
    let api = asking_as(AccessSettings::new(Auth::Required)).await;
    let (admin, viewer) = (token(&api, Role::Admin).await, token(&api, Role::Viewer).await);
    let stranger = async |peer: String, pad: usize| {
        let request = TestRequest::delete()
            .uri(&format!("{BACKENDS}/{}", uuid::Uuid::nil()))
            .peer_addr(peer.parse().unwrap())
            .insert_header(("x-pad", "x".repeat(pad)));
        api.send(request).await.status.as_u16()
    };
    for n in 0..20 {
        assert_eq!(stranger(format!("[2001:db8::{n:x}]:1"), 0).await, 401);
    }
    // A network of IPv6 is one client.
    assert_eq!(trail(&api, &admin, "").await.len(), 1);
    for n in 0..100 {
        assert_eq!(stranger(format!("198.51.100.{n}:1"), 0).await, 401);
        assert_eq!(stranger(format!("198.51.100.{n}:1"), 70_000).await, 431);
    }
    let path = format!("{BACKENDS}/{}", uuid::Uuid::nil());
    let known = send(&api, &viewer, Method::DELETE, &path, &Value::Null).await;
    assert_eq!(known.status, 403);
    let records = trail(&api, &admin, "?limit=1000").await;
    assert_eq!(records.len(), 10 + 1);
    assert_eq!(records[0]["actor"], "viewer");
    assert_eq!(
        records[0]["detail"],
        "191 requests before this one have no record"
    );
}

/// A script of an operator that tests what is not there does not fill the audit log either.
#[actix_web::test]
async fn failed_tests_do_not_fill_the_log() {
    let api = asking_as(AccessSettings::new(Auth::Required)).await;
    let (admin, operator) = (token(&api, Role::Admin).await, token(&api, Role::Operator).await);
    let test = async |id: uuid::Uuid| {
        let path = format!("{BACKENDS}/{id}/test");
        let answer = send(&api, &operator, Method::POST, &path, &Value::Null).await;
        assert_eq!(answer.status, 404);
    };
    for _ in 0..10 {
        test(uuid::Uuid::nil()).await;
    }
    assert_eq!(trail(&api, &admin, "").await.len(), 1, "the same failure");
    for n in 1..100 {
        test(uuid::Uuid::from_u128(n)).await;
    }
    let records = trail(&api, &admin, "?limit=1000").await;
    assert_eq!(records.len(), 60);
    assert_eq!(records.last().unwrap()["outcome"], "failed");
}

/// The audit log names the client, not the proxy before the service.
#[actix_web::test]
async fn the_address_is_that_of_the_client_behind_a_proxy() {
    let api = asking_as(AccessSettings {
        trusted_proxies: vec!["192.0.2.7".parse().unwrap()],
        ..AccessSettings::new(Auth::Required)
    })
    .await;
    let admin = token(&api, Role::Admin).await;
    let request = TestRequest::get()
        .uri(BACKENDS)
        .peer_addr("192.0.2.7:40000".parse().unwrap())
        .insert_header(("forwarded", "for=\"[2001:db8::7]:4711\";proto=https"));
    assert_eq!(api.send(request).await.status, 401);
    assert_eq!(part(&trail(&api, &admin, "").await, "address"), ["2001:db8::7"]);
}
