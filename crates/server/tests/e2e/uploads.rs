//! Uploads, from real clients.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use serde_json::json;

use crate::buckets::{Buckets, CANARY, KEY};
use crate::service::{Done, PATIENCE, Service, command, directory, finish};

const MIB: usize = 1024 * 1024;
/// The most that an upload may add to the service's memory, in KiB: four parts of 8 MiB, each with its copy on the way, and
/// what the allocator keeps of earlier ones.
const EACH_KIB: u64 = 96 * 1024;

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

fn register(service: &Service, buckets: &Buckets) -> String {
    let config = json!({ "endpoint": buckets.url, "bucket": "images", "access_key_id": KEY, "secret_access_key": CANARY });
    let body = json!({ "name": "bucket", "type": "s3", "config": config });
    let answer = service.ask("POST", "/api/v1/storage/backends", &body.to_string());
    let id = answer.json()["data"]["id"].as_str().expect("an id").to_owned();
    format!("/api/v1/storage/backends/{id}")
}

/// Sends a request with curl; its output ends with the status.
fn curl(service: &Service, target: &str, more: &[&str]) -> Done {
    let url = format!("http://{}{target}", service.address);
    let mut curl = command("curl");
    curl.args(["--silent", "--show-error", "--write-out", "\n%{http_code}", &url]);
    let done = finish(curl.args(more));
    assert_eq!(done.code, Some(0), "{}", done.err);
    done
}

fn peak_kib(service: &Service) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", service.pid())).expect("it runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let number = line.expect("it has memory").trim().trim_end_matches(" kB");
    number.parse().expect("a number")
}

#[test]
fn a_large_file_passes_through_little_memory() {
    let (buckets, service) = (Buckets::start(&["images"]), Service::start());
    let backend = register(&service, &buckets);
    let content: Vec<u8> = (0..=250).cycle().take(200 * MIB + 1).collect();
    let file = buckets.files.path().join("sent");
    std::fs::write(&file, &content).expect("it can be written");
    let idle = peak_kib(&service);
    let target = format!("{backend}/files/content?path=/new/a.iso");
    let sent = file.to_str().expect("UTF-8");
    let create = ["--header", "If-None-Match: *", "--upload-file", sent];
    let done = curl(&service, &target, &create);
    assert!(done.out.ends_with("\n201"), "{}", done.out);
    let grown = peak_kib(&service).saturating_sub(idle);
    assert!(grown < EACH_KIB, "{grown} KiB");
    let stored = std::fs::read(buckets.files.path().join("images/new/a.iso")).expect("it is there");
    assert!(stored == content);
    assert!(curl(&service, &target, &create).out.ends_with("\n412"));
}

/// Whatever was sent when the service died, the file is the old one, and can be sent again.
#[test]
fn a_kill_in_the_middle_leaves_the_old_file() {
    let (buckets, home) = (Buckets::start(&["images"]), directory());
    let state = home.path().join("state");
    let mut service = Service::start_in(&state, &[]);
    let backend = register(&service, &buckets);
    let (target, stat) = (
        format!("{backend}/files/content?path=/a.iso"),
        format!("{backend}/files/stat?path=/a.iso"),
    );
    let content = vec![7; 40 * MIB];
    let file = home.path().join("sent");
    let sent = file.to_str().expect("UTF-8");
    std::fs::write(&file, "old").expect("it can be written");
    assert!(
        curl(&service, &target, &["--upload-file", sent])
            .out
            .ends_with("\n201")
    );
    let old = service.ask("GET", &stat, "").json();

    let mut stream = TcpStream::connect(service.address).expect("the service accepts");
    let length = content.len();
    let head = format!("PUT {target} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n\r\n");
    stream.write_all(head.as_bytes()).expect("it can be sent");
    stream.write_all(&content[..length / 2]).expect("it can be sent");
    service.kill();
    let service = Service::start_in(&state, &[]);
    assert_eq!(service.ask("GET", &stat, "").json()["data"], old["data"]);
    assert_eq!(old["data"]["size"], 3);
    std::fs::write(&file, &content).expect("it can be written");
    assert!(
        curl(&service, &target, &["--upload-file", sent])
            .out
            .ends_with("\n200")
    );
    let digest = finish(command("sha256sum").arg(sent)).out;
    let known = service.ask("GET", &stat, "").json();
    assert_eq!(known["data"]["sha256"].as_str(), digest.split(' ').next());
}
