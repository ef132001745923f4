//! Backends that change while a file is written to them.

use std::sync::Mutex;

use actix_web::ResponseError as _;
use actix_web::web::Bytes;
use storage_backends::Condition;

use super::*;
use crate::error::ApiError;
use crate::service::{AuditEntry, NewFile, Permit, body};

fn to(path: &str) -> NewFile {
    NewFile {
        path: path.parse().unwrap(),
        condition: Condition::None,
        expected: None,
        length: None,
    }
}

/// A file is never said to be where nobody finds it.
#[rstest]
#[case::deleted("DELETE", None, 404)]
#[case::elsewhere("PATCH", Some(json!({"config": {"bucket": "other"}})), 409)]
#[case::renamed("PATCH", Some(json!({"name": "new"})), 201)]
#[actix_web::test]
async fn a_file_that_comes_too_late(
    #[case] method: &str,
    #[case] change: Option<Value>,
    #[case] expected: u16,
) {
    let fakes = Arc::new(Mutex::new(Vec::new()));
    let built = Arc::clone(&fakes);
    let api = Api::set(Api::settings(), move |_| {
        let fake = FakeBackend::healthy(BackendKind::S3).with_files([("/b", &b"b"[..])]);
        let fake = Arc::new(fake.writable());
        built.lock().unwrap().push(Arc::clone(&fake));
        fake
    })
    .await;
    let backend = api.create("files", BackendKind::S3).await;
    let id: BackendId = backend.rsplit('/').next().unwrap().parse().unwrap();
    let new = to("/a");
    let (app, (mut sender, body)) = (Arc::clone(&api.app), body());
    let work = actix_web::rt::spawn(async move {
        let (entry, permit) = (AuditEntry::none(), Permit::none());
        app.write_file(id, new, body, entry, permit).await
    });
    assert!(sender.wanted().await);
    assert!(sender.send(Bytes::from_static(b"0123456789")).await);
    let changed = api.call(method, &backend, change).await;
    assert_eq!(changed.status, 200, "{}", changed.body);
    sender.end(None).await;
    let status = match work.await.unwrap() {
        Ok(_) => 201,
        Err(error) => ApiError::from(error).status_code().as_u16(),
    };
    assert_eq!(status, expected);
    for fake in fakes.lock().unwrap().iter() {
        assert_eq!(fake.unfinished_uploads(), 0);
    }
}

/// A delete ends what is not finished; one whose storage does not answer does not wait for it.
#[rstest]
#[case::answers(None, Duration::ZERO, 0)]
#[case::refuses(Some(ErrorKind::Server), Duration::ZERO, 1)]
#[case::hangs(None, Duration::from_mins(1), 1)]
#[actix_web::test]
async fn a_delete_ends_uploads(
    #[case] refusal: Option<ErrorKind>,
    #[case] pace: Duration,
    #[case] left: usize,
) {
    let bench = Bench::new(|fake| fake).await;
    let at = bench.begin("/a", &[]).await;
    assert_eq!(bench.append(&at, 0, "?0", b"0123").await.status, 204);
    bench.fake.refuse_writes(refusal);
    bench.fake.slow_writes(pace);
    let deleted = bench.send(Method::DELETE, "", &[], b"").await;
    assert_eq!(deleted.status, 200, "{}", deleted.body);
    assert_eq!(bench.fake.unfinished_uploads(), left);
    assert_eq!(bench.api.store.count_uploads().await.unwrap(), 0);
}

#[actix_web::test]
async fn a_delete_ends_what_is_under_way() {
    let bench = Bench::new(|fake| fake).await;
    let (id, new) = (bench.id(), to("/a"));
    let (app, (mut sender, body)) = (Arc::clone(&bench.api.app), body());
    let work = actix_web::rt::spawn(async move {
        let (entry, permit) = (AuditEntry::none(), Permit::none());
        app.write_file(id, new, body, entry, permit).await
    });
    assert!(sender.wanted().await);
    assert!(sender.send(Bytes::from(vec![7; 300_000])).await);
    // The fake stores something before it is recorded.
    while bench.api.store.count_uploads().await.unwrap() == 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert_eq!(bench.send(Method::DELETE, "", &[], b"").await.status, 200);
    assert_eq!(bench.fake.unfinished_uploads(), 0);
    let error = ApiError::from(work.await.unwrap().unwrap_err());
    assert_eq!(error.status_code(), 409);
}
