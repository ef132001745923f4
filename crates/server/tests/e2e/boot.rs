//! Boot files, from a bucket to a machine that boots.

mod cache;
pub(crate) mod origin;

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};

use nix::sys::signal::Signal;
use serde_json::json;

use crate::buckets::{Buckets, CANARY, KEY};
use crate::pipelining::resident_kib;
use crate::service::{PATIENCE, Service, command, directory, finish, until};

/// The address of the boot listener.
pub(crate) fn address(service: &Service) -> SocketAddr {
    until("boot files are served", || {
        let events = service.events();
        let serving = events.iter().find(|event| {
            event["message"]
                .as_str()
                .is_some_and(|text| text.starts_with("serving boot files"))
        });
        serving?["address"].as_str()?.parse().ok()
    })
}

fn connect(to: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(to).expect("it listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("it can be set");
    stream
}

fn register(service: &Service, buckets: &Buckets) {
    let body = json!({
        "name": "images", "type": "s3", "boot_path": "/boot",
        "config": { "endpoint": buckets.url, "bucket": "images", "access_key_id": KEY, "secret_access_key": CANARY },
    });
    let answer = service.ask("POST", "/api/v1/storage/backends", &body.to_string());
    assert_eq!(answer.status, 201, "{}", answer.body);
}

#[test]
fn a_machine_reads_its_files() {
    let buckets = Buckets::start(&["images"]);
    let bucket = buckets.files.path().join("images");
    let content: Vec<u8> = (0..3_000_000_u32)
        .map(|n| u8::try_from(n % 251).expect("a byte"))
        .collect();
    fs::create_dir(bucket.join("boot")).expect("a directory can be made");
    fs::write(bucket.join("boot/linux"), &content).expect("a file can be made");
    fs::write(bucket.join("secret"), "hush").expect("a file can be made");
    let home = directory();
    let more = ["--boot-listen", "127.0.0.1:0", "--boot-networks", "loopback"];
    let mut service = Service::start_in(&home.path().join("state"), &more);
    let boot = address(&service);
    register(&service, &buckets);

    let target = home.path().join("got");
    let output = target.to_str().expect("UTF-8");
    let curl = |path: &str, more: &[&str]| {
        let url = format!("http://{boot}/b/{path}");
        let fixed = [
            "--silent",
            "--show-error",
            "--fail",
            "--path-as-is",
            "--output",
            output,
            &url,
        ];
        finish(command("curl").args(fixed).args(more))
    };
    let done = curl("images/linux", &[]);
    assert_eq!(done.code, Some(0), "{}", done.err);
    assert!(fs::read(&target).expect("it is there") == content);
    fs::write(&target, &content[..1_000_000]).expect("a file can be made");
    let done = curl("images/linux", &["--continue-at", "-"]);
    assert_eq!(done.code, Some(0), "{}", done.err);
    assert!(fs::read(&target).expect("it is there") == content);
    // CURLE_HTTP_RETURNED_ERROR
    assert_eq!(curl("images/../secret", &[]).code, Some(22));

    let fetch = until("the fetch is logged", || {
        let events = service.events();
        events.into_iter().find(|event| event["message"] == "boot file")
    });
    let known = ["client", "path", "status", "bytes"].map(|field| fetch[field].clone());
    let wanted = [
        json!("127.0.0.1"),
        json!("\"/boot/linux\""),
        json!(200),
        json!(3_000_000),
    ];
    assert_eq!(known, wanted, "{fetch}");

    let mut idle = connect(boot);
    idle.write_all(b"HEAD /b/images/linux HTTP/1.1\r\nHost: boot\r\n\r\n")
        .expect("it can be sent");
    let mut head = [0; 17];
    idle.read_exact(&mut head).expect("an answer");
    assert_eq!(&head, b"HTTP/1.1 200 OK\r\n");
    service.signal(Signal::SIGTERM);
    idle.read_to_end(&mut Vec::new()).expect("a clean end");
    assert_eq!(service.wait().code(), Some(0), "{}", service.log());
}

/// What a broken connection left out is asked for by the tag of what came, as EDK2 does.
#[test]
fn firmware_resumes_a_file_unless_it_changed() {
    const CAME: usize = 1_000_000;
    let buckets = Buckets::start(&["images"]);
    let file = buckets.files.path().join("images/boot/linux");
    let content: Vec<u8> = (0..4_000_000_u32).map(|n| n.to_le_bytes()[1]).collect();
    fs::create_dir(file.parent().expect("a directory")).expect("it can be made");
    fs::write(&file, &content).expect("a file can be made");
    let home = directory();
    let more = ["--boot-listen", "127.0.0.1:0", "--boot-networks", "loopback"];
    let service = Service::start_in(&home.path().join("state"), &more);
    let boot = address(&service);
    register(&service, &buckets);

    let ask = |fields: &str| {
        let mut stream = connect(boot);
        let request = format!("GET /b/images/linux HTTP/1.1\r\nHost: boot\r\n{fields}\r\n");
        stream.write_all(request.as_bytes()).expect("it can be sent");
        let mut stream = BufReader::new(stream);
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            assert_ne!(stream.read_line(&mut head).expect("an answer"), 0, "{head}");
        }
        (head, stream)
    };
    let (head, mut stream) = ask("");
    let mut got = vec![0; CAME];
    stream.read_exact(&mut got).expect("a part of the file");
    drop(stream);
    let line = |name| head.lines().find_map(|line: &str| line.strip_prefix(name));
    let tag = line("ETag: ").expect("a tag");
    assert!(tag.starts_with('"'), "{tag}");
    assert_eq!(line("Content-Length: "), Some("4000000"));

    let rest = format!("If-Match: {tag}\r\nRange: bytes={CAME}-3999999\r\nConnection: close\r\n");
    let resume = || {
        let (head, mut stream) = ask(&rest);
        let mut all = got.clone();
        stream.read_to_end(&mut all).expect("a clean end");
        (head, all)
    };
    let (head, all) = resume();
    assert!(head.starts_with("HTTP/1.1 206 "), "{head}");
    assert!(
        head.contains("\r\nContent-Range: bytes 1000000-3999999/4000000\r\n"),
        "{head}"
    );
    assert!(all == content);

    fs::write(&file, vec![b'x'; content.len()]).expect("a file can be made");
    until("the other version is refused", || {
        let (head, all) = resume();
        // Never a piece of one version behind a piece of another.
        let is_old = head.starts_with("HTTP/1.1 206 ");
        assert!(
            is_old && all == content || head.starts_with("HTTP/1.1 412 "),
            "{head}"
        );
        (!is_old).then_some(())
    });
}

/// Silent clients are told, or left, and cost little until then.
#[test]
fn silent_clients_are_let_go() {
    const PEERS: usize = 300;
    let home = directory();
    let more = ["--boot-listen", "127.0.0.1:0", "--boot-networks", "loopback"];
    let service = Service::start_in(&home.path().join("state"), &more);
    let boot = address(&service);
    let idle = resident_kib(&service);
    let peers: Vec<_> = (0..PEERS)
        .map(|peer| {
            let mut stream = connect(boot);
            let sent: &[u8] = if peer % 2 == 0 {
                b""
            } else {
                b"GET /b/images/linux HTTP/1.1\r\nX: "
            };
            stream.write_all(sent).expect("it can be sent");
            stream
        })
        .collect();
    let cost = resident_kib(&service).saturating_sub(idle);
    assert!(cost < 20 * PEERS as u64, "{cost} KiB");
    for (peer, mut stream) in peers.into_iter().enumerate() {
        let mut text = String::new();
        stream.read_to_string(&mut text).expect("a clean end");
        let begin = if peer % 2 == 0 {
            ""
        } else {
            "HTTP/1.1 408 Request Timeout\r\n"
        };
        assert!(
            text.starts_with(begin) && text.is_empty() == begin.is_empty(),
            "{text}"
        );
    }
}

#[test]
fn nobody_is_served_by_default() {
    let home = directory();
    let service = Service::start_in(&home.path().join("state"), &["--boot-listen", "127.0.0.1:0"]);
    let mut stream = connect(address(&service));
    stream
        .write_all(b"GET /b/images/linux HTTP/1.0\r\n\r\n")
        .expect("it can be sent");
    let mut text = String::new();
    stream.read_to_string(&mut text).expect("an answer");
    assert!(text.starts_with("HTTP/1.1 403 Forbidden\r\n"), "{text}");
    assert!(
        service.log().contains("boot_listen serves signed links only"),
        "{}",
        service.log()
    );
}
