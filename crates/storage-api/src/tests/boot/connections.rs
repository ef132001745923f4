//! How connections go on and end.

use std::io::ErrorKind;

use rstest::rstest;
use storage_backends::testkit::FakeBackend;
use storage_domain::BackendKind;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::{EFI, Rack};

const GET: &str = "GET /b/nas/x64/grub.efi HTTP/1.1\r\nHost: boot\r\n";

fn count(answer: &[u8], text: &str) -> usize {
    answer
        .windows(text.len())
        .filter(|part| *part == text.as_bytes())
        .count()
}

#[actix_web::test]
async fn requests_on_one_connection_are_answered_in_order() {
    let rack = Rack::new().await;
    let head = GET.replace("GET", "HEAD");
    let text =
        format!("{GET}\r\n{head}\r\n{GET}Range: bytes=0-0\r\n\r\n{GET}Connection: close\r\n\r\n{GET}\r\n");
    let answer = rack.send(&text).await;
    let statuses: Vec<_> = String::from_utf8_lossy(&answer)
        .split("HTTP/1.1 ")
        .skip(1)
        .map(|one| one[..3].to_owned())
        .collect();
    // What follows the announced end is not answered.
    assert_eq!(statuses, ["200", "200", "206", "200"]);
    assert_eq!(count(&answer, "Connection: close\r\n"), 1);
    assert!(answer.ends_with(b"0123456789"));
}

#[rstest]
#[case("", "close")]
#[case("Connection: keep-alive\r\n", "keep-alive")]
#[actix_web::test]
async fn an_old_client_is_answered_in_the_present_version(#[case] field: &str, #[case] afterwards: &str) {
    let rack = Rack::new().await;
    let text = format!("GET /b/nas/x64/grub.efi HTTP/1.0\r\n{field}\r\n");
    let answer = rack.send(&text.repeat(2)).await;
    assert!(answer.starts_with(b"HTTP/1.1 200 OK\r\n"));
    let wanted = if afterwards == "close" { 1 } else { 2 };
    assert_eq!(count(&answer, &format!("Connection: {afterwards}\r\n")), wanted);
    assert_eq!(count(&answer, "HTTP/1.1"), wanted);
}

#[rstest]
#[case(
    "POST /b/nas/x64/grub.efi HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc",
    "405 "
)]
#[case("DELETE /b/nas/x64/grub.efi HTTP/1.1\r\nHost: h\r\n\r\n", "405 ")]
#[case("GET /b/nas/x64/grub.efi HTTP/1.1\r\n\r\n", "400 ")]
#[case("\x16\x03\x01\x02\x00", "400 ")]
#[case("GET /b/nas/x64/grub.efi HTTP/1.1\r\nHost: h\r\nX: LONG\r\n\r\n", "431 ")]
#[actix_web::test]
async fn what_is_no_request_ends_the_connection(#[case] text: &str, #[case] status: &str) {
    let rack = Rack::new().await;
    let text = format!("{}{GET}\r\n", text.replace("LONG", &"x".repeat(9000)));
    let answer = rack.send(&text).await;
    assert!(answer.starts_with(format!("HTTP/1.1 {status}").as_bytes()));
    assert_eq!(
        (
            count(&answer, "HTTP/1.1 "),
            count(&answer, "Connection: close\r\n")
        ),
        (1, 1)
    );
    assert_eq!(
        count(&answer, "Allow: GET, HEAD\r\n"),
        usize::from(status == "405 ")
    );
}

/// A file of so many bytes beside a small one.
fn large(bytes: usize) -> FakeBackend {
    let content = vec![7; bytes];
    FakeBackend::healthy(BackendKind::Nfs)
        .with_files([("/boot/large", content.as_slice()), ("/boot/x64/grub.efi", EFI)])
}

/// A client must not take a part for the whole.
#[actix_web::test]
async fn a_source_that_dies_ends_the_connection_short() {
    let fake = large(100_000).breaking_off(50_000);
    let rack = Rack::with(fake, "127.0.0.0/8", [127, 0, 0, 1]).await;
    let text = format!("{}\r\n", GET.replace("x64/grub.efi", "large"));
    let (answer, ended) = rack.send_all(&text).await;
    assert_eq!(ended.unwrap_err().kind(), ErrorKind::ConnectionReset);
    assert!(answer.len() < 51_000, "{}", answer.len());
}

#[actix_web::test]
async fn a_stop_ends_idle_connections_and_no_answer() {
    // More than the kernel keeps of it.
    const LARGE_BYTES: usize = 32 * 1024 * 1024;
    let rack = Rack::with(large(LARGE_BYTES), "127.0.0.0/8", [127, 0, 0, 1]).await;
    let mut idle = rack.connect().await;
    idle.write_all(format!("{GET}\r\n").as_bytes()).await.unwrap();
    let mut first = [0; 64];
    idle.read_exact(&mut first).await.unwrap();
    let mut busy = rack.connect().await;
    let both = format!("{}\r\n{GET}\r\n", GET.replace("x64/grub.efi", "large"));
    busy.write_all(both.as_bytes()).await.unwrap();
    busy.read_exact(&mut first).await.unwrap();
    rack.stop.cancel();
    let mut rest = Vec::new();
    idle.read_to_end(&mut rest).await.unwrap();
    assert!(rest.ends_with(EFI));
    rest.clear();
    busy.read_to_end(&mut rest).await.unwrap();
    // The second request came together with the first: it is answered, and is the last.
    assert!(rest.len() > LARGE_BYTES && rest.ends_with(EFI), "{}", rest.len());
    assert_eq!(count(&rest[LARGE_BYTES..], "Connection: close\r\n"), 1);
}
