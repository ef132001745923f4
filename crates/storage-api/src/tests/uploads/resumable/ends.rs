//! Uploads that can't end, or not now.

use super::*;

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
