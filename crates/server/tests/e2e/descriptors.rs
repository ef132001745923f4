//! Few file descriptors: clients can't take those that the service needs itself.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use crate::service::{PATIENCE, Service, command, directory};

/// How long a stranger knocks.
const CONNECT: Duration = Duration::from_millis(300);

/// The binary under bounds on its open files, soft and hard.
fn bounded(soft: u32, hard: u32) -> Command {
    let mut bounded = command("prlimit");
    bounded
        .arg(format!("--nofile={soft}:{hard}"))
        .arg(env!("CARGO_BIN_EXE_pureboot-storage"));
    bounded
}

fn started(command: Command, more: &[&str]) -> (Service, TempDir) {
    let home = directory();
    let mut service = Service::spawn_by(command, &home.path().join("state"), more);
    service.address = service.wait_for_address();
    (service, home)
}

fn soft_limit(service: &Service) -> u64 {
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", service.pid())).expect("limits");
    let line = limits.lines().find(|line| line.starts_with("Max open files"));
    let soft = line
        .and_then(|line| line.split_whitespace().nth(3))
        .expect("a limit");
    soft.parse().expect("a number")
}

#[test]
fn the_limit_is_raised_as_far_as_it_may() {
    let (service, _home) = started(bounded(256, 4096), &["--max-connections", "1000"]);
    assert!(soft_limit(&service) > 1000, "{}", soft_limit(&service));
    let told = |event: &Value| event["level"] == "WARN";
    let warnings: Vec<_> = service.events().into_iter().filter(told).collect();
    assert!(
        !format!("{warnings:?}").contains("max_connections"),
        "{warnings:?}"
    );
}

/// More strangers than there are descriptors, and all of them stay: a backend that works is not taken for broken.
#[test]
fn strangers_leave_enough_for_a_test() {
    let (service, _home) = started(bounded(640, 640), &["--max-connections", "1000"]);
    let told = |event: &Value| {
        event["level"] == "WARN"
            && event["message"]
                .as_str()
                .is_some_and(|m| m.contains("max_connections = 1000"))
    };
    assert!(service.events().iter().any(told), "{}", service.log());
    let nobody = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}/", nobody.local_addr().expect("it has one"));
    drop(nobody);
    let body = format!(r#"{{"name":"web","type":"http","config":{{"base_url":"{url}"}}}}"#);
    let created = service.ask("POST", "/api/v1/storage/backends", &body).json();
    let id = created["data"]["id"].as_str().expect("an id");
    let mut asking = TcpStream::connect(service.address).expect("it listens");
    // The first that finds no place is the last.
    let strangers: Vec<TcpStream> = (0..700)
        .map_while(|_| TcpStream::connect_timeout(&service.address, CONNECT).ok())
        .collect();
    let head = format!(
        "POST /api/v1/storage/backends/{id}/test HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    );
    asking.write_all(head.as_bytes()).expect("it is sent");
    asking.set_read_timeout(Some(PATIENCE)).expect("it can be set");
    let mut answer = String::new();
    asking.read_to_string(&mut answer).expect("an answer");
    assert!(answer.contains("refused the connection"), "{answer}");
    assert!(
        !service.log().contains("Too many open files"),
        "{}",
        service.log()
    );
    drop(strangers);
}
