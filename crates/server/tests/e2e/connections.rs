//! One client can't hold every connection.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::ops::RangeInclusive;

use crate::alone::is_alone;
use crate::service::{PATIENCE, Service, command, directory, finish, until};

/// Connections that the service accepts, and those that one client may hold.
const ALL: &str = "64";
const SHARE: usize = 8;

/// Clients on this machine that are not on its loopback: a connection to an own address comes from there.
const CLIENTS: RangeInclusive<u8> = 1..=7;
const STRANGER: u8 = 1;
const OTHER: u8 = 2;

fn network() {
    ip("link set lo up");
    for client in CLIENTS {
        ip(&format!("addr add 192.0.2.{client}/32 dev lo"));
    }
}

fn ip(line: &str) {
    let done = finish(command("ip").args(line.split(' ')));
    assert_eq!(done.code, Some(0), "ip {line}: {}", done.err);
}

fn connect(service: &Service, from: u8) -> TcpStream {
    let address = SocketAddr::from(([192, 0, 2, from], service.address.port()));
    let stream = TcpStream::connect(address).expect("the service listens");
    stream.set_nonblocking(true).expect("it can be set");
    stream
}

/// Half a head, as who wants to hold a connection sends it.
fn strangers(service: &Service, from: u8) -> impl Iterator<Item = TcpStream> {
    (0..ALL.parse().expect("a number")).map(move |_| {
        let mut stream = connect(service, from);
        // The service may have closed it already.
        let _ = stream.write_all(b"GET /healthz HTTP/1.1\r\n");
        stream
    })
}

fn is_open(mut stream: &TcpStream) -> bool {
    stream
        .read(&mut [0; 256])
        .is_err_and(|error| error.kind() == ErrorKind::WouldBlock)
}

fn answer(service: &Service, from: u8) -> String {
    let mut stream = connect(service, from);
    stream.set_nonblocking(false).expect("it can be set");
    stream
        .set_read_timeout(Some(PATIENCE))
        .expect("a timeout can be set");
    stream
        .write_all(b"GET /healthz HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n")
        .expect("it can be sent");
    let mut text = String::new();
    stream.read_to_string(&mut text).expect("it answers");
    text
}

fn serve(more: &[&str]) -> (Service, tempfile::TempDir) {
    let home = directory();
    let mut options = vec!["--listen", "0.0.0.0:0", "--no-auth", "--max-connections", ALL];
    options.extend(more);
    let mut service = Service::spawn(&home.path().join("state"), &options);
    service.address = until("it listens on every address", || {
        let found = service
            .events()
            .into_iter()
            .filter_map(|e| e["address"].as_str()?.parse().ok());
        found
            .into_iter()
            .find(|address: &SocketAddr| address.ip().is_unspecified())
    });
    (service, home)
}

#[test]
fn one_client_holds_its_share() {
    let test = "connections::one_client_holds_its_share";
    if !is_alone(test, &["unshare", "--net"]) {
        return;
    }
    network();
    let (service, _home) = serve(&[]);
    let held: Vec<TcpStream> = strangers(&service, STRANGER).collect();
    until("the others are closed", || {
        (held.iter().filter(|stream| is_open(stream)).count() == SHARE).then_some(())
    });
    assert!(answer(&service, OTHER).starts_with("HTTP/1.1 200"));
}

/// A proxy speaks for many.
#[test]
fn a_proxy_holds_as_many_as_it_likes() {
    let test = "connections::a_proxy_holds_as_many_as_it_likes";
    if !is_alone(test, &["unshare", "--net"]) {
        return;
    }
    network();
    let (service, _home) = serve(&["--trusted-proxies", "192.0.2.1"]);
    let most = 3 * SHARE;
    let held: Vec<TcpStream> = strangers(&service, STRANGER).take(most).collect();
    assert!(answer(&service, OTHER).starts_with("HTTP/1.1 200"));
    assert_eq!(held.iter().filter(|stream| is_open(stream)).count(), most);
}

/// The half heads of clients that fill three quarters are given 2 s and no answer. Otherwise it is 10 s, and a 408.
#[test]
fn a_head_is_hurried_if_few_connections_are_left() {
    let test = "connections::a_head_is_hurried_if_few_connections_are_left";
    if !is_alone(test, &["unshare", "--net"]) {
        return;
    }
    network();
    let (service, _home) = serve(&[]);
    let shares = CLIENTS.flat_map(|client| strangers(&service, client).take(SHARE));
    let mut held: Vec<TcpStream> = shares.collect();
    let read = until("a connection ends", || {
        held.iter_mut().find_map(|stream| stream.read(&mut [0; 256]).ok())
    });
    assert_eq!(read, 0, "it was answered");
}
