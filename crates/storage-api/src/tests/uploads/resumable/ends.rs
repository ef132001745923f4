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

/// The file is there, and only the answer to its publication was lost: the next request finds it, if nobody replaced it
/// meanwhile.
#[rstest]
#[case::there(b"0123456789", 201)]
#[case::replaced_meanwhile(b"9876543210", 404)]
#[case::of_another_size(b"9", 404)]
#[actix_web::test]
async fn an_answer_that_was_lost(#[case] there: &[u8], #[case] status: u16) {
    let bench = Bench::new(|fake| fake).await;
    let at = bench.begin("/a", &[("if-none-match", "*")]).await;
    assert_eq!(bench.append(&at, 0, "?0", b"01234567").await.status, 204);
    bench.fake.lose_a_publication();
    assert_eq!(bench.append(&at, 8, "?1", b"89").await.status, 504);
    let (_, offset, is_complete) = bench.offset(&at).await;
    assert_eq!((offset.as_str(), is_complete.as_str()), ("10", "?0"));
    let asked = bench.append(&at, 10, "?1", b"").await;
    assert_eq!(asked.status, 504, "whether the file is there is not known yet");
    bench.fake.refuse_stats(None);
    if there != b"0123456789" {
        assert_eq!(bench.put("/a", &[], there).await.status, 200);
    }
    let answer = bench.append(&at, 10, "?1", b"").await;
    assert_eq!(answer.status, status, "{}", answer.body);
    if status == 201 {
        assert_eq!(
            (&answer.data()["size"], &answer.data()["sha256"]),
            (&json!(10), &json!(HEX))
        );
        assert_eq!(bench.offset(&at).await, (204, "10".to_owned(), "?1".to_owned()));
        assert_eq!(bench.stat("/a").await.data()["sha256"], HEX);
    } else {
        assert_eq!(answer.body["error"], "upload_not_found");
    }
    assert_eq!(bench.fake.unfinished_uploads(), 0);
}
