//! Discoveries of live servers, asked for over HTTP.

use hyper_util::rt::TokioIo;
use s3s::auth::SimpleAuth;
use s3s::service::{S3Service, S3ServiceBuilder};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

use crate::alone::is_alone;
use crate::service::{Service, directory};

const KEY: &str = "AKDISCOVER";
const CANARY: &str = "canary-hush-secret/+=";

/// An S3 service that verifies signatures, ended when it is dropped.
struct Buckets {
    _files: TempDir,
    _runtime: Runtime,
    url: String,
}

impl Buckets {
    fn start(names: &[&str]) -> Self {
        let files = directory();
        for name in names {
            std::fs::create_dir(files.path().join(name)).expect("a bucket can be made");
        }
        let store = s3s_fs::FileSystem::new(files.path()).expect("the directory is there");
        let mut builder = S3ServiceBuilder::new(store);
        builder.set_auth(SimpleAuth::from_single(KEY, CANARY));
        let runtime = Runtime::new().expect("a runtime can be made");
        let bind = TcpListener::bind(("127.0.0.1", 0));
        let listener = runtime.block_on(bind).expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        runtime.spawn(serve(listener, builder.build()));
        Self {
            _files: files,
            _runtime: runtime,
            url,
        }
    }
}

async fn serve(listener: TcpListener, service: S3Service) {
    while let Ok((stream, _)) = listener.accept().await {
        let http = hyper::server::conn::http1::Builder::new();
        tokio::spawn(http.serve_connection(TokioIo::new(stream), service.clone()));
    }
}

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
