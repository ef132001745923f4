//! The command line's `cp`, `mv`, `mkdir` and `rm`, with a real service and a real bucket.

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use crate::s3::Bucket;
use crate::service::{Done, Service, binary, directory, finish, until};

/// Larger than two requests of an upload.
const SIZE: usize = 20_000_000;

struct Lab {
    bucket: Bucket,
    service: Service,
    local: tempfile::TempDir,
}

impl Lab {
    fn start() -> Self {
        let (bucket, service) = (Bucket::start(), Service::start());
        let body = json!({ "name": "images", "type": "s3", "config": bucket.config() });
        let answer = service.ask("POST", "/api/v1/storage/backends", &body.to_string());
        assert_eq!(answer.status, 201, "{}", answer.body);
        let local = directory();
        Self {
            bucket,
            service,
            local,
        }
    }

    fn command(&self, address: SocketAddr, args: &[&str]) -> std::process::Command {
        let mut command = binary();
        command
            .args(args)
            .env("PUREBOOT_STORAGE_URL", format!("http://{address}"))
            .env("XDG_STATE_HOME", self.local.path())
            .current_dir(self.local.path());
        command
    }

    fn run(&self, args: &[&str]) -> Done {
        finish(&mut self.command(self.service.address, args))
    }

    /// Runs a command that has to succeed, and returns what it prints.
    fn json(&self, args: &[&str]) -> Value {
        let done = self.run(&[args, &["--json"]].concat());
        assert_eq!(done.code, Some(0), "{args:?}: {}", done.err);
        serde_json::from_str(&done.out).expect("one JSON object")
    }

    fn in_bucket(&self, key: &str) -> Option<Vec<u8>> {
        self.bucket.bytes(key)
    }

    fn image(&self, name: &str) -> Vec<u8> {
        let content: Vec<u8> = (0..SIZE)
            .map(|n| u8::try_from(n % 251).expect("a byte"))
            .collect();
        fs::write(self.local.path().join(name), &content).expect("a file can be made");
        content
    }
}

#[test]
fn files_come_and_go() {
    let lab = Lab::start();
    let content = lab.image("a b.iso");
    let written = lab.json(&["cp", "a b.iso", "images:/trixie/"]);
    assert_eq!(
        (&written["path"], &written["size"]),
        (&json!("/trixie/a b.iso"), &json!(SIZE))
    );
    assert!(lab.in_bucket("trixie/a b.iso").as_ref() == Some(&content));

    lab.json(&["cp", "images:/trixie/a b.iso", "images:/b.iso"]);
    assert!(lab.in_bucket("b.iso").as_ref() == Some(&content));
    fs::create_dir(lab.local.path().join("got")).expect("a directory can be made");
    lab.json(&["cp", "images:/b.iso", "got"]);
    let got = lab.local.path().join("got");
    assert!(fs::read(got.join("b.iso")).expect("it is there") == content);
    assert_eq!(fs::read_dir(&got).expect("it is there").count(), 1);

    assert_eq!(lab.json(&["mkdir", "images:/old"])["type"], "directory");
    assert_eq!(lab.run(&["mkdir", "images:/old"]).code, Some(1));
    assert_eq!(lab.run(&["mkdir", "-p", "images:/old"]).code, Some(0));
    assert_eq!(lab.json(&["mv", "images:/b.iso", "images:/old"])["moved"], 1);
    assert!(lab.in_bucket("old/b.iso").as_ref() == Some(&content));
    assert!(lab.in_bucket("b.iso").is_none());

    let refused = lab.run(&["rm", "images:/old"]);
    assert_eq!(refused.code, Some(1), "{}", refused.err);
    assert_eq!(lab.json(&["rm", "-r", "images:/old"])["deleted"], 1);
    assert!(lab.in_bucket("old/b.iso").is_none());
    for (args, code, words) in [
        (["rm", "images:/old"].as_slice(), 1, "nothing at this path"),
        (&["mv", "images:/a", "other:/a"], 2, "copy the file with cp"),
        (&["cp", "a", "b"], 2, "one of both has to be in a backend"),
        (&["cp", "none.iso", "images:/"], 1, "none.iso can't be read"),
    ] {
        let refused = lab.run(args);
        assert_eq!(refused.code, Some(code), "{args:?}: {}", refused.err);
        assert!(refused.err.contains(words), "{args:?}: {}", refused.err);
    }
}

/// Passes bytes on to a service, and stands still after so many of them from clients.
struct Relay {
    address: SocketAddr,
    passed: Arc<Mutex<Vec<u8>>>,
    limit: Arc<AtomicUsize>,
}

impl Relay {
    fn start(service: SocketAddr, limit: usize) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let relay = Self {
            address: listener.local_addr().expect("an address"),
            passed: Arc::default(),
            limit: Arc::new(limit.into()),
        };
        let (passed, limit) = (Arc::clone(&relay.passed), Arc::clone(&relay.limit));
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let server = TcpStream::connect(service).expect("the service listens");
                let mut back = (
                    server.try_clone().expect("a descriptor"),
                    client.try_clone().expect("a descriptor"),
                );
                let (passed, limit) = (Arc::clone(&passed), Arc::clone(&limit));
                std::thread::spawn(move || pass(client, server, &passed, &limit));
                std::thread::spawn(move || std::io::copy(&mut back.0, &mut back.1));
            }
        });
        relay
    }
}

fn pass(mut from: TcpStream, mut to: TcpStream, passed: &Mutex<Vec<u8>>, limit: &AtomicUsize) {
    let mut buffer = vec![0; 64 * 1024];
    while passed.lock().expect("nobody panics").len() < limit.load(Ordering::SeqCst) {
        let Ok(read @ 1..) = from.read(&mut buffer) else {
            return;
        };
        if to.write_all(&buffer[..read]).is_err() {
            return;
        }
        passed
            .lock()
            .expect("nobody panics")
            .extend_from_slice(&buffer[..read]);
    }
    // The service does not learn that the client is gone.
    loop {
        std::thread::park();
    }
}

#[test]
fn a_killed_upload_is_resumed() {
    let lab = Lab::start();
    let content = lab.image("disk.img");
    let limit = 12_000_000;
    let relay = Relay::start(lab.service.address, limit);
    let args = ["cp", "--resume", "disk.img", "images:/"];
    let mut killed = lab
        .command(relay.address, &args)
        .spawn()
        .expect("the binary starts");
    until("a part of the upload", || {
        (relay.passed.lock().expect("nobody panics").len() >= limit).then_some(())
    });
    killed.kill().expect("it runs");
    killed.wait().expect("it ends");
    assert!(lab.in_bucket("disk.img").is_none());
    let notes = || {
        let notes = fs::read_dir(lab.local.path().join("pureboot-storage/uploads"));
        notes.expect("it is there").count()
    };
    assert_eq!(notes(), 1);

    relay.limit.store(usize::MAX, Ordering::SeqCst);
    relay.passed.lock().expect("nobody panics").clear();
    let done = finish(&mut lab.command(relay.address, &args));
    assert_eq!(done.code, Some(0), "{}", done.err);
    assert!(lab.in_bucket("disk.img").as_ref() == Some(&content));
    // A part may be refused while the one before it ends, and is sent again then.
    let passed = relay.passed.lock().expect("nobody panics");
    let says = |words: &[u8]| passed.windows(words.len()).any(|some| some == words);
    assert!(says(b"upload-offset: 8388608\r\n") && !says(b"upload-offset: 0\r\n"));
    drop(passed);
    assert_eq!(notes(), 0);
}

/// Answers as a service that takes its time to publish a file; the file is `abc`.
fn slow_publisher() -> SocketAddr {
    const UPLOAD: &str = "/api/v1/storage/backends/1/uploads/2";
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("an address");
    std::thread::spawn(move || {
        for mut client in listener.incoming().flatten() {
            let mut request = Vec::new();
            // A body is in the packet of its head or in the next one.
            while !request.windows(4).any(|end| end == b"\r\n\r\n")
                || request.starts_with(b"PATCH") && !request.ends_with(b"abc")
            {
                let mut piece = [0; 4096];
                match client.read(&mut piece) {
                    Ok(read @ 1..) => request.extend_from_slice(&piece[..read]),
                    _ => break,
                }
            }
            let request = String::from_utf8(request).expect("UTF-8");
            let (head, body) = match request.split_once('?').map_or(request.as_str(), |(path, _)| path) {
                "GET /api/v1/storage/backends" => ("200 OK", json!([{ "id": "1", "name": "images" }])),
                path if path.starts_with("POST") => ("201 Created", json!({})),
                path if path.starts_with("PATCH") => ("202 Accepted", json!({ "id": "2" })),
                path if path.starts_with("HEAD") => (
                    "204 No Content\r\nUpload-Offset: 3\r\nUpload-Complete: ?1",
                    Value::Null,
                ),
                _ => ("200 OK", json!({ "path": "/a.iso", "size": 3 })),
            };
            let body = match body {
                Value::Null => String::new(),
                data => json!({ "data": data }).to_string(),
            };
            let length = body.len();
            let _client_may_be_gone = write!(
                client,
                "HTTP/1.1 {head}\r\nLocation: {UPLOAD}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
            );
        }
    });
    address
}

/// What is still being published, or was without an answer, is neither a copy nor a failure yet.
#[test]
fn a_copy_ends_when_its_file_is_there() {
    let lab = Lab::start();
    fs::write(lab.local.path().join("a.iso"), "abc").expect("a file can be made");
    let done = finish(&mut lab.command(slow_publisher(), &["cp", "--json", "a.iso", "images:/"]));
    assert_eq!(done.code, Some(0), "{}", done.err);
    let copied: Value = serde_json::from_str(&done.out).expect("one JSON object");
    assert_eq!(copied, json!({ "path": "/a.iso", "size": 3 }));
}
