//! Clients without a token that send thousands of requests at once and read no answer.

use std::io::{ErrorKind, Write};
use std::net::TcpStream;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use nix::sys::socket::setsockopt;
use nix::sys::socket::sockopt::RcvBuf;

use crate::figures::{self, Table};
use crate::host::{self, Service, command};
use crate::load;

/// So many connections, of the 1,024 that the service accepts.
const STRANGERS: usize = 1000;
/// So many requests on each.
const REQUESTS: usize = 5000;
/// How long nobody can have sent anything for the service to hold all that it takes.
const STILL: Duration = Duration::from_secs(2);
/// How long the service has to give memory back.
const GIVE_BACK: Duration = Duration::from_secs(5);

/// Measures memory and the answers to others, for each kind of request that costs differently.
pub(crate) fn measure(table: &mut Table, home: &Path) {
    host::raise_descriptors();
    let state = home.join("strangers");
    for args in [
        &["migrate", "--create"][..],
        &["token", "create", "--name", "bench", "--role", "admin"],
    ] {
        let mut command = command(env!("CARGO_BIN_EXE_pureboot-storage"));
        let done = command.args(args).arg("--state-dir").arg(&state).output();
        let done = done.expect("the binary starts");
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    }
    for (name, path) in [
        ("answered", "/healthz"),
        ("refused", crate::BACKENDS),
        ("answered with 1.5 MB", "/docs/swagger-ui-bundle.js"),
    ] {
        one_kind(table, &state, name, path);
    }
}

fn one_kind(table: &mut Table, state: &Path, name: &str, path: &str) {
    let service = Service::start(state);
    load::get(service.address, path);
    let idle = service.resident_mb();
    let over = AtomicBool::new(false);
    let (held, sent, worst) = std::thread::scope(|scope| {
        let sampling = scope.spawn(|| slowest_health(&service, &over));
        let (strangers, sent) = hold(&service, path);
        let held = service.resident_mb();
        over.store(true, Ordering::Relaxed);
        let worst = sampling.join().expect("the service answers");
        drop(strangers);
        (held, sent, worst)
    });
    std::thread::sleep(GIVE_BACK);
    let after = service.resident_mb();
    let sent = sent / 1_000_000;
    figures::note(&format!(
        "{idle:.0} MB idle, {sent} MB of requests taken, {after:.0} MB afterwards"
    ));
    table.at_most(
        &format!("1000 strangers, {name}: memory"),
        held - idle,
        104.9,
        "MB",
    );
    table.at_most(
        &format!("1000 strangers, {name}: memory later"),
        after - idle,
        20.0,
        "MB",
    );
    table.at_most(
        &format!("1000 strangers, {name}: slowest /healthz"),
        worst,
        100.0,
        "ms",
    );
}

/// The slowest answer to others in ms.
fn slowest_health(service: &Service, over: &AtomicBool) -> f64 {
    let mut worst: f64 = 0.0;
    while !over.load(Ordering::Relaxed) {
        worst = worst.max(load::sample(service.address, "/healthz", Duration::from_millis(100)).max);
    }
    worst
}

/// Connects, and sends until the service takes no more; the connections, and the bytes that were sent.
fn hold(service: &Service, path: &str) -> (Vec<TcpStream>, usize) {
    let requests = format!("GET {path} HTTP/1.1\r\nHost:a\r\n\r\n").repeat(REQUESTS);
    let requests = requests.as_bytes();
    let mut strangers: Vec<(TcpStream, usize)> = (0..STRANGERS).map(|_| (stranger(service), 0)).collect();
    let mut moved = Instant::now();
    while moved.elapsed() < STILL {
        for (stream, sent) in &mut strangers {
            match stream.write(&requests[*sent..]) {
                Ok(0) => {}
                Ok(more) => {
                    *sent += more;
                    moved = Instant::now();
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => panic!("the service hung up: {error}"),
            }
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    let sent = strangers.iter().map(|(_, sent)| sent).sum();
    (strangers.into_iter().map(|(stream, _)| stream).collect(), sent)
}

fn stranger(service: &Service) -> TcpStream {
    let stream = TcpStream::connect(service.address).expect("the service accepts");
    setsockopt(&stream, RcvBuf, &4096).expect("it can be set");
    stream.set_nonblocking(true).expect("it can be set");
    stream
}
