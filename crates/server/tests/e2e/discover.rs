//! Discoveries of live servers, asked for over HTTP.

use serde_json::{Value, json};

use crate::alone::is_alone;
use crate::buckets::{Buckets, CANARY, KEY};
use crate::service::Service;

fn ask_for_buckets(service: &Service, endpoint: &str, secret: &str) -> (u16, Value) {
    let account = json!({ "endpoint": endpoint, "access_key_id": KEY, "secret_access_key": secret });
    let answer = service.ask("POST", "/api/v1/storage/discover/s3", &account.to_string());
    assert!(!answer.body.contains("hush"), "{}", answer.body);
    (answer.status, answer.json())
}

#[test]
fn buckets_of_a_live_service() {
    let (buckets, service) = (Buckets::start(&["images", "isos"]), Service::start());
    let (status, mut found) = ask_for_buckets(&service, &buckets.url, CANARY);
    let data = found["data"].as_array_mut().expect("a list");
    data.sort_by_key(|bucket| bucket["name"].to_string());
    let expected = json!({ "success": true, "data": [{ "name": "images" }, { "name": "isos" }], "total": 2 });
    assert_eq!((status, found), (200, expected));

    let (status, refused) = ask_for_buckets(&service, &buckets.url, "canary-hush-other");
    assert_eq!((status, &refused["error"]), (502, &json!("discovery_failed")));
    let detail = refused["detail"].as_str().expect("a sentence");
    assert!(
        detail.contains("secret_access_key does not belong to access_key_id"),
        "{detail}"
    );

    let (status, nowhere) = ask_for_buckets(&service, "http://127.0.0.1:9", CANARY);
    assert_eq!((status, &nowhere["error"]), (502, &json!("discovery_failed")));
    assert!(!service.log().contains("hush"), "{}", service.log());
}

/// showmount asks port 111, so that the test runs again in namespaces of its own, beside nfs-ganesha. That needs root.
#[test]
fn exports_of_a_live_server() {
    let setup = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../storage-backends/tests/showmount/setup.sh"
    );
    let namespaces = "unshare --net --mount --pid --fork --kill-child --mount-proc --propagation private sh";
    let wrapper: Vec<_> = namespaces.split(' ').chain([setup, "ganesha"]).collect();
    if !is_alone("discover::exports_of_a_live_server", &wrapper) {
        return;
    }
    let service = Service::start();
    let answer = service.ask("GET", "/api/v1/storage/discover/nfs?server=127.0.0.1", "");
    let mut found = answer.json();
    let data = found["data"].as_array_mut().expect("a list");
    data.sort_by_key(|export| export["path"].to_string());
    let expected = json!([
        { "path": "/mem/images", "clients": "127.0.0.1/32,10.0.0.0/8,netgrp" },
        { "path": "/mem/with space", "clients": "(everyone)" },
    ]);
    assert_eq!((answer.status, &found["data"]), (200, &expected));
}
