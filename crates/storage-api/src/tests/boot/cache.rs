//! Boot files on local disk, as the API changes what they are copies of.

use std::time::Duration;

use actix_web::http::header::CONTENT_TYPE;
use actix_web::test::TestRequest;
use serde_json::json;
use storage_backends::ErrorKind;
use tempfile::TempDir;
use tokio::time::Instant;

use super::{EFI, Rack, files};
use crate::CacheSettings;

const FILE: &str = "/b/nas/x64/grub.efi";

/// A rack with a cache, in which the file is.
async fn rack() -> (Rack, TempDir) {
    let home = tempfile::tempdir().unwrap();
    let settings = CacheSettings {
        directory: home.path().to_owned(),
        bytes: 64 << 20,
        pinned: Vec::new(),
    };
    let rack = Rack::keeping(files().writable(), settings).await;
    assert_eq!(rack.get(FILE).await, EFI);
    rack.until_kept(&home, 2).await;
    (rack, home)
}

impl Rack {
    async fn get(&self, target: &str) -> Vec<u8> {
        self.ask("GET", target, "").await.1
    }

    /// Waits until there are so many files in a directory, besides the marker.
    async fn until_kept(&self, home: &TempDir, files: usize) {
        let until = Instant::now() + Duration::from_secs(20);
        while std::fs::read_dir(home.path()).unwrap().count() != files + 1 {
            assert!(Instant::now() < until, "not in time");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    async fn put(&self, path: &str, content: &'static str) {
        let request = TestRequest::put()
            .uri(&format!("{}/files/content?path={path}", self.backend))
            .insert_header((CONTENT_TYPE, "application/octet-stream"))
            .set_payload(content);
        let answer = self.api.send(request).await;
        assert!(answer.status.is_success(), "{}", answer.body);
    }

    async fn change(&self, method: &str, what: &str, body: serde_json::Value) {
        let path = format!("{}{what}", self.backend);
        let answer = self.api.call(method, &path, Some(body)).await;
        assert!(answer.status.is_success(), "{}", answer.body);
    }
}

#[actix_web::test]
async fn a_file_is_served_without_its_storage_and_its_database() {
    let (rack, _home) = rack().await;
    let (head, content) = rack.ask("GET", FILE, "").await;
    rack.fake.refuse_stats(Some(ErrorKind::Server));
    assert_eq!(rack.ask("GET", FILE, "").await, (head.clone(), content));
    let (part, content) = rack.ask("GET", FILE, "Range: bytes=2-4\r\n").await;
    assert!(part.starts_with("HTTP/1.1 206 Partial Content\r\n"), "{part}");
    assert_eq!(content, EFI[2..5]);
    assert_eq!(rack.ask("HEAD", FILE, "").await, (head, Vec::new()));
    assert_eq!(rack.status("/b/nas/x64/boot.IPXE").await, 503);
    rack.api.store.clone().close().await;
    // What was known of the backend is too old now, and there is no other word.
    tokio::time::sleep(Duration::from_millis(1100)).await;
    assert_eq!(rack.get(FILE).await, EFI);
}

#[actix_web::test]
async fn what_the_api_replaces_is_served_from_the_next_request_on() {
    let (rack, home) = rack().await;
    rack.put("/boot/x64/grub.efi", "second").await;
    assert_eq!(rack.get(FILE).await, b"second");
    rack.until_kept(&home, 2).await;
    assert_eq!(rack.get(FILE).await, b"second");
}

#[actix_web::test]
async fn what_the_api_takes_away_is_gone_at_once() {
    let (rack, home) = rack().await;
    let body = json!({ "paths": ["/boot/x64"], "recursive": true });
    rack.change("POST", "/files/delete", body).await;
    // Not even the disk has it.
    rack.until_kept(&home, 0).await;
    assert_eq!(rack.status(FILE).await, 404);
}

#[actix_web::test]
async fn what_the_api_moves_is_at_one_path_only() {
    let (rack, home) = rack().await;
    let body = json!({ "source_paths": ["/boot/x64"], "destination_path": "/private" });
    rack.change("POST", "/files/move", body).await;
    rack.until_kept(&home, 0).await;
    assert_eq!(rack.status(FILE).await, 404);
}

#[actix_web::test]
async fn a_backend_that_is_deleted_leaves_nothing() {
    let (rack, home) = rack().await;
    let deleted = rack.api.call("DELETE", &rack.backend, None).await;
    assert_eq!(deleted.status, 200, "{}", deleted.body);
    rack.until_kept(&home, 0).await;
    assert_eq!(rack.status(FILE).await, 404);
}

#[actix_web::test]
async fn a_backend_that_points_elsewhere_begins_without_files() {
    let (rack, home) = rack().await;
    rack.fake.refuse_stats(Some(ErrorKind::Server));
    rack.change("PATCH", "", json!({ "config": { "server": "192.0.2.77" } }))
        .await;
    rack.until_kept(&home, 0).await;
    assert_eq!(rack.status(FILE).await, 503);
}
