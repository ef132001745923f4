//! Clients that download slowly from a web server.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::time::Duration;

use nix::sys::socket::setsockopt;
use nix::sys::socket::sockopt::RcvBuf;

use crate::figures::{self, Table};
use crate::host::{self, Service};
use crate::load;

/// Downloads at once.
const DOWNLOADS: usize = 1000;
/// Bytes of the file: more than all buffers on the way hold.
const FILE_BYTES: u64 = 1 << 30;
/// How long the buffers get to fill.
const FILL: Duration = Duration::from_secs(3);
/// Stack of a thread that sends.
const STACK_BYTES: usize = 64 * 1024;

/// Measures the memory of many slow downloads, and the answers to others meanwhile.
pub(crate) fn measure(table: &mut Table, home: &Path) {
    host::raise_descriptors();
    let service = Service::start(&home.join("downloads"));
    let storage = storage();
    let body = format!(r#"{{"name": "slow", "type": "http", "config": {{"base_url": "http://{storage}"}}}}"#);
    let id = load::register(service.address, &body);
    let idle = service.resident_mb();
    let path = format!("{}/{id}/files/download?path=/disk.img", crate::BACKENDS);
    let clients: Vec<TcpStream> = (0..DOWNLOADS).map(|_| begin(service.address, &path)).collect();
    std::thread::sleep(FILL);
    let held = service.resident_mb();
    let worst = load::sample(service.address, "/healthz", Duration::from_secs(1)).max;
    drop(clients);
    figures::note(&format!(
        "{idle:.0} MB idle, {held:.0} MB with {DOWNLOADS} downloads"
    ));
    table.at_most("1000 slow downloads: memory", held, 150.0, "MB");
    table.at_most("1000 slow downloads: slowest /healthz", worst, 100.0, "ms");
}

/// Begins a download and reads no more than its status.
fn begin(service: SocketAddr, path: &str) -> TcpStream {
    let mut stream = TcpStream::connect(service).expect("the service accepts");
    setsockopt(&stream, RcvBuf, &4096).expect("it can be set");
    write!(stream, "GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n").expect("the request can be sent");
    let mut status = [0; 12];
    stream.read_exact(&mut status).expect("an answer");
    assert_eq!(&status, b"HTTP/1.1 200");
    stream
}

/// Starts a web server with one large file at every path.
fn storage() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("an address");
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let stream = stream.expect("a connection");
            let sender = std::thread::Builder::new().stack_size(STACK_BYTES);
            sender.spawn(move || serve(stream)).expect("a thread");
        }
    });
    address
}

/// Answers requests on a connection until the client is gone.
fn serve(stream: TcpStream) {
    let mut reader = BufReader::with_capacity(1024, stream);
    loop {
        let mut request = String::new();
        while !request.ends_with("\r\n\r\n") {
            match reader.read_line(&mut request) {
                Ok(1..) => {}
                _ => return,
            }
        }
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Length: {FILE_BYTES}\r\nETag: \"1\"\r\nAccept-Ranges: bytes\r\n\r\n"
        );
        let stream = reader.get_mut();
        if stream.write_all(head.as_bytes()).is_err() {
            return;
        }
        if request.starts_with("HEAD") {
            continue;
        }
        let piece = [0; 4096];
        while stream.write_all(&piece).is_ok() {}
        return;
    }
}
