//! Answers whose header has lines that can't be read.

use rstest::rstest;
use serde_json::json;
use storage_backends::http::Limits;
use storage_domain::{Outcome, ProbeReport};

use crate::http::{backend, check, failure, probe};

/// Answers with this as it is, whatever is asked.
async fn raw(answer: &'static str) -> ProbeReport {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                head.push(stream.read_u8().await.unwrap());
            }
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    });
    probe(&backend(json!({ "base_url": url }), Limits::default())).await
}

#[rstest]
#[case::space_in_a_name(
    "HTTP/1.1 200 OK\r\nA b: c\r\nContent-Type: text/html\r\n\r\n<title>Index of /</title><pre></pre>"
)]
#[case::space_before_the_colon(
    "HTTP/1.1 200 OK\r\nContent-Type : text/html\r\n\r\n<title>Index of /</title><pre></pre>"
)]
#[case::folded(
    "HTTP/1.1 200 OK\r\nX-Note: one\r\n two\r\nContent-Type: text/html\r\n\r\n<title>Index of /</title><pre></pre>"
)]
#[case::chunked_in_http_1_0(
    "HTTP/1.0 200 OK\r\nContent-Type: text/html\r\nTransfer-Encoding: chunked\r\n\r\n24\r\n<title>Index of /</title><pre></pre>\r\n0\r\n\r\n"
)]
#[case::no_colon(
    "HTTP/1.1 200 OK\r\nnonsense\r\nContent-Type: text/html\r\n\r\n<title>Index of /</title><pre></pre>"
)]
#[tokio::test]
async fn one_bad_line_is_left_out(#[case] answer: &'static str) {
    let report = raw(answer).await;
    assert_eq!(check(&report, "auth").outcome, Outcome::Passed, "{report:#?}");
}

#[rstest]
#[case::length_in_words(
    "HTTP/1.1 200 OK\r\nContent-Length: seven\r\n\r\n1234567",
    "Content-Length is not one number"
)]
#[case::two_lengths(
    "HTTP/1.1 200 OK\r\nContent-Length: 7\r\nContent-Length: 8\r\n\r\n12345678",
    "Content-Length is not one number"
)]
#[case::no_status("HTTP/1.1 OK\r\n\r\n", "the status line has no number")]
#[tokio::test]
async fn the_line_that_can_not_be_read_is_named(#[case] answer: &'static str, #[case] says: &str) {
    let report = raw(answer).await;
    assert!(failure(&report).1.contains(says), "{report:#?}");
}
