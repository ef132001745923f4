//! Many requests on one connection before an answer is read.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};

use nix::sys::socket::setsockopt;
use nix::sys::socket::sockopt::{RcvBuf, SndBuf};
use rstest::rstest;

use crate::service::{PATIENCE, Service, directory, until};

/// Peers that send requests and read no answer.
const PEERS: usize = 50;
/// The most that each of them may cost, in KiB of resident memory; without a bound it was 2,000 to 17,000.
const EACH: u64 = 150;
/// Looks in a row at which no peer can send: the service holds all that it takes.
const STILL: u32 = 20;

/// A peer with small buffers of its own, for its sends to block soon.
fn peer(service: &Service) -> TcpStream {
    let stream = TcpStream::connect(service.address).expect("the service accepts");
    setsockopt(&stream, SndBuf, &4096).expect("it can be set");
    setsockopt(&stream, RcvBuf, &4096).expect("it can be set");
    stream.set_nonblocking(true).expect("it can be set");
    stream
}

/// Sends as much of `bytes` again and again as the peer's buffers take; the number of bytes.
fn send(mut peer: &TcpStream, bytes: &[u8]) -> usize {
    let mut sent = 0;
    loop {
        match peer.write(bytes) {
            Ok(more) => sent += more,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return sent,
            Err(error) => panic!("the service hung up: {error}"),
        }
    }
}

/// Returns the service's memory.
pub(crate) fn resident_kib(service: &Service) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", service.pid())).expect("it runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let number = line.expect("it has memory").trim().trim_end_matches(" kB");
    number.parse().expect("a number")
}

#[rstest]
#[case::answered_at_once("/healthz")]
#[case::answered_by_the_database("/readyz")]
#[case::refused("/api/v1/storage/backends")]
#[case::with_a_large_answer("/docs/swagger-ui-bundle.js")]
fn peers_who_read_no_answer_cost_little(#[case] path: &str) {
    let home = directory();
    let state = home.path().join("state");
    crate::tokens::create(&state, "n", "admin");
    let service = Service::start_in(&state, &[]);
    service.ask("GET", path, "");
    let idle = resident_kib(&service);

    let requests = format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n").repeat(100);
    let peers: Vec<TcpStream> = (0..PEERS).map(|_| peer(&service)).collect();
    let mut still = 0;
    until("no peer can send", || {
        let sent: usize = peers.iter().map(|peer| send(peer, requests.as_bytes())).sum();
        still = if sent == 0 { still + 1 } else { 0 };
        (still == STILL).then_some(())
    });
    let cost = resident_kib(&service).saturating_sub(idle);
    assert!(cost < EACH * PEERS as u64, "{cost} KiB");
    assert_eq!(service.ask("GET", "/healthz", "").status, 200);
    drop(peers);
    until("the memory is given back", || {
        (resident_kib(&service) < idle + EACH * PEERS as u64 / 2).then_some(())
    });
}

/// The statuses of everything that the service sends until it closes.
fn statuses(mut stream: TcpStream) -> Vec<u16> {
    stream.set_read_timeout(Some(PATIENCE)).expect("it can be set");
    let mut text = String::new();
    stream.read_to_string(&mut text).expect("the answers are UTF-8");
    text.split("HTTP/1.1 ")
        .skip(1)
        .filter_map(|answer| answer.get(..3)?.parse().ok())
        .collect()
}

#[test]
fn requests_of_every_kind_are_answered_in_their_order() {
    let service = Service::start();
    let body = r#"{"name":"web","type":"http","config":{"base_url":"http://127.0.0.1:9"}}"#;
    let blank = format!("\n\r\n\n{}\r\n\r\n{body}", "\n".repeat(60_000));
    let (length, chunk, path) = (blank.len(), body.len(), "/api/v1/storage/backends");
    let requests = [
        "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n".to_owned(),
        "HEAD /docs/swagger-ui-bundle.js HTTP/1.1\nHost: localhost\n\n".to_owned(),
        format!(
            "POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{blank}"
        ),
        format!(
            "\r\nPOST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n{chunk:x}\r\n{body}\r\n0\r\n\r\n"
        ),
        format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n"),
        format!(
            "POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/plain\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\nx"
        ),
        "GET /none HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".to_owned(),
    ];
    let mut stream = TcpStream::connect(service.address).expect("the service accepts");
    stream
        .write_all(requests.concat().as_bytes())
        .expect("it can be sent");
    // A body that came along is not asked for (RFC 9110, section 10.1.1).
    assert_eq!(statuses(stream), [200, 200, 201, 409, 200, 415, 404]);
}

#[test]
fn a_slow_reader_gets_every_answer() {
    const REQUESTS: usize = 100;
    let service = Service::start();
    let mut stream = TcpStream::connect(service.address).expect("the service accepts");
    // The answers are 50 times as large as what the kernel keeps of them.
    let requests = "GET /api/v1/openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n".repeat(REQUESTS);
    stream.write_all(requests.as_bytes()).expect("it can be sent");
    stream.shutdown(Shutdown::Write).expect("it can be closed");
    assert_eq!(statuses(stream), [200; REQUESTS]);
}
