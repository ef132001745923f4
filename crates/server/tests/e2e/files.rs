//! Files, from real storage to a real client.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;

use serde_json::{Value, json};

use crate::buckets::{Buckets, CANARY, KEY};
use crate::service::{Done, Service, command, finish, run};

const BACKENDS: &str = "/api/v1/storage/backends";

/// Registers a backend and returns its path.
fn register(service: &Service, kind: &str, config: &Value) -> String {
    let body = json!({ "name": kind, "type": kind, "config": config });
    let answer = service.ask("POST", BACKENDS, &body.to_string());
    assert_eq!(answer.status, 201, "{}", answer.body);
    let id = answer.json()["data"]["id"].as_str().expect("an id").to_owned();
    format!("{BACKENDS}/{id}")
}

fn curl(service: &Service, path: &str, more: &[&str]) -> Done {
    let url = format!("http://{}{path}", service.address);
    finish(
        command("curl")
            .args(["--silent", "--show-error", "--fail", "--path-as-is", &url])
            .args(more),
    )
}

fn paths(service: &Service, path: &str) -> Vec<String> {
    let answer = service.ask("GET", path, "");
    assert_eq!(answer.status, 200, "{}", answer.body);
    let list = answer.json()["data"].as_array().expect("a list").clone();
    list.iter()
        .map(|file| file["path"].as_str().expect("a path").to_owned())
        .collect()
}

#[test]
fn a_bucket_is_listed_and_downloaded() {
    let (buckets, service) = (Buckets::start(&["images"]), Service::start());
    let bucket = buckets.files.path().join("images");
    let content: Vec<u8> = (0..3_000_000_u32)
        .map(|n| u8::try_from(n % 251).expect("a byte"))
        .collect();
    fs::create_dir_all(bucket.join("trixie/amd64")).expect("a directory can be made");
    fs::write(bucket.join("trixie/amd64/a b+ü.iso"), &content).expect("a file can be made");
    fs::write(bucket.join("README"), "notes").expect("a file can be made");
    let backend = register(
        &service,
        "s3",
        &json!({ "endpoint": buckets.url, "bucket": "images", "access_key_id": KEY, "secret_access_key": CANARY }),
    );
    assert_eq!(
        paths(&service, &format!("{backend}/files")),
        ["/trixie", "/README"]
    );
    let file = "/trixie/amd64/a b+ü.iso";
    assert_eq!(
        paths(&service, &format!("{backend}/files?path=/trixie/amd64")),
        [file]
    );

    let download = format!("{backend}/files/download?path=/trixie/amd64/a+b%2B%C3%BC.iso");
    let target = buckets.files.path().join("got");
    let output = target.to_str().expect("UTF-8");
    fs::write(&target, &content[..1_000_000]).expect("a file can be made");
    let done = curl(&service, &download, &["--continue-at", "-", "--output", output]);
    assert_eq!(done.code, Some(0), "{}", done.err);
    assert!(fs::read(&target).expect("it is there") == content);

    let body = json!({ "path": file }).to_string();
    let link = service
        .ask("POST", &format!("{backend}/files/links"), &body)
        .json();
    let link = link["data"]["url"].as_str().expect("a link").to_owned();
    let done = curl(&service, &link, &["--output", output]);
    assert_eq!(done.code, Some(0), "{}", done.err);
    assert!(fs::read(&target).expect("it is there") == content);
    let (_, signature) = link.split_once("signature=").expect("a signature");
    assert!(!service.log().contains(signature), "{}", service.log());

    let url = format!("http://{}", service.address);
    let listed = run(&["ls", "--json", "--url", &url, "s3:/trixie/amd64"]);
    assert_eq!(listed.code, Some(0), "{}", listed.err);
    let listed: Value = serde_json::from_str(&listed.out).expect("one line of JSON");
    assert_eq!(
        (&listed["path"], &listed["size"]),
        (&json!(file), &json!(3_000_000))
    );
    assert_eq!(run(&["cat", "--url", &url, "s3:/README"]).out, "notes");
    for (place, code, words) in [
        (
            "s3:/none",
            1,
            "There is nothing at this path; list its directory (404)",
        ),
        ("other:/", 1, "there is no backend of the name other"),
        ("s3", 2, "must be the name of a backend, a colon and a path"),
    ] {
        let refused = run(&["cat", "--url", &url, place]);
        assert_eq!(refused.code, Some(code), "{}", refused.err);
        assert!(refused.err.contains(words), "{}", refused.err);
    }
    assert!(!service.log().contains("hush"), "{}", service.log());
}

/// Starts a web server without ranges and validators; `answer` returns the length that it says, and the body that it sends, for
/// a header.
pub(crate) fn web_server(answer: impl Fn(&str) -> (usize, Vec<u8>) + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.expect("a connection");
            let (mut head, mut buffer) = (Vec::new(), [0; 1024]);
            while !head.windows(4).any(|end| end == b"\r\n\r\n") {
                match stream.read(&mut buffer) {
                    Ok(read @ 1..) => head.extend_from_slice(&buffer[..read]),
                    _ => break,
                }
            }
            let (length, body) = answer(&String::from_utf8_lossy(&head).to_lowercase());
            let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n");
            // What is asked only for its beginning hangs up.
            let _client_is_gone = stream
                .write_all(answer.as_bytes())
                .and_then(|()| stream.write_all(&body));
        }
    });
    url
}

/// A client must not take a part for the whole.
#[test]
fn a_source_that_dies_ends_the_connection_short() {
    let url = web_server(|head| (100_000, vec![7; if head.starts_with("get") { 60_000 } else { 0 }]));
    let service = Service::start();
    let backend = register(&service, "http", &json!({ "base_url": url }));
    let download = format!("{backend}/files/download?path=/disk.img");
    let done = curl(&service, &download, &["--output", "/dev/null"]);
    // CURLE_PARTIAL_FILE
    assert_eq!(done.code, Some(18), "{}", done.err);
    assert!(
        service.log().contains("a download broke off"),
        "{}",
        service.log()
    );
    let url = format!("http://{}", service.address);
    let broken = run(&["cat", "--url", &url, "http:/disk.img"]);
    assert_eq!(broken.code, Some(1));
    assert!(broken.err.contains("the download broke off"), "{}", broken.err);
}

/// The beginning of another version of its size would look like the file.
#[test]
fn a_file_that_grew_is_not_cut() {
    let url = web_server(|head| match (head.starts_with("get"), head.contains("range:")) {
        (false, _) => (1000, vec![]),
        // As it was when it was described.
        (true, true) => (1000, vec![7; 1000]),
        (true, false) => (2000, vec![7; 2000]),
    });
    let service = Service::start();
    let backend = register(&service, "http", &json!({ "base_url": url }));
    let answer = service.ask("GET", &format!("{backend}/files/download?path=/disk.img"), "");
    assert_eq!(
        (answer.status, &answer.json()["error"]),
        (503, &json!("storage_unavailable"))
    );
}
