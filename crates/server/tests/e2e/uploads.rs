//! Uploads, from real clients.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use crate::service::{PATIENCE, Service};

const NOWHERE: &str = "/api/v1/storage/backends/0190a4be-0000-7000-8000-000000000000/files/content?path=/a";

/// Sends the head of an upload and returns all that comes before the connection ends.
fn head_only(service: &Service, target: &str) -> String {
    let mut stream = TcpStream::connect(service.address).expect("the service accepts");
    stream.set_read_timeout(Some(PATIENCE)).expect("it can be set");
    let head = format!(
        "PUT {target} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\nExpect: 100-continue\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).expect("it can be sent");
    let mut answer = String::new();
    stream
        .read_to_string(&mut answer)
        .expect("an answer, and the end");
    answer
}

/// A client that waits to be asked for its file learns of a refusal without sending it.
#[test]
fn a_refused_upload_is_not_asked_for() {
    let service = Service::start();
    let answer = head_only(&service, NOWHERE);
    assert!(answer.starts_with("HTTP/1.1 404"), "{answer}");
    assert!(answer.contains("backend_not_found"), "{answer}");
}
