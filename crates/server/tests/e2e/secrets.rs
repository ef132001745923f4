//! A secret goes in and never comes out.

mod damaged;
mod everywhere;
mod iscsi;
mod keys;

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};

use crate::service::{Service, directory};

const CANARY: &str = "canary-7d31";

/// Everything that is logged, at the loudest, while a backend with a password is created, shown, tested, changed
/// and refused.
#[test]
fn a_password_is_in_no_answer_and_no_log() {
    let home = directory();
    let service = Service::start_in(&home.path().join("state"), &["--log-level", "trace"]);
    let web = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("http://{}", web.local_addr().expect("an address"));
    let asked = Arc::new(Mutex::new(String::new()));
    let heard = Arc::clone(&asked);
    std::thread::spawn(move || {
        for stream in web.incoming() {
            let mut stream = stream.expect("a connection");
            let mut request = [0; 4096];
            let length = stream.read(&mut request).unwrap_or(0);
            let text = String::from_utf8_lossy(&request[..length]).into_owned();
            heard.lock().expect("it can be locked").push_str(&text);
            let _ = stream
                .write_all(b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        }
    });
    let config = format!(
        r#"{{"base_url":"{url}","auth_method":"bearer","password":"{CANARY}","username":"somebody"}}"#
    );
    let body = |name: &str| format!(r#"{{"name":"{name}","type":"http","config":{config}}}"#);
    let backends = "/api/v1/storage/backends";
    let created = service.ask("POST", backends, &body("locked"));
    assert_eq!(created.status, 201, "{}", created.body);
    let path = format!(
        "{backends}/{}",
        created.json()["data"]["id"].as_str().expect("an id")
    );
    let answers = [
        created,
        service.ask("POST", backends, &body("locked")),
        service.ask("POST", backends, &body(&"x".repeat(101))),
        service.ask("POST", backends, &body("other").replace("bearer", "magic")),
        service.ask("POST", &format!("{path}/test"), ""),
        service.ask("PATCH", &path, &format!(r#"{{"config":{config}}}"#)),
        service.ask("GET", &path, ""),
        service.ask("GET", backends, ""),
    ];
    let asked = asked.lock().expect("it can be locked");
    assert!(
        asked.contains(CANARY),
        "the server was not sent the token: {asked}"
    );
    for answer in &answers {
        assert!(!answer.body.contains(CANARY), "{} {}", answer.status, answer.body);
    }
    assert!(!service.log().contains(CANARY), "the log has the secret");
    assert!(service.log().contains("TRACE"), "nothing was logged");
}
