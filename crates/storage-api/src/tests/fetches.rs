//! Files that the service fetches from a URL.

mod source;

use std::sync::Arc;
use std::time::Duration;

use rstest::rstest;
use serde_json::{Value, json};
use storage_backends::testkit::FakeBackend;
use storage_backends::{Egress, ErrorKind};
use storage_domain::BackendKind;
use storage_persistence::AuditFilter;
use tokio::runtime::Handle;

use self::source::{CANARY, CONTENT, SHA256, Source};
use super::concurrency::until;
use super::harness::{Answer, Api};
use crate::{Access, AccessSettings, AppSettings, Auth};

/// An application that may fetch from one address of the loopback, a backend, and a web server.
struct Bench {
    api: Api,
    fake: Arc<FakeBackend>,
    backend: String,
    source: Source,
}

impl Bench {
    async fn new() -> Self {
        let files = [("/old.iso", &b"old"[..]), ("/dir/x", b"x")];
        let fake = FakeBackend::healthy(BackendKind::S3).with_files(files).writable();
        let fake = Arc::new(fake);
        let settings = AppSettings {
            watch_interval: None,
            fetch_egress: Egress::public(["127.0.0.1".parse().unwrap()], []),
            max_fetch_bytes: Some(1_000_000),
            ..Api::settings()
        };
        let built = Arc::clone(&fake);
        let api = Api::set(settings, move |_| Arc::clone(&built) as Arc<_>).await;
        let backend = api.create("files", BackendKind::S3).await;
        let source = Source::start().await;
        Self {
            api,
            fake,
            backend,
            source,
        }
    }

    async fn post(&self, body: Value) -> Answer {
        let path = format!("{}/files/fetch", self.backend);
        self.api.call("POST", &path, Some(body)).await
    }

    /// Begins a fetch of `from` to `/new/a.iso`, and returns the path of the job.
    async fn begin(&self, from: &str, sha256: Value) -> String {
        let url = format!("{}{from}", self.source.url());
        let begun = self
            .post(json!({ "url": url, "path": "/new/a.iso", "sha256": sha256 }))
            .await;
        assert_eq!(begun.status, 202, "{}", begun.body);
        assert_eq!(
            (&begun.data()["kind"], &begun.data()["progress"]["unit"]),
            (&json!("fetch"), &json!("bytes"))
        );
        begun.header("location").to_owned()
    }

    async fn get(&self, path: &str) -> Value {
        self.api.call("GET", path, None).await.data().clone()
    }

    /// Returns the job of a fetch that has ended.
    async fn fetch(&self, from: &str, sha256: Value) -> Value {
        self.ended(&self.begin(from, sha256).await).await
    }

    async fn ended(&self, job: &str) -> Value {
        until("the end of the job", async || {
            self.get(job).await["state"] != "running"
        })
        .await;
        self.get(job).await
    }

    async fn stat(&self) -> Answer {
        let path = format!("{}/files/stat?path=/new/a.iso", self.backend);
        self.api.call("GET", &path, None).await
    }

    async fn assert_there(&self, job: &Value) {
        assert_eq!(
            (&job["state"], &job["error"]),
            (&json!("done"), &Value::Null),
            "{job}"
        );
        let size = json!(CONTENT.len());
        assert_eq!(
            (&job["progress"]["done"], &job["progress"]["total"]),
            (&size, &size)
        );
        let file = self.stat().await;
        assert_eq!(
            (&file.data()["size"], &file.data()["sha256"]),
            (&size, &json!(SHA256))
        );
        self.assert_clean().await;
    }

    /// Asserts that a job failed, and left nothing.
    async fn assert_failed(&self, job: &Value, says: &str) {
        let error = job["error"].as_str().unwrap_or_default();
        assert!(job["state"] == "failed" && error.contains(says), "{job}");
        assert!(!job.to_string().contains(CANARY), "{job}");
        assert_eq!(self.stat().await.status, 404);
        self.assert_clean().await;
    }

    async fn assert_clean(&self) {
        assert_eq!(self.fake.unfinished_uploads(), 0);
        assert_eq!(self.api.store.count_uploads().await.unwrap(), 0);
    }
}

#[rstest]
#[case::plain("/file")]
#[case::redirected("/redirect")]
#[case::cut_and_resumed("/cut")]
#[case::cut_before_the_first_byte("/late")]
#[case::refused_for_a_moment("/busy")]
#[case::all_of_it_again("/whole")]
#[actix_web::test]
async fn a_file_is_fetched(#[case] from: &str, #[values(json!(SHA256), Value::Null)] sha256: Value) {
    let bench = Bench::new().await;
    let job = bench.fetch(from, sha256).await;
    bench.assert_there(&job).await;
}

#[rstest]
#[case::status("/missing", "The server answers 404 Not Found: check url")]
#[case::too_large("/large", "max_fetch_bytes")]
#[case::too_large_unannounced("/endless", "max_fetch_bytes")]
#[case::other_address(
    "/elsewhere",
    "127.0.0.2 is an address that this service may not connect to; allow it with fetch_networks"
)]
#[case::other_scheme("/file-url", "neither http nor https")]
#[case::changed("/changed", "The server replaced the file")]
#[case::no_validator("/bare", "broke its answer off")]
#[case::no_length("/unbounded", "send sha256")]
#[case::compressed("/compressed", "compresses its answer")]
#[actix_web::test]
async fn a_fetch_that_fails_leaves_nothing(#[case] from: &str, #[case] says: &str) {
    let bench = Bench::new().await;
    let job = bench.fetch(from, Value::Null).await;
    bench.assert_failed(&job, says).await;
}

#[actix_web::test]
async fn other_content_never_appears() {
    let bench = Bench::new().await;
    let job = bench.fetch("/file", json!("0".repeat(64))).await;
    bench.assert_failed(&job, SHA256).await;
    bench.fake.refuse_writes(Some(ErrorKind::NoSpace));
    let job = bench.fetch("/file", Value::Null).await;
    bench.assert_failed(&job, "The storage is full").await;
}

/// An answer without a length is taken if its hash says what it has to be.
#[actix_web::test]
async fn a_hash_stands_for_a_length() {
    let bench = Bench::new().await;
    let job = bench.fetch("/unbounded", json!(SHA256)).await;
    assert_eq!(job["state"], "done", "{job}");
    assert_eq!(bench.stat().await.data()["size"], CONTENT.len());
}

#[rstest]
#[case::here(true)]
#[case::by_the_row(false)]
#[actix_web::test]
async fn a_fetch_is_cancelled(#[case] is_here: bool) {
    let bench = Bench::new().await;
    let path = bench.begin("/stalls", Value::Null).await;
    until("some bytes", async || {
        bench.get(&path).await["progress"]["done"] != 0
    })
    .await;
    let running = bench.get(&path).await;
    assert_eq!(
        (&running["state"], &running["progress"]["total"]),
        (&json!("running"), &json!(CONTENT.len()))
    );
    let asked = tokio::time::Instant::now();
    if is_here {
        assert_eq!(bench.api.call("DELETE", &path, None).await.status, 200);
    } else {
        let id = path.rsplit('/').next().unwrap();
        bench.api.store.cancel_job(id.parse().unwrap()).await.unwrap();
    }
    let job = bench.ended(&path).await;
    assert_eq!(
        (&job["state"], &job["error"]),
        (&json!("cancelled"), &Value::Null)
    );
    // The server would have been given 30 s.
    assert!(asked.elapsed() < Duration::from_secs(20));
    assert_eq!(bench.stat().await.status, 404);
    bench.assert_clean().await;
}

#[actix_web::test]
async fn a_stop_interrupts_a_fetch() {
    let bench = Bench::new().await;
    let path = bench.begin("/stalls", Value::Null).await;
    until("some bytes", async || {
        bench.get(&path).await["progress"]["done"] != 0
    })
    .await;
    bench.api.app.shutdown(Duration::from_secs(20)).await;
    assert_eq!(bench.get(&path).await["state"], "interrupted");
    bench.assert_clean().await;
}

/// What may be secret in a URL reaches its server, and nobody else.
#[actix_web::test]
async fn secrets_of_a_url_are_shown_nowhere() {
    let mut bench = Bench::new().await;
    let (store, settings) = (bench.api.store.clone(), AccessSettings::new(Auth::Off));
    let access = Access::new(store, settings, Handle::current());
    bench.api.access = Arc::new(access.unwrap());
    let url = bench.source.url().replace("://", &format!("://user:{CANARY}@"));
    let url = format!("{url}/redirect?key={CANARY}#{CANARY}");
    let begun = bench.post(json!({ "url": url, "path": "/new/a.iso" })).await;
    assert_eq!(begun.status, 202, "{}", begun.body);
    let job = bench.ended(begun.header("location")).await;
    bench.assert_there(&job).await;
    let subject = format!("{}/redirect to /new/a.iso", bench.source.url());
    assert_eq!(job["subject"], subject);
    assert!(!job.to_string().contains(CANARY), "{job}");

    let heads = bench.source.heads();
    assert!(heads[0].starts_with(&format!("GET /redirect?key={CANARY} HTTP/1.1\r\n")));
    // user:CANARY, to the origin that it is for.
    assert!(
        heads
            .iter()
            .all(|head| head.contains("authorization: Basic dXNlcjp"))
    );
    bench.api.access.flush(Duration::from_secs(10)).await;
    let filter = AuditFilter {
        limit: 10,
        action: Some("file.fetch".to_owned()),
        ..AuditFilter::default()
    };
    let records = bench.api.store.audit(&filter).await.unwrap().records;
    let [record] = &records[..] else {
        panic!("{records:?}")
    };
    assert_eq!(
        (record.detail.as_deref(), record.status),
        (Some(subject.as_str()), Some(202))
    );
}

#[rstest]
#[case::scheme(json!({"url": "ftp://mirror.example/a", "path": "/a"}), 422, "invalid_request", &["/url"])]
#[case::loopback(json!({"url": "http://127.0.0.2/a", "path": "/a"}), 422, "invalid_request", &["/url"])]
#[case::decimal_loopback(json!({"url": "http://2130706434/a", "path": "/a"}), 422, "invalid_request", &["/url"])]
#[case::mapped_loopback(json!({"url": "http://[::ffff:127.0.0.2]/a", "path": "/a"}), 422, "invalid_request", &["/url"])]
#[case::metadata(json!({"url": "http://169.254.169.254/a", "path": "/a"}), 422, "invalid_request", &["/url"])]
#[case::all_at_once(json!({"url": 7, "path": "a", "sha256": "0", "x": 1}), 422, "invalid_request", &["/url", "/path", "/sha256", "/x"])]
#[case::nothing(json!({}), 422, "invalid_request", &["/url", "/path"])]
#[case::directory(json!({"url": "http://127.0.0.1/a", "path": "/dir"}), 409, "not_a_file", &[])]
#[actix_web::test]
async fn refusals(#[case] body: Value, #[case] status: u16, #[case] code: &str, #[case] pointers: &[&str]) {
    let bench = Bench::new().await;
    let refused = bench.post(body).await;
    refused.assert_refused(status, code, pointers);
    let jobs = bench.api.call("GET", "/api/v1/storage/jobs", None).await;
    assert_eq!(jobs.body["total"], 0);
}
