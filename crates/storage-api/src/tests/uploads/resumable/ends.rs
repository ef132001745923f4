//! Uploads that can't end, or not now.

use super::*;

/// What is new is never said to have replaced something.
#[actix_web::test]
async fn a_storage_that_fails_at_the_end() {
    let bench = Bench::new(|fake| fake).await;
    let at = bench.begin("/a", &[]).await;
    bench.fake.refuse_stats(Some(ErrorKind::Timeout));
    assert_eq!(bench.append(&at, 0, "?1", b"0123456789").await.status, 504);
    bench.fake.refuse_stats(None);
    assert_eq!(bench.append(&at, 10, "?1", b"").await.status, 201);
}

/// They begin no upload that could not end.
#[rstest]
#[actix_web::test]
async fn paths_that_lists_leave_out(#[values("/.pureboot-upload-1", "/lost%2Bfound/a")] path: &str) {
    let bench = Bench::new(|fake| fake).await;
    let begin = format!("/uploads?path={path}");
    let answer = bench
        .send(Method::POST, &begin, &[("upload-complete", "?0")], b"")
        .await;
    assert_eq!(shown(&answer), (400, &json!("path_refused")), "{}", answer.body);
}
