//! Which answer a request gets.

use rstest::rstest;
use serde_json::json;
use storage_backends::ErrorKind;

use super::{EFI, Rack, files};

const MODIFIED: &str = "Last-Modified: Wed, 01 Jan 2020 00:00:00 GMT\r\n";

async fn tag(rack: &Rack) -> String {
    let path = format!("{}/files/stat?path=/boot/x64/grub.efi", rack.backend);
    let answer = rack.api.call("GET", &path, None).await;
    answer.data()["etag"].as_str().unwrap().to_owned()
}

/// Firmware compares names and values byte for byte.
#[actix_web::test]
async fn the_head_of_a_file_is_known_to_the_byte() {
    let rack = Rack::new().await;
    let tag = tag(&rack).await;
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Length: 10\r\nContent-Type: application/efi\r\nAccept-Ranges: bytes\r\nETag: {tag}\r\n{MODIFIED}\r\n"
    );
    let whole = (head.clone(), EFI.to_vec());
    assert_eq!(rack.ask("GET", "/b/nas/x64/grub.efi", "").await, whole);
    let id = rack.backend.rsplit('/').next().unwrap();
    assert_eq!(
        rack.ask("GET", &format!("//b/{id}//x64/./grub.efi?x"), "").await,
        whole
    );
    let described = (head, Vec::new());
    assert_eq!(rack.ask("HEAD", "/b/nas/x64/grub.efi", "").await, described);
    assert_eq!(
        rack.ask("HEAD", "/b/nas/x64/grub.efi", "Range: bytes=1-2\r\n")
            .await,
        described
    );
    let (head, content) = rack
        .ask("GET", "/b/nas/x64/grub.efi", "Range: bytes=2-4\r\n")
        .await;
    let part = format!(
        "HTTP/1.1 206 Partial Content\r\nContent-Length: 3\r\nContent-Type: application/efi\r\nAccept-Ranges: bytes\r\nContent-Range: bytes 2-4/10\r\nETag: {tag}\r\n{MODIFIED}\r\n"
    );
    assert_eq!((head, content.as_slice()), (part, &EFI[2..5]));
    let (head, content) = rack
        .ask("GET", "/b/nas/x64/grub.efi", "Range: bytes=10-\r\n")
        .await;
    let beyond = "HTTP/1.1 416 Range Not Satisfiable\r\nContent-Length: 15\r\nContent-Type: text/plain\r\nContent-Range: bytes */10\r\n\r\n";
    assert_eq!(
        (head.as_str(), content.as_slice()),
        (beyond, &b"Beyond the end\n"[..])
    );
    let (head, content) = rack.ask("GET", "/b/nas/x64/none", "").await;
    let nothing = "HTTP/1.1 404 Not Found\r\nContent-Length: 10\r\nContent-Type: text/plain\r\n\r\n";
    assert_eq!(
        (head.as_str(), content.as_slice()),
        (nothing, &b"Not found\n"[..])
    );
}

#[rstest]
#[case::resume("Range: bytes=7-9\r\nIf-Match: TAG\r\n", "206", "789")]
#[case::resume_of_another("Range: bytes=7-9\r\nIf-Match: \"other\"\r\n", "412", "Another version\n")]
#[case::resume_by_date(
    "Range: bytes=7-9\r\nIf-Unmodified-Since: Wed, 01 Jan 2020 00:00:00 GMT\r\n",
    "206",
    "789"
)]
#[case::changed_since(
    "Range: bytes=7-9\r\nIf-Unmodified-Since: Tue, 31 Dec 2019 00:00:00 GMT\r\n",
    "412",
    "Another version\n"
)]
#[case::same("Range: bytes=-1\r\nIf-Range: TAG\r\n", "206", "9")]
#[case::other("Range: bytes=-1\r\nIf-Range: \"other\"\r\n", "200", "0123456789")]
#[case::to_the_end("Range: bytes=8-\r\n", "206", "89")]
#[case::broken("Range: bytes=u-u\r\n", "200", "0123456789")]
#[case::several("Range: bytes=0-0,2-3\r\n", "200", "0123456789")]
#[case::two_lines("Range: bytes=0-0\r\nRange: bytes=2-3\r\n", "200", "0123456789")]
#[case::known("If-None-Match: TAG\r\n", "304", "")]
#[actix_web::test]
async fn parts_and_conditions(#[case] fields: &str, #[case] status: &str, #[case] content: &str) {
    let rack = Rack::new().await;
    let fields = fields.replace("TAG", &tag(&rack).await);
    let (head, found) = rack.ask("GET", "/b/nas/x64/grub.efi", &fields).await;
    assert_eq!((&head[9..12], found.as_slice()), (status, content.as_bytes()));
}

#[rstest]
#[case("x64/boot.IPXE", "Content-Length: 7\r\nContent-Type: text/plain\r\n")]
#[case(
    "a%20b+c%25.img",
    "Content-Length: 10\r\nContent-Type: application/vnd.efi-img\r\n"
)]
#[case("empty", "Content-Length: 0\r\nContent-Type: application/octet-stream\r\n")]
#[actix_web::test]
async fn media_types(#[case] path: &str, #[case] fields: &str) {
    let (head, content) = Rack::new().await.ask("GET", &format!("/b/nas/{path}"), "").await;
    assert!(
        head.starts_with(&format!("HTTP/1.1 200 OK\r\n{fields}")),
        "{head}"
    );
    assert!(head.contains(&format!("Content-Length: {}\r\n", content.len())));
}

#[actix_web::test]
async fn only_what_is_released_is_served() {
    let rack = Rack::new().await;
    for nothing in [
        "/b/none/x64/grub.efi",
        "/b/nas/x64",
        "/b/nas/",
        "/b/nas/private/secret",
        "/",
    ] {
        assert_eq!(rack.status(nothing).await, 404, "{nothing}");
    }
    let file = "/b/nas/x64/grub.efi";
    for (boot_path, status) in [
        (json!("/boot/x64"), 404),
        (json!(null), 404),
        (json!("/boot"), 200),
    ] {
        let change = json!({ "boot_path": boot_path });
        rack.api.call("PATCH", &rack.backend, Some(change)).await;
        assert_eq!(rack.status(file).await, status, "{boot_path}");
    }
    rack.api
        .call("PATCH", &rack.backend, Some(json!({ "boot_path": "/" })))
        .await;
    assert_eq!(rack.status("/b/nas/boot/x64/grub.efi").await, 200);
}

/// A client elsewhere learns nothing, not even what there is.
#[rstest]
#[case("10.1.0.0/16", "10.1.2.3", 200)]
#[case("10.1.0.0/16", "::ffff:10.1.2.3", 200)]
#[case("10.1.0.0/16", "10.2.2.3", 403)]
#[case("fd00::/64", "fd00::1", 200)]
#[case("fd00::/64", "fd00:0:0:1::1", 403)]
#[actix_web::test]
async fn clients(#[case] network: &str, #[case] client: std::net::IpAddr, #[case] status: u16) {
    let rack = Rack::with(files(), network, client).await;
    assert_eq!(rack.status("/b/nas/x64/grub.efi").await, status);
    if status == 403 {
        assert_eq!(rack.status("/b/none/none").await, 403);
        let (head, content) = rack.ask("GET", "/b/nas/x64/grub.efi", "").await;
        let refusal = "HTTP/1.1 403 Forbidden\r\nContent-Length: 10\r\nContent-Type: text/plain\r\n\r\n";
        assert_eq!(
            (head.as_str(), content.as_slice()),
            (refusal, &b"Forbidden\n"[..])
        );
    }
}

#[actix_web::test]
async fn a_description_opens_no_file() {
    let rack = Rack::with(files().breaking_off(0), "127.0.0.0/8", [127, 0, 0, 1]).await;
    let (head, _) = rack.ask("HEAD", "/b/nas/x64/grub.efi", "").await;
    assert!(
        head.starts_with("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n"),
        "{head}"
    );
    // Before the first byte there is still a status to say it with.
    assert_eq!(rack.status("/b/nas/x64/grub.efi").await, 503);
}

#[actix_web::test]
async fn storage_that_is_down_is_asked_again() {
    let rack = Rack::new().await;
    rack.fake.refuse_stats(Some(ErrorKind::Server));
    let again = "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 10\r\nContent-Type: text/plain\r\nRetry-After: 5\r\n\r\n";
    let (head, _) = rack.ask("GET", "/b/nas/x64/grub.efi", "").await;
    assert_eq!(head, again);
    // What hangs is answered too: a test that would mount never ends.
    rack.fake.refuse_stats(Some(ErrorKind::NotMounted));
    rack.fake.hang();
    let (head, _) = rack.ask("GET", "/b/nas/x64/grub.efi", "").await;
    assert_eq!(head, again);
}
