//! Servers that misbehave: each is told from the others, and none holds a probe or a scan up.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rstest::rstest;
use serde_json::json;
use storage_backends::http::{HttpBackend, Limits};
use storage_backends::{Backend as _, OpContext, Tree};
use storage_domain::Outcome;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::http::{CANARY, backend, check, cx, failure, probe, told, with_basic};

/// How a fake answers.
#[derive(Debug, Clone)]
enum Knob {
    /// Sends this and hangs up.
    Says(String),
    /// Sends this and then nothing, with the connection open.
    Stalls(String),
    /// Sends this, and then this again and again.
    Repeats(String, String),
    /// Sends this, and then a byte now and then.
    Drips(String),
    /// Answers for a directory and the file in it, and sends nothing of the file.
    HoldsFilesBack,
}

struct Fake {
    port: u16,
    heads: Arc<Mutex<Vec<String>>>,
}

impl Fake {
    async fn start(knob: Knob) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let heads = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&heads);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, knob.clone(), Arc::clone(&seen)));
            }
        });
        Self { port, heads }
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    fn heads(&self) -> Vec<String> {
        self.heads.lock().unwrap().clone()
    }
}

async fn serve(mut stream: TcpStream, knob: Knob, heads: Arc<Mutex<Vec<String>>>) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => return,
        }
    }
    heads
        .lock()
        .unwrap()
        .push(String::from_utf8_lossy(&head).into_owned());
    let asked = String::from_utf8_lossy(&head).into_owned();
    let first = match &knob {
        Knob::Says(text) | Knob::Stalls(text) | Knob::Repeats(text, _) | Knob::Drips(text) => text.clone(),
        Knob::HoldsFilesBack => held_back(&asked).to_owned(),
    };
    let mut alive = stream.write_all(first.as_bytes()).await.is_ok();
    while alive {
        alive = match &knob {
            Knob::Says(_) => return,
            Knob::HoldsFilesBack if !asked.starts_with("GET /a.iso") => return,
            // The other side hangs up first.
            Knob::Stalls(_) | Knob::HoldsFilesBack => stream.read_u8().await.is_ok(),
            Knob::Repeats(_, text) => stream.write_all(text.as_bytes()).await.is_ok(),
            Knob::Drips(_) => {
                tokio::time::sleep(Duration::from_millis(20)).await;
                stream.write_all(b"x").await.is_ok()
            }
        };
    }
}

/// The beginning of what [`Knob::HoldsFilesBack`] answers.
fn held_back(asked: &str) -> &'static str {
    match asked.split(' ').take(2).collect::<Vec<_>>().as_slice() {
        ["HEAD", "/"] => "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\n\r\n",
        ["HEAD", _] => "HTTP/1.1 200 OK\r\nContent-Length: 900\r\nConnection: close\r\n\r\n",
        ["GET", "/"] => {
            "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\n\r\n<title>Index of /</title><a href=a.iso>a.iso</a>"
        }
        _ => "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 0-0/900\r\nContent-Length: 1\r\n\r\n",
    }
}

/// Bounds that a test can wait for.
fn short() -> Limits {
    Limits {
        header: Duration::from_millis(400),
        pause: Duration::from_millis(400),
        page: Duration::from_millis(800),
        ..Limits::default()
    }
}

fn to(url: &str) -> HttpBackend {
    backend(with_basic(url, CANARY), short())
}

#[rstest]
#[case::silent(Knob::Stalls(String::new()), "sent no answer within 0.4 s")]
#[case::half_a_header(Knob::Stalls("HTTP/1.1 200 OK\r\nX: ".to_owned()), "sent no answer within 0.4 s")]
#[case::slow_header(Knob::Drips("HTTP/1.1 200 OK\r\nX: ".to_owned()), "sent no answer within 0.4 s")]
#[case::hangs_up(Knob::Says(String::new()), "closed the connection before it had answered")]
#[case::hangs_up_early(Knob::Says("HTTP/1.1 200 OK\r\nX".to_owned()), "closed the connection before it had answered")]
#[case::ssh(Knob::Says("SSH-2.0-OpenSSH_9.2\r\n".to_owned()), "is not an HTTP server")]
#[case::endless_header(Knob::Repeats("HTTP/1.1 200 OK\r\n".to_owned(), "X-Y: zzzzzzzzzzzzzzzzzzz\r\n".repeat(40)), "header of the server's answer is too large")]
#[case::nowhere(Knob::Says("HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n".to_owned()), "does not say where to")]
#[tokio::test]
async fn is_told_apart(#[case] knob: Knob, #[case] expected: &str) {
    let fake = Fake::start(knob).await;
    let started = Instant::now();
    let report = probe(&to(&fake.url())).await;
    let (name, detail) = failure(&report);
    assert_eq!(name, "status");
    assert!(detail.contains(expected), "{detail}");
    assert!(
        started.elapsed() < Duration::from_secs(20),
        "{:?}",
        started.elapsed()
    );
}

const PAGE: &str = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<title>Index of /</title>";

#[rstest]
#[case::stalls(Knob::Stalls(PAGE.to_owned()), "stopped in the middle")]
#[case::drips(Knob::Drips(PAGE.to_owned()), "stopped in the middle")]
#[case::breaks_off(Knob::Says(PAGE.replace("\r\n\r\n", "\r\nContent-Length: 900\r\n\r\n")), "broke its answer off")]
#[tokio::test]
async fn does_not_hold_a_scan_up(#[case] knob: Knob, #[case] expected: &str) {
    let fake = Fake::start(knob).await;
    let started = Instant::now();
    let error = to(&fake.url()).scan(&cx(), Arc::default()).await.unwrap_err();
    assert!(told(&error).contains(expected), "{}", told(&error));
    assert!(
        started.elapsed() < Duration::from_secs(20),
        "{:?}",
        started.elapsed()
    );
}

#[rstest]
#[case::files(
    Knob::HoldsFilesBack,
    "a.iso: the server announces the file and sends none of it. The server stopped"
)]
#[case::the_listing(Knob::Stalls(PAGE.to_owned()), "The files can't be counted. The server stopped")]
#[tokio::test]
async fn bodies_that_never_come_are_told_by_the_boot_check(#[case] knob: Knob, #[case] expected: &str) {
    let fake = Fake::start(knob).await;
    let started = Instant::now();
    let report = probe(&to(&fake.url())).await;
    assert!(report.passed(), "{report:?}");
    let boot = check(&report, "boot");
    assert!(boot.detail.contains(expected), "{}", boot.detail);
    assert!(
        started.elapsed() < Duration::from_secs(20),
        "{:?}",
        started.elapsed()
    );
}

#[tokio::test]
async fn reads_an_endless_page_to_its_bound() {
    let fake = Fake::start(Knob::Repeats(
        PAGE.to_owned(),
        "<a href=x.iso>x.iso</a> ".repeat(50),
    ))
    .await;
    let limits = Limits {
        page_bytes: 300_000,
        ..Limits::default()
    };
    let report = backend(json!({ "base_url": fake.url() }), limits)
        .scan(&cx(), Arc::default())
        .await
        .unwrap();
    assert_eq!(report.files, 1);
    assert!(report.truncated.is_some_and(|t| t.contains("300000 bytes")));
}

#[tokio::test]
async fn keeps_credentials_at_their_origin() {
    let other = Fake::start(Knob::Says(
        "HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n".to_owned(),
    ))
    .await;
    let redirect = format!(
        "HTTP/1.1 302 Found\r\nLocation: {}/\r\nContent-Length: 0\r\n\r\n",
        other.url()
    );
    let first = Fake::start(Knob::Says(redirect)).await;
    let report = probe(&to(&first.url())).await;
    let (name, detail) = failure(&report);
    assert_eq!(name, "auth");
    assert!(detail.contains("set base_url"), "{detail}");
    let sent = |heads: Vec<String>| {
        heads
            .iter()
            .any(|h| h.to_ascii_lowercase().contains("authorization:"))
    };
    assert!(sent(first.heads()));
    assert!(!other.heads().is_empty() && !sent(other.heads()));
}

#[tokio::test]
async fn ends_when_it_is_cancelled() {
    let fake = Fake::start(Knob::Stalls(String::new())).await;
    let cancel = tokio_util::sync::CancellationToken::new();
    let cx = OpContext::within(Duration::from_secs(30)).with_cancel(cancel.clone());
    let backend = backend(json!({ "base_url": fake.url() }), Limits::default());
    let scan = tokio::spawn(async move { backend.scan(&cx, Arc::default()).await });
    while fake.heads().is_empty() {
        tokio::task::yield_now().await;
    }
    cancel.cancel();
    let ended = tokio::time::timeout(Duration::from_secs(1), scan)
        .await
        .unwrap()
        .unwrap();
    assert!(ended.unwrap_err().to_string().contains("cancelled"));
}

/// `boot` is advice: a server that is slow to list its files can be used all the same.
#[tokio::test]
async fn a_slow_listing_fails_no_test() {
    let fake = Fake::start(Knob::Stalls(PAGE.to_owned())).await;
    for limits in [
        Limits {
            boot: Duration::from_millis(300),
            ..Limits::default()
        },
        Limits {
            probe: Duration::from_secs(1),
            ..Limits::default()
        },
    ] {
        let report = probe(&backend(with_basic(&fake.url(), CANARY), limits)).await;
        assert!(report.passed(), "{report:?}");
        let boot = check(&report, "boot");
        assert_eq!(boot.outcome, Outcome::Skipped);
        assert!(boot.detail.contains("the server took longer"), "{}", boot.detail);
    }
}

/// A look that nobody asked for costs the server one request.
#[tokio::test]
async fn a_light_probe_tries_no_file() {
    let fake = Fake::start(Knob::HoldsFilesBack).await;
    let report = to(&fake.url()).probe(&cx().lightly()).await.unwrap();
    assert!(report.passed(), "{report:?}");
    assert_eq!(check(&report, "boot").outcome, Outcome::Skipped);
    assert_eq!(fake.heads().len(), 1, "{:?}", fake.heads());
}
