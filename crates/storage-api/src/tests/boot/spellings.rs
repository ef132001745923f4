//! Spellings of paths beside the directory that machines may read.

use super::Rack;

/// What may be read as the directory above.
const UP: &[&str] = &[
    "..",
    "%2e%2e",
    "%2E.",
    ".%2e",
    "%252e%252e",
    "..%2f",
    "..%2F",
    "%2e%2e%2f",
    "..%5c",
    "..\\",
    "..;",
    "..%00",
    "..%20",
    "....",
    "..../",
    "%c0%ae%c0%ae",
    "%u002e%u002e",
    ".%00.",
    "./..",
    "..//",
    "%2f..",
    "..%252f",
    "~",
    "*",
    "..%0a",
];

/// Where it may stand; `{}` takes the place of it.
const PLACES: &[&str] = &[
    "/b/nas/{}/private/secret",
    "/b/nas//{}//private//secret",
    "/b/nas/./{}/./private/secret",
    "/b/nas/x64/{}/{}/private/secret",
    "/b/nas/{}private/secret",
    "/b/nas/{}leg",
    "/b/nas/x64/{}%2f..%2fprivate%2fsecret",
    "/b/{}/nas/private/secret",
    "/b/nas{}/private/secret",
    "/{}/b/nas/{}/private/secret",
    "http://boot/b/nas/{}/private/secret",
    "/b/nas/none/{}/{}/private/secret?x=/b/nas/x64/grub.efi",
];

#[actix_web::test]
async fn none_gets_out() {
    let rack = Rack::new().await;
    let mut tried = 0;
    for place in PLACES {
        for up in UP {
            let target = place.replace("{}", up);
            let status = rack.status(&target).await;
            assert!(matches!(status, 400 | 404), "{target}: {status}");
            tried += 1;
        }
    }
    assert!(tried >= 200, "{tried}");
    // They would find it if they were served.
    assert_eq!(rack.status("/b/nas/x64/grub.efi").await, 200);
    let change = serde_json::json!({ "boot_path": "/" });
    rack.api.call("PATCH", &rack.backend, Some(change)).await;
    let (_, content) = rack.ask("GET", "/b/nas/private/secret", "").await;
    assert_eq!(content, b"hush");
}
