//! What machines have fetched.

use serde_json::{Value, json};
use storage_backends::ErrorKind;
use tokio::time::{Duration, Instant, sleep};

use super::{EFI, Rack, files};

const STATS: &str = "/api/v1/storage/boot/stats";

async fn stats(rack: &Rack) -> Value {
    let answer = rack.api.call("GET", STATS, None).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.data().clone()
}

/// Waits until no connection is counted: the last answer is counted by then.
async fn settled(rack: &Rack) -> Value {
    let until = Instant::now() + Duration::from_secs(20);
    loop {
        let stats = stats(rack).await;
        if stats["connections"] == 0 {
            return stats;
        }
        assert!(Instant::now() < until, "{stats}");
        sleep(Duration::from_millis(10)).await;
    }
}

#[actix_web::test]
async fn requests_and_bytes_add_up() {
    let rack = Rack::new().await;
    let before = stats(&rack).await;
    assert_eq!(
        (&before["requests"], &before["bytes"], &before["backends"]),
        (&json!(0), &json!(0), &json!([]))
    );
    let file = "/b/nas/x64/grub.efi";
    assert_eq!(rack.status(file).await, 200);
    rack.ask("HEAD", file, "").await;
    rack.ask("GET", file, "Range: bytes=2-4\r\n").await;
    assert_eq!(rack.status("/b/nas/x64/none").await, 404);
    assert_eq!(rack.status("/b/none/x").await, 404);
    rack.fake.refuse_stats(Some(ErrorKind::Server));
    assert_eq!(rack.status(file).await, 503);
    // A check is not one of the machines.
    rack.fake.refuse_stats(None);
    let check = format!("{}/boot-check?path=/boot/x64/grub.efi", rack.backend);
    assert_eq!(rack.api.call("GET", &check, None).await.status, 200);

    let after = settled(&rack).await;
    let bytes = EFI.len() + 3;
    assert_eq!(
        ["requests", "refused", "failed", "bytes"].map(|member| after[member].clone()),
        [json!(6), json!(2), json!(1), json!(bytes)]
    );
    let none = json!({ "requests": 0, "bytes": 0 });
    assert_eq!(
        after["origins"],
        json!({ "storage": { "requests": 2, "bytes": bytes }, "hit": none, "fill": none, "stale": none })
    );
    let id = rack.backend.rsplit('/').next().unwrap();
    assert_eq!(
        after["backends"],
        json!([{ "id": id, "name": "nas", "requests": 5, "bytes": bytes }])
    );
    assert_eq!(after["since"], before["since"]);
}

#[actix_web::test]
async fn what_breaks_off_has_failed_and_a_backend_that_is_gone_is_left_out() {
    let fake = files().with_files([("/boot/large", [7; 10_000].as_slice())]);
    let rack = Rack::with(fake.breaking_off(5000), "127.0.0.0/8", [127, 0, 0, 1]).await;
    let mut stream = rack.connect().await;
    let _silent = stats(&rack).await;
    let request = b"GET /b/nas/large HTTP/1.1\r\nHost: boot\r\n\r\n";
    tokio::io::AsyncWriteExt::write_all(&mut stream, request)
        .await
        .unwrap();
    let mut part = Vec::new();
    let ended = tokio::io::AsyncReadExt::read_to_end(&mut stream, &mut part).await;
    ended.unwrap_err();
    let after = settled(&rack).await;
    assert_eq!(
        (&after["requests"], &after["failed"], &after["bytes"]),
        (&json!(1), &json!(1), &json!(5000))
    );
    rack.api.call("DELETE", &rack.backend, None).await;
    let gone = stats(&rack).await;
    assert_eq!((&gone["backends"], &gone["bytes"]), (&json!([]), &json!(5000)));
}
