//! Files in several requests.

mod ends;
mod restarts;

use proptest::prelude::{Just, ProptestConfig, Strategy, prop_oneof, proptest};

use super::*;

const PART: (&str, &str) = ("content-type", "application/partial-upload");

impl Bench {
    pub(super) async fn begin(&self, path: &str, fields: &[(&str, &str)]) -> String {
        let fields = [&[("upload-complete", "?0")], fields].concat();
        let begun = self
            .send(Method::POST, &format!("/uploads?path={path}"), &fields, b"")
            .await;
        assert_eq!(begun.status, 201, "{}", begun.body);
        assert_eq!(
            (begun.header("upload-offset"), begun.header("upload-complete")),
            ("0", "?0")
        );
        assert_eq!(
            begun.header("upload-limit").split(", ").nth(2),
            Some("max-size=1000000")
        );
        begun
            .header("location")
            .strip_prefix(&self.backend)
            .unwrap()
            .to_owned()
    }

    pub(super) async fn append(&self, at: &str, offset: usize, complete: &str, body: &[u8]) -> Answer {
        let offset = offset.to_string();
        let fields = [PART, ("upload-offset", &offset), ("upload-complete", complete)];
        self.send(Method::PATCH, at, &fields, body).await
    }

    /// Another process takes over, with the same database and storage.
    fn restart(&mut self) {
        let fake = Arc::clone(&self.fake);
        let settings = storage_backends::Settings::new(None);
        let build = move |_, _: &_| Ok(Arc::clone(&fake) as Arc<_>);
        let registry = storage_backends::Registry::with_builder(settings, build).unwrap();
        let handle = tokio::runtime::Handle::current();
        self.api.app = crate::App::new(self.api.store.clone(), registry, Api::settings(), handle);
        self.api.access = Arc::new(crate::Access::off());
    }

    async fn offset(&self, at: &str) -> (u16, String, String) {
        let head = self.send(Method::HEAD, at, &[], b"").await;
        let field = |name| head.header(name).to_owned();
        (
            head.status.as_u16(),
            field("upload-offset"),
            field("upload-complete"),
        )
    }
}

#[actix_web::test]
async fn a_file_arrives_in_parts() {
    let bench = Bench::new(|fake| fake).await;
    let at = bench
        .begin("/new/a.iso", &[("upload-length", "10"), ("repr-digest", DIGEST)])
        .await;
    assert_eq!(
        bench.append(&at, 0, "?0", b"0123").await.header("upload-offset"),
        "4"
    );
    assert_eq!(bench.offset(&at).await, (204, "4".to_owned(), "?0".to_owned()));
    let wrong = bench.append(&at, 3, "?0", b"34").await;
    assert_eq!(shown(&wrong), (409, &json!("upload_offset")));
    assert_eq!(wrong.header("upload-offset"), "4");
    assert_eq!(bench.stat("/new/a.iso").await.status, 404, "it is not complete");
    let file = bench.append(&at, 4, "?1", b"456789").await;
    assert_eq!(
        (file.status.as_u16(), &file.data()["sha256"]),
        (201, &json!(HEX)),
        "{}",
        file.body
    );
    assert_eq!(file.header("upload-complete"), "?1");
    assert_eq!(bench.offset(&at).await, (204, "10".to_owned(), "?1".to_owned()));
    assert_eq!(
        shown(&bench.append(&at, 10, "?1", b"").await),
        (409, &json!("upload_complete"))
    );
    assert_eq!(bench.fake.unfinished_uploads(), 0);
    assert_eq!(bench.stat("/new/a.iso").await.data()["sha256"], HEX);
}

#[actix_web::test]
async fn bytes_count_as_they_arrive() {
    let bench = Bench::new(|fake| fake).await;
    let at = bench.begin("/a", &[("upload-length", "400000")]).await;
    // More than was announced: what came before counts.
    let answer = bench.append(&at, 0, "?0", &vec![7; 500_000]).await;
    assert_eq!(shown(&answer), (400, &json!("bad_request")));
    let (_, offset, _) = bench.offset(&at).await;
    let offset: usize = offset.parse().unwrap();
    assert!(offset < 400_000, "{offset}");
    let file = bench.append(&at, offset, "?1", &vec![7; 400_000 - offset]).await;
    assert_eq!(file.status, 201, "{}", file.body);
}

/// A storage that fails costs the part, not the upload.
#[actix_web::test]
async fn a_storage_that_fails_in_between() {
    let bench = Bench::new(|fake| fake).await;
    let at = bench.begin("/a", &[]).await;
    bench.append(&at, 0, "?0", b"0123").await;
    bench.fake.refuse_writes(Some(ErrorKind::Timeout));
    assert_eq!(bench.append(&at, 4, "?0", b"45").await.status, 504);
    bench.fake.refuse_writes(None);
    assert_eq!(bench.offset(&at).await.1, "4");
    assert_eq!(bench.append(&at, 4, "?1", b"456789").await.data()["sha256"], HEX);
}

#[rstest]
#[case::digest("?1", b"x123456789", 422, "digest_mismatch")]
#[case::short("?1", b"012345678", 400, "bad_request")]
#[case::long("?1", b"01234567890", 400, "bad_request")]
#[actix_web::test]
async fn parts_that_do_not_fit(
    #[case] complete: &str,
    #[case] body: &[u8],
    #[case] status: u16,
    #[case] code: &str,
) {
    let bench = Bench::new(|fake| fake).await;
    let at = bench
        .begin("/a", &[("upload-length", "10"), ("repr-digest", DIGEST)])
        .await;
    let answer = bench.append(&at, 0, complete, body).await;
    assert_eq!(shown(&answer), (status, &json!(code)), "{}", answer.body);
    assert_eq!(bench.stat("/a").await.status, 404);
}

#[rstest]
#[case(&[], 400, "bad_request")]
#[case(&[("upload-complete", "?1")], 400, "bad_request")]
#[case(&[("upload-complete", "0")], 400, "bad_request")]
#[case(&[("upload-complete", "?0"), ("upload-length", "-1")], 400, "bad_request")]
#[case(&[("upload-complete", "?0"), ("upload-length", "1000001")], 413, "payload_too_large")]
#[case(&[("upload-complete", "?0"), ("if-match", "\"x\"")], 412, "precondition_failed")]
#[actix_web::test]
async fn uploads_that_do_not_begin(#[case] fields: &[(&str, &str)], #[case] status: u16, #[case] code: &str) {
    let bench = Bench::new(|fake| fake).await;
    let answer = bench.send(Method::POST, "/uploads?path=/a", fields, b"").await;
    assert_eq!(shown(&answer), (status, &json!(code)), "{}", answer.body);
    bench.assert_clean().await;
}

#[actix_web::test]
async fn an_upload_that_is_cancelled_leaves_nothing() {
    let bench = Bench::new(|fake| fake).await;
    let at = bench.begin("/a", &[]).await;
    bench.append(&at, 0, "?0", b"0123").await;
    assert_eq!(bench.send(Method::DELETE, &at, &[], b"").await.status, 204);
    bench.assert_clean().await;
    for method in [Method::GET, Method::DELETE] {
        assert_eq!(
            shown(&bench.send(method, &at, &[], b"").await),
            (404, &json!("upload_not_found"))
        );
    }
    assert_eq!(bench.append(&at, 4, "?1", b"").await.status, 404);
    assert_eq!(bench.append("/uploads/x", 4, "?1", b"").await.status, 404);
}

/// An upload that expired is gone, and soon what was stored of it.
#[actix_web::test]
async fn an_upload_expires() {
    let bench = Bench::new(|fake| fake).await;
    let at = bench.begin("/a", &[]).await;
    bench.append(&at, 0, "?0", b"0123").await;
    bench
        .api
        .database
        .execute("UPDATE uploads SET expires_at = 0, heartbeat = 0")
        .await;
    assert_eq!(bench.append(&at, 4, "?1", b"").await.status, 404);
    let now = time::OffsetDateTime::now_utc();
    bench.api.app.sweep_uploads(now).await.unwrap();
    bench.assert_clean().await;
}

/// The condition of the beginning holds at the end.
#[actix_web::test]
async fn a_condition_is_kept() {
    let bench = Bench::new(|fake| fake).await;
    let at = bench.begin("/a", &[("if-none-match", "*")]).await;
    assert_eq!(bench.put("/a", &[], b"other").await.status, 201);
    let answer = bench.append(&at, 0, "?1", b"0123456789").await;
    assert_eq!(shown(&answer), (412, &json!("precondition_failed")));
    bench.assert_clean().await;
}

/// Another process writes it, or died a moment ago.
#[actix_web::test]
async fn what_another_process_writes_is_left_alone() {
    let bench = Bench::new(|fake| fake).await;
    let at = bench.begin("/a", &[]).await;
    bench
        .api
        .database
        .execute("UPDATE uploads SET owner = 'other'")
        .await;
    let answer = bench.append(&at, 0, "?1", b"").await;
    assert_eq!(shown(&answer), (409, &json!("operation_in_progress")));
    bench
        .api
        .database
        .execute("UPDATE uploads SET heartbeat = 0")
        .await;
    assert_eq!(bench.append(&at, 0, "?1", b"").await.status, 201);
}

/// What may happen to an upload.
#[derive(Debug, Clone)]
enum Step {
    /// A part of so many bytes, which begins so many bytes after the right place.
    Part(usize, usize),
    /// A part that the storage does not take.
    Failure,
    Look,
    Restart,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (0..200_000_usize).prop_map(|length| Step::Part(length, 0)),
        1 => (1..10_usize).prop_map(|ahead| Step::Part(100, ahead)),
        1 => Just(Step::Failure),
        1 => Just(Step::Look),
        1 => Just(Step::Restart),
    ];
    proptest::collection::vec(step, 1..8)
}

/// Whatever happens, the offset is the number of bytes that arrived, and the file is what was sent.
async fn check(steps: Vec<Step>) {
    let mut bench = Bench::new(|fake| fake).await;
    let content: Vec<u8> = (0..=250).cycle().take(1_000_000).collect();
    let at = bench.begin("/a", &[]).await;
    let mut offset = 0;
    for step in steps {
        match step {
            Step::Part(length, 0) => {
                let end = (offset + length).min(content.len());
                let answer = bench.append(&at, offset, "?0", &content[offset..end]).await;
                assert_eq!(answer.status, 204, "{}", answer.body);
                offset = end;
            }
            Step::Part(length, ahead) => {
                let answer = bench.append(&at, offset + ahead, "?0", &content[..length]).await;
                assert_eq!(answer.header("upload-offset"), offset.to_string());
                assert_eq!(answer.status, 409);
            }
            Step::Failure => {
                bench.fake.refuse_writes(Some(ErrorKind::Timeout));
                let answer = bench.append(&at, offset, "?0", &[0; 100]).await;
                assert_eq!(answer.status, 504, "{}", answer.body);
                bench.fake.refuse_writes(None);
            }
            Step::Look => {}
            Step::Restart => bench.restart(),
        }
        assert_eq!(bench.offset(&at).await.1, offset.to_string());
    }
    let file = bench.append(&at, offset, "?1", &content[offset..]).await;
    assert_eq!(file.status, 201, "{}", file.body);
    let read = bench.send(Method::GET, "/files/download?path=/a", &[], b"").await;
    assert!(read.content.as_deref() == Some(content.as_slice()));
    assert_eq!(bench.fake.unfinished_uploads(), 0);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn an_upload_is_what_was_sent(steps in steps()) {
        actix_web::rt::System::new().block_on(check(steps));
    }
}
