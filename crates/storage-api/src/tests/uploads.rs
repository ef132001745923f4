//! Writing files in one request.

mod changed;
mod forms;
mod hashes;
mod resumable;

use std::sync::Arc;
use std::time::Duration;

use actix_web::http::Method;
use actix_web::test::TestRequest;
use rstest::rstest;
use serde_json::{Value, json};
use storage_backends::testkit::FakeBackend;
use storage_backends::{ErrorKind, MountState};
use storage_domain::{BackendId, BackendKind};
use storage_persistence::AuditFilter;

use super::harness::{Answer, Api};

/// The SHA-256 of `0123456789`, as a digest field and in hexadecimal digits.
const DIGEST: &str = "sha-256=:hNiYd/DUBB77a/kaFvAkjy/Vc+avBcGflr7bn4gveII=:";
const HEX: &str = "84d89877f0d4041efb6bf91a16f0248f2fd573e6af05c19f96bedb9f882f7882";

/// An application over one backend, whose fake the test holds.
struct Bench {
    api: Api,
    fake: Arc<FakeBackend>,
    backend: String,
}

impl Bench {
    async fn new(set: impl FnOnce(FakeBackend) -> FakeBackend) -> Self {
        let files = [("/there.iso", &b"old"[..]), ("/images/a.iso", b"a")];
        let fake = FakeBackend::healthy(BackendKind::S3).with_files(files).writable();
        let fake = Arc::new(set(fake));
        let held = Arc::clone(&fake);
        let settings = crate::AppSettings {
            watch_interval: None,
            max_upload_bytes: Some(1_000_000),
            ..Api::settings()
        };
        let api = Api::set(settings, move |_| Arc::clone(&held) as Arc<_>).await;
        let backend = api.create("files", BackendKind::S3).await;
        Self { api, fake, backend }
    }

    fn id(&self) -> BackendId {
        self.backend.rsplit('/').next().unwrap().parse().unwrap()
    }

    async fn send(&self, method: Method, rest: &str, fields: &[(&str, &str)], body: &[u8]) -> Answer {
        let mut request = TestRequest::default()
            .method(method)
            .uri(&format!("{}{rest}", self.backend))
            .set_payload(body.to_vec());
        for field in fields {
            request = request.insert_header(*field);
        }
        self.api.send(request).await
    }

    async fn put(&self, path: &str, fields: &[(&str, &str)], body: &[u8]) -> Answer {
        self.send(Method::PUT, &format!("/files/content?path={path}"), fields, body)
            .await
    }

    async fn stat(&self, path: &str) -> Answer {
        self.send(Method::GET, &format!("/files/stat?path={path}"), &[], b"")
            .await
    }

    /// Asserts that no upload left anything, neither at the storage nor in the database.
    async fn assert_clean(&self) {
        assert_eq!(self.fake.unfinished_uploads(), 0);
        assert_eq!(self.api.store.count_uploads().await.unwrap(), 0);
    }
}

fn shown(answer: &Answer) -> (u16, &Value) {
    (answer.status.as_u16(), &answer.body["error"])
}

#[actix_web::test]
async fn a_file_is_created_and_replaced() {
    let bench = Bench::new(|fake| fake).await;
    let created = bench
        .put("/new/dir/a.iso", &[("content-digest", DIGEST)], b"0123456789")
        .await;
    assert_eq!(created.status, 201, "{}", created.body);
    assert_eq!(created.data()["sha256"], HEX);
    assert_eq!(created.data()["etag"], created.header("etag"));
    assert_eq!(bench.stat("/new/dir/a.iso").await.data()["sha256"], HEX);
    let list = bench.send(Method::GET, "/files?path=/new/dir", &[], b"").await;
    assert_eq!(list.data()[0]["sha256"], HEX);
    let download = "/files/download?path=/new/dir/a.iso";
    let download = bench
        .send(Method::GET, download, &[("range", "bytes=0-0")], b"")
        .await;
    assert_eq!(download.header("repr-digest"), DIGEST);

    let replaced = bench.put("/new/dir/a.iso", &[], b"").await;
    assert_eq!(
        (replaced.status.as_u16(), &replaced.data()["size"]),
        (200, &json!(0))
    );
    let stat = bench.stat("/new/dir/a.iso").await;
    assert!(stat.data()["sha256"].as_str().unwrap().starts_with("e3b0c442"));
    bench.assert_clean().await;
}

#[rstest]
#[case::exists("/there.iso", &[("if-none-match", "*")], 412, "precondition_failed")]
#[case::other_version("/there.iso", &[("if-match", "\"other\"")], 412, "precondition_failed")]
#[case::weak_version("/there.iso", &[("if-match", "W/\"x\"")], 412, "precondition_failed")]
#[case::no_version("/none.iso", &[("if-match", "\"x\"")], 412, "precondition_failed")]
#[case::wrong_digest("/a", &[("repr-digest", "sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:")], 422, "digest_mismatch")]
#[case::two_digests("/a", &[("repr-digest", DIGEST), ("content-digest", "sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:")], 400, "bad_request")]
#[case::partial("/a", &[("content-range", "bytes 0-9/20")], 400, "bad_request")]
#[case::coded("/a", &[("content-encoding", "gzip")], 415, "unsupported_media_type")]
#[case::directory("/images", &[], 409, "not_a_file")]
#[case::root("/", &[], 409, "not_a_file")]
#[case::below_a_file("/there.iso/a", &[], 409, "not_a_directory")]
#[case::hidden("/.pureboot-upload-1", &[], 400, "path_refused")]
#[case::too_long("/a", &[("content-length", "1000001")], 413, "payload_too_large")]
#[case::no_path("", &[], 422, "invalid_query")]
#[actix_web::test]
async fn refusals(
    #[case] path: &str,
    #[case] fields: &[(&str, &str)],
    #[case] status: u16,
    #[case] code: &str,
) {
    let bench = Bench::new(|fake| fake).await;
    let answer = bench.put(path, fields, b"0123456789").await;
    assert_eq!(shown(&answer), (status, &json!(code)), "{}", answer.body);
    assert_eq!(bench.stat("/there.iso").await.data()["size"], 3);
    bench.assert_clean().await;
}

/// What the storage refuses leaves nothing, whenever it does.
#[rstest]
#[case(|fake: &FakeBackend| fake.set_space(200_000), 507, "no_space")]
#[case(|fake: &FakeBackend| fake.refuse_writes(Some(ErrorKind::Denied)), 409, "storage_denied")]
#[case(|fake: &FakeBackend| fake.refuse_writes(Some(ErrorKind::ReadOnly)), 409, "read_only")]
#[case(|fake: &FakeBackend| fake.refuse_writes(Some(ErrorKind::Timeout)), 504, "storage_timeout")]
#[actix_web::test]
async fn a_storage_that_refuses(#[case] set: fn(&FakeBackend), #[case] status: u16, #[case] code: &str) {
    let bench = Bench::new(|fake| fake).await;
    set(&bench.fake);
    let answer = bench.put("/a", &[], &vec![7; 500_000]).await;
    assert_eq!(shown(&answer), (status, &json!(code)), "{}", answer.body);
    bench.fake.refuse_writes(None);
    assert_eq!(bench.stat("/a").await.status, 404);
    bench.assert_clean().await;
}

/// The remedy is that of the backend's kind.
#[rstest]
#[case(|fake: FakeBackend| fake.mountable(MountState::Mounted), "set mount_options to include rw")]
#[case(|fake: FakeBackend| fake, "set secret_access_key")]
#[actix_web::test]
async fn a_backend_that_can_only_be_read(#[case] set: fn(FakeBackend) -> FakeBackend, #[case] remedy: &str) {
    let bench = Bench::new(set).await;
    bench.fake.refuse_writes(Some(ErrorKind::ReadOnly));
    let refused = bench.put("/a", &[], b"a").await;
    assert_eq!(shown(&refused), (409, &json!("read_only")));
    let detail = refused.body["detail"].as_str().unwrap();
    assert!(detail.contains(remedy), "{detail}");
    bench.assert_clean().await;
}

#[actix_web::test]
async fn a_file_of_unknown_length_has_the_limit_too() {
    let bench = Bench::new(|fake| fake).await;
    let answer = bench.put("/a", &[], &vec![7; 1_000_001]).await;
    assert_eq!(shown(&answer), (413, &json!("payload_too_large")));
    assert_eq!(answer.header("upload-limit"), "max-size=1000000");
    bench.assert_clean().await;
}

#[actix_web::test]
async fn a_storage_without_conditions_refuses_them() {
    let bench = Bench::new(FakeBackend::unconditional).await;
    let answer = bench.put("/a", &[("if-none-match", "*")], b"a").await;
    assert_eq!(shown(&answer), (501, &json!("precondition_unsupported")));
    assert_eq!(bench.put("/a", &[], b"a").await.status, 201);
}

/// The same file once more is what its sender wanted.
#[actix_web::test]
async fn what_is_there_already_is_success() {
    let bench = Bench::new(|fake| fake).await;
    let fields = [("if-none-match", "*"), ("repr-digest", DIGEST)];
    assert_eq!(bench.put("/a", &fields, b"0123456789").await.status, 201);
    let again = bench.put("/a", &fields, b"0123456789").await;
    assert_eq!(
        (again.status.as_u16(), &again.data()["sha256"]),
        (200, &json!(HEX))
    );
    let other = bench.put("/a", &fields[..1], b"0123456789").await;
    assert_eq!(other.status, 412, "its hash was not named");
    let etag = again.header("etag").to_owned();
    assert_eq!(bench.put("/a", &[("if-match", &etag)], b"new").await.status, 200);
    assert_eq!(
        bench.put("/a", &[("if-match", &etag)], b"newer").await.status,
        412
    );
}

/// Of several that create one file, one does.
#[actix_web::test]
async fn one_of_two_that_race_wins() {
    let bench = Bench::new(|fake| fake).await;
    bench.fake.slow_writes(Duration::from_millis(20));
    let fields = [("if-none-match", "*")];
    let puts = [&b"a"[..], b"b", b"c"].map(|content| bench.put("/a", &fields, content));
    let answers = futures_util::future::join_all(puts).await;
    let mut statuses: Vec<u16> = answers.iter().map(|answer| answer.status.as_u16()).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 412, 412]);
    bench.assert_clean().await;
}

/// A process that died left a row, and bytes at the storage: both go, and nothing else does.
#[actix_web::test]
async fn what_a_dead_process_left_is_removed() {
    let bench = Bench::new(|fake| fake).await;
    let begun = bench
        .send(
            Method::POST,
            "/uploads?path=/r",
            &[("upload-complete", "?0")],
            b"",
        )
        .await;
    let at = begun.header("location").to_owned();
    let part = [
        ("content-type", "application/partial-upload"),
        ("upload-offset", "0"),
        ("upload-complete", "?0"),
    ];
    let rest = at.strip_prefix(&bench.backend).unwrap();
    assert_eq!(bench.send(Method::PATCH, rest, &part, b"0123").await.status, 204);
    let now = time::OffsetDateTime::now_utc();
    bench
        .api
        .app
        .sweep_uploads(now + Duration::from_hours(1))
        .await
        .unwrap();
    assert_eq!(bench.fake.unfinished_uploads(), 1, "it is resumable");
    let old = "UPDATE uploads SET is_resumable = false, heartbeat = 0, owner = 'dead'";
    bench.api.database.execute(old).await;
    bench.api.app.sweep_uploads(now).await.unwrap();
    bench.assert_clean().await;
}

/// Who wrote what is recorded, and so is what was refused.
#[actix_web::test]
async fn every_write_is_recorded() {
    let mut bench = Bench::new(|fake| fake).await;
    let settings = crate::AccessSettings::new(crate::Auth::Off);
    let access = crate::Access::new(
        bench.api.store.clone(),
        settings,
        tokio::runtime::Handle::current(),
    );
    bench.api.access = Arc::new(access.unwrap());
    bench.put("/a", &[], b"0123456789").await;
    bench.put("/a", &[("if-none-match", "*")], b"").await;
    bench.api.access.flush(Duration::from_secs(10)).await;
    let filter = AuditFilter {
        limit: 10,
        backend: Some(bench.id().to_string()),
        action: Some("file.write".to_owned()),
        ..AuditFilter::default()
    };
    let records = bench.api.store.audit(&filter).await.unwrap().records;
    let found: Vec<_> = records
        .iter()
        .map(|r| (r.status, r.detail.as_deref().unwrap()))
        .collect();
    let whole = format!("/a, 10 bytes, SHA-256 {HEX}");
    assert_eq!(found, [(Some(412), "/a"), (Some(201), whole.as_str())]);
}
