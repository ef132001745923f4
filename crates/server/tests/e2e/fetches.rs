//! Fetches from a real web server.

mod https;

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::buckets::{Buckets, CANARY, KEY};
use crate::nginx::Nginx;
use crate::port::free_port;
use crate::service::{Service, binary, command, directory, finish, until};

const MIB: usize = 1024 * 1024;
const JOBS: &str = "/api/v1/storage/jobs";
const ONE_ADDRESS: [&str; 4] = ["--fetch-networks", "127.0.0.1", "--max-fetch-bytes", "8M"];

/// nginx over a directory, ended when it is dropped.
struct Site {
    _nginx: Nginx,
    port: u16,
    root: TempDir,
}

impl Site {
    /// Serves a file of 6 MiB, also slowly, one that is too large, and a redirect to another address.
    fn start() -> Self {
        Self::start_with(directory(), "")
    }

    /// The same from a directory, by these servers too.
    fn start_with(root: TempDir, servers: &str) -> Self {
        let port = free_port();
        let at = root.path().display().to_string();
        let content: Vec<u8> = (0..=250).cycle().take(6 * MIB).collect();
        for (name, size) in [("a.iso", 6 * MIB), ("slow.iso", 6 * MIB)] {
            std::fs::write(root.path().join(name), &content[..size]).expect("it can be written");
        }
        let large = std::fs::File::create(root.path().join("large.iso")).expect("it can be made");
        large.set_len(9 * MIB as u64).expect("it can be enlarged");
        let http = format!(
            "access_log off; {servers}
             server {{ listen 127.0.0.1:{port}; listen 127.0.0.2:{port}; root \"{at}\";
                location = /slow.iso {{ limit_rate 64k; }}
                location = /here {{ return 302 /a.iso; }}
                location = /away {{ return 302 http://127.0.0.2:{port}/a.iso; }} }}"
        );
        Self {
            _nginx: Nginx::start(root.path(), port, &http),
            port,
            root,
        }
    }

    fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    fn sha256(&self) -> String {
        let sum = finish(command("sha256sum").arg(self.root.path().join("a.iso"))).out;
        sum.split(' ').next().expect("a hash").to_owned()
    }

    /// Returns the port of a relay that cuts the first connection after a megabyte of its answer.
    fn cut_once(&self) -> u16 {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        let (port, to) = (listener.local_addr().expect("an address").port(), self.port);
        std::thread::spawn(move || {
            for (number, client) in listener.incoming().enumerate() {
                let most = if number == 0 { MIB } else { usize::MAX };
                let (client, server) = (client.expect("a client"), TcpStream::connect(("127.0.0.1", to)));
                relay(client, server.expect("nginx is there"), most);
            }
        });
        port
    }
}

/// Passes a request on, and so many bytes of its answer.
fn relay(mut client: TcpStream, mut server: TcpStream, most: usize) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        if client.read_exact(&mut byte).is_err() {
            return;
        }
        head.extend(byte);
    }
    server.write_all(&head).expect("nginx reads");
    let mut answer = server.take(u64::try_from(most).unwrap_or(u64::MAX));
    // Whichever side ends it.
    let _ = std::io::copy(&mut answer, &mut client);
}

/// A service with a bucket.
struct Bench {
    service: Service,
    buckets: Buckets,
    backend: String,
    home: TempDir,
}

impl Bench {
    fn start(options: &[&str]) -> Self {
        Self::start_by(binary(), options)
    }

    fn start_by(command: Command, options: &[&str]) -> Self {
        let (buckets, home) = (Buckets::start(&["images"]), directory());
        let mut service = Service::spawn_by(command, &home.path().join("state"), options);
        service.address = service.wait_for_address();
        let config = json!({ "endpoint": buckets.url, "bucket": "images", "access_key_id": KEY, "secret_access_key": CANARY });
        let body = json!({ "name": "bucket", "type": "s3", "config": config });
        let made = service.ask("POST", "/api/v1/storage/backends", &body.to_string());
        let id = made.json()["data"]["id"].as_str().expect("an id").to_owned();
        Self {
            backend: format!("/api/v1/storage/backends/{id}"),
            service,
            buckets,
            home,
        }
    }

    /// Begins a fetch, and returns the path of its job.
    fn begin(&self, url: &str, sha256: Option<&str>) -> String {
        let body = json!({ "url": url, "path": "/new/a.iso", "sha256": sha256 }).to_string();
        let begun = self
            .service
            .ask("POST", &format!("{}/files/fetch", self.backend), &body);
        assert_eq!(begun.status, 202, "{}", begun.body);
        let id = begun.json()["data"]["id"].as_str().expect("an id").to_owned();
        format!("{JOBS}/{id}")
    }

    fn job(&self, path: &str) -> Value {
        self.service.ask("GET", path, "").json()["data"].clone()
    }

    fn ended(&self, path: &str) -> Value {
        until("the end of the job", || {
            Some(self.job(path)).filter(|job| job["state"] != "running")
        })
    }

    fn fails(&self, url: &str, sha256: Option<&str>, says: &str) {
        let job = self.ended(&self.begin(url, sha256));
        assert_eq!(job["state"], "failed", "{job}");
        assert!(
            job["error"].as_str().is_some_and(|error| error.contains(says)),
            "{job}"
        );
        assert_eq!(self.stat().status, 404, "{url}");
    }

    fn stat(&self) -> crate::service::Answer {
        let path = format!("{}/files/stat?path=/new/a.iso", self.backend);
        self.service.ask("GET", &path, "")
    }
}

#[test]
fn files_are_fetched_whole_or_not_at_all() {
    let (site, bench) = (Site::start(), Bench::start(&ONE_ADDRESS));
    let sha256 = site.sha256();
    bench.fails(&site.url("/a.iso"), Some(&"0".repeat(64)), &sha256);
    bench.fails(&site.url("/large.iso"), None, "max_fetch_bytes");
    bench.fails(&site.url("/none.iso"), None, "The server answers 404");
    bench.fails(&site.url("/away"), None, "allow it with fetch_networks");
    let cut = format!("http://127.0.0.1:{}/a.iso", site.cut_once());
    for url in [site.url("/here"), cut] {
        let job = bench.ended(&bench.begin(&url, Some(&sha256)));
        assert_eq!(job["state"], "done", "{job}");
        assert_eq!(
            (&job["progress"]["done"], &job["progress"]["total"]),
            (&json!(6 * MIB), &json!(6 * MIB))
        );
        let file = bench.stat().json()["data"].clone();
        assert_eq!(
            (&file["size"], &file["sha256"]),
            (&json!(6 * MIB), &json!(sha256))
        );
        let (stored, sent) = (
            bench.buckets.files.path().join("images/new/a.iso"),
            site.root.path().join("a.iso"),
        );
        assert!(std::fs::read(stored).expect("it is there") == std::fs::read(sent).expect("it is there"));
        let delete = json!({ "paths": ["/new"] }).to_string();
        let deleted = bench
            .service
            .ask("POST", &format!("{}/files/delete", bench.backend), &delete);
        assert_eq!(deleted.status, 200, "{}", deleted.body);
    }
}

/// By its address at once, and by its name when that was looked up.
#[test]
fn loopback_is_refused_unless_it_is_a_setting() {
    let (site, bench) = (Site::start(), Bench::start(&[]));
    let body = json!({ "url": site.url("/a.iso"), "path": "/new/a.iso" }).to_string();
    let refused = bench
        .service
        .ask("POST", &format!("{}/files/fetch", bench.backend), &body);
    assert_eq!(refused.status, 422, "{}", refused.body);
    let error = refused.json()["errors"][0].clone();
    assert_eq!(error["pointer"], "/url");
    assert!(
        error["detail"]
            .as_str()
            .is_some_and(|d| d.contains("fetch_networks")),
        "{error}"
    );
    let by_name = format!("http://localhost:{}/a.iso", site.port);
    bench.fails(
        &by_name,
        None,
        "which this service may not connect to; allow it with fetch_networks",
    );
}

#[test]
fn a_cancelled_fetch_leaves_nothing_and_no_secret_is_written() {
    let (site, bench) = (Site::start(), Bench::start(&ONE_ADDRESS));
    let url = site
        .url(&format!("/slow.iso?key={CANARY}"))
        .replace("://", "://user:canary-word@");
    let path = bench.begin(&url, None);
    until("some bytes", || {
        bench.job(&path)["progress"]["done"]
            .as_u64()
            .filter(|done| *done > 0)
    });
    let asked = Instant::now();
    assert_eq!(bench.service.ask("DELETE", &path, "").status, 200);
    let job = bench.ended(&path);
    // All of it would take more than a minute.
    assert!(asked.elapsed() < Duration::from_secs(20));
    assert_eq!(
        (&job["state"], &job["subject"]),
        (
            &json!("cancelled"),
            &json!(format!("{} to /new/a.iso", site.url("/slow.iso")))
        )
    );
    assert_eq!(bench.stat().status, 404);
    let trail = bench
        .service
        .ask("GET", "/api/v1/storage/audit?action=file.fetch", "");
    assert!(trail.body.contains("/slow.iso to /new/a.iso"), "{}", trail.body);
    for text in [job.to_string(), trail.body, bench.service.log()] {
        assert!(!text.contains("canary"), "{text}");
    }
}

#[test]
fn a_kill_leaves_no_file_and_a_job_that_says_so() {
    let (site, mut bench) = (Site::start(), Bench::start(&ONE_ADDRESS));
    let path = bench.begin(&site.url("/slow.iso"), None);
    until("some bytes", || {
        bench.job(&path)["progress"]["done"]
            .as_u64()
            .filter(|done| *done > 0)
    });
    bench.service.kill();
    let state = bench.home.path().join("state");
    // As if its last heartbeat were a minute ago.
    let database = rusqlite::Connection::open(state.join("storage.db")).expect("the database is there");
    let aged = database.execute("UPDATE storage_jobs SET heartbeat_at = heartbeat_at - 60000", []);
    assert_eq!(aged.expect("it can be written"), 1);
    drop(database);
    bench.service = Service::start_in(&state, &ONE_ADDRESS);
    let job = bench.job(&path);
    assert_eq!(job["state"], "interrupted", "{job}");
    assert!(job["error"].is_string());
    assert_eq!(bench.stat().status, 404);
}
