//! Requests to a service that may die before it answers.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::{Value, json};

pub(super) const BACKENDS: &str = "/api/v1/storage/backends";
pub(super) const SECRET: &str = "killed \"secret\", ключ";
/// How long a client waits for an answer of a service that may be dead.
const PATIENCE: Duration = Duration::from_secs(20);

/// Creates a backend with a secret, whose user name is its name.
pub(super) fn create(address: SocketAddr, name: &str) -> Option<(u16, Value)> {
    let body = json!({"name": name, "type": "http", "config": {
        "base_url": "http://127.0.0.1:9", "auth_method": "basic", "username": name, "password": SECRET,
    }});
    ask(address, "POST", BACKENDS, &body)
}

/// Asks, and gives what was answered as a whole; `None` where the service is gone before that.
pub(super) fn ask(address: SocketAddr, method: &str, path: &str, body: &Value) -> Option<(u16, Value)> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(PATIENCE)).ok()?;
    let body = if body.is_null() {
        String::new()
    } else {
        body.to_string()
    };
    let length = body.len();
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    )
    .ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    Some((status, serde_json::from_str(body).ok()?))
}
