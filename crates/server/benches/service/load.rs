//! Requests: timed one after the other, or as many as go.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::host::command;

/// Between two samples, so that they see the service and not their own queue.
const PAUSE: Duration = Duration::from_micros(500);
/// How long the load lasts, and over how many connections.
const LOAD: [&str; 4] = ["-t1", "-c8", "-d2s", "--timeout=5s"];

/// Percentiles in ms.
pub(crate) struct Sample {
    pub(crate) p50: f64,
    pub(crate) p99: f64,
    pub(crate) max: f64,
}

/// A connection that is kept.
pub(crate) struct Connection(BufReader<TcpStream>);

impl Connection {
    pub(crate) fn open(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).expect("the service accepts");
        stream.set_nodelay(true).expect("it can be set");
        Self(BufReader::new(stream))
    }

    pub(crate) fn ask(&mut self, method: &str, path: &str, body: &str) -> (u16, String) {
        let length = body.len();
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
        );
        self.0
            .get_mut()
            .write_all(request.as_bytes())
            .expect("the request can be sent");
        let (mut status, mut length) = (0, 0);
        loop {
            let mut line = String::new();
            self.0.read_line(&mut line).expect("an answer");
            let line = line.trim_end().to_ascii_lowercase();
            if line.starts_with("http/1.1 ") {
                status = line[9..12].parse().expect("a status");
            } else if let Some(found) = line.strip_prefix("content-length: ") {
                length = found.parse().expect("a length");
            } else if line.is_empty() {
                break;
            }
        }
        let mut body = vec![0; length];
        self.0.read_exact(&mut body).expect("a body");
        (status, String::from_utf8(body).expect("UTF-8"))
    }
}

/// One GET on a connection of its own.
pub(crate) fn get(address: SocketAddr, path: &str) -> (u16, String) {
    Connection::open(address).ask("GET", path, "")
}

/// Registers a backend; gives its id.
pub(crate) fn register(address: SocketAddr, body: &str) -> String {
    let (status, answer) = Connection::open(address).ask("POST", crate::BACKENDS, body);
    assert_eq!(status, 201, "{answer}");
    id_in(&answer)
}

/// The id of the backend in an answer.
pub(crate) fn id_in(answer: &str) -> String {
    let answer: serde_json::Value = serde_json::from_str(answer).expect("JSON");
    answer["data"]["id"].as_str().expect("an id").to_owned()
}

/// Deletes a backend.
pub(crate) fn delete(address: SocketAddr, id: &str) {
    let path = format!("{}/{id}", crate::BACKENDS);
    let (status, answer) = Connection::open(address).ask("DELETE", &path, "");
    assert_eq!(status, 200, "{answer}");
}

/// Begins a test of a backend in a thread of its own.
pub(crate) fn begin_test(address: SocketAddr, id: &str) -> JoinHandle<()> {
    let path = format!("{}/{id}/test", crate::BACKENDS);
    std::thread::spawn(move || {
        let (status, answer) = Connection::open(address).ask("POST", &path, "");
        // The benchmark may delete the backend meanwhile.
        assert!(matches!(status, 200 | 404 | 409), "{answer}");
    })
}

/// Times GETs, one after the other, for so long.
pub(crate) fn sample(address: SocketAddr, path: &str, span: Duration) -> Sample {
    let mut connection = Connection::open(address);
    let mut times: Vec<f64> = Vec::new();
    let end = Instant::now() + span;
    while Instant::now() < end || times.is_empty() {
        std::thread::sleep(PAUSE);
        let begun = Instant::now();
        let (status, _) = connection.ask("GET", path, "");
        assert_eq!(status, 200);
        times.push(begun.elapsed().as_secs_f64() * 1000.0);
    }
    times.sort_by(f64::total_cmp);
    Sample {
        p50: times[times.len() / 2],
        p99: times[times.len() * 99 / 100],
        max: times[times.len() - 1],
    }
}

/// As many GETs a second as go.
pub(crate) fn rate(address: SocketAddr, path: &str) -> f64 {
    let url = format!("http://{address}{path}");
    let done = command("wrk")
        .args(LOAD)
        .arg(url)
        .output()
        .expect("wrk is installed");
    let text = String::from_utf8_lossy(&done.stdout).into_owned();
    assert!(!text.contains("Non-2xx"), "{text}");
    let rate = text
        .lines()
        .find_map(|l| l.trim().strip_prefix("Requests/sec:")?.trim().parse().ok());
    rate.unwrap_or_else(|| panic!("wrk told no rate: {text}"))
}
