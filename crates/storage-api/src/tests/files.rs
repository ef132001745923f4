//! Files of backends: lists, descriptions and downloads.

use std::sync::Arc;

use actix_web::test::TestRequest;
use rstest::rstest;
use serde_json::{Value, json};
use storage_backends::testkit::FakeBackend;
use storage_domain::BackendKind;

use super::harness::{Answer, Api};

const ISO: &[u8] = b"0123456789";

async fn api() -> (Api, String) {
    let api = Api::with(|config| {
        let files = [
            ("/a & b +%41#1/ü?.iso", ISO),
            ("/images/debian.iso", ISO),
            ("/empty.txt", &b""[..]),
            ("/boot.efi", &b"MZ"[..]),
        ];
        Arc::new(FakeBackend::healthy(config.kind()).with_files(files))
    })
    .await;
    let path = api.create("files", BackendKind::S3).await;
    (api, path)
}

async fn download(api: &Api, backend: &str, fields: &[(&str, &str)]) -> Answer {
    let mut request = TestRequest::get().uri(&format!("{backend}/files/download?path=/images/debian.iso"));
    for (name, value) in fields {
        request = request.insert_header((*name, *value));
    }
    api.send(request).await
}

#[actix_web::test]
async fn directories_come_first_in_pages() {
    let (api, backend) = api().await;
    let mut cursor = String::new();
    let mut names = Vec::new();
    loop {
        let answer = api
            .call("GET", &format!("{backend}/files?limit=3{cursor}"), None)
            .await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        assert_eq!(answer.body["capabilities"]["ranges"], true);
        assert_eq!(answer.body["total"], Value::Null, "in several pages");
        let page = answer.data().as_array().unwrap().iter();
        names.extend(page.map(|file| file["path"].as_str().unwrap().to_owned()));
        match &answer.body["cursor"] {
            Value::String(next) => cursor = format!("&cursor={next}"),
            _ => break,
        }
    }
    assert_eq!(names, ["/a & b +%41#1", "/images", "/boot.efi", "/empty.txt"]);
}

/// A blank comes as `+` or as `%20`, as browsers write queries.
#[rstest]
#[case("%2Fa+%26+b+%2B%2541%231")]
#[case("/a%20%26%20b%20%2B%2541%231/")]
#[actix_web::test]
async fn what_a_query_encodes(#[case] path: &str) {
    let (api, backend) = api().await;
    let answer = api
        .call("GET", &format!("{backend}/files?path={path}"), None)
        .await;
    let expected = json!([{
        "name": "ü?.iso", "path": "/a & b +%41#1/ü?.iso", "type": "file", "size": 10,
        "mime_type": "application/vnd.efi-iso", "modified_at": "2020-01-01T00:00:00.000Z",
        "etag": answer.data()[0]["etag"], "sha256": null,
    }]);
    assert_eq!(
        (answer.data(), &answer.body["path"]),
        (&expected, &json!("/a & b +%41#1"))
    );
}

#[rstest]
#[case("/stat?path=/none", 404, "path_not_found")]
#[case("/stat?path=/a/../b", 422, "invalid_query")]
#[case("/stat?path=a", 422, "invalid_query")]
#[case("/stat", 422, "invalid_query")]
#[case("/stat?path=/%FF", 422, "invalid_query")]
#[case("/stat?path=/%EF%BF%BD", 404, "path_not_found")]
#[case("/download?path=/images", 409, "not_a_file")]
#[case("/download?path=/images/none", 404, "path_not_found")]
#[case("?path=/boot.efi", 409, "not_a_directory")]
#[case("?path=/none", 404, "path_not_found")]
#[case("?limit=0", 422, "invalid_query")]
#[case("?limit=1001", 422, "invalid_query")]
#[case("?cursor=x", 422, "invalid_query")]
#[actix_web::test]
async fn refusals(#[case] query: &str, #[case] status: u16, #[case] code: &str) {
    let (api, backend) = api().await;
    let answer = api.call("GET", &format!("{backend}/files{query}"), None).await;
    assert_eq!(
        (answer.status.as_u16(), &answer.body["error"]),
        (status, &json!(code))
    );
}

#[actix_web::test]
async fn block_storage_has_no_files() {
    let api = Api::healthy().await;
    let backend = api.create("blocks", BackendKind::Iscsi).await;
    let answer = api.call("GET", &format!("{backend}/files"), None).await;
    assert_eq!(
        (answer.status.as_u16(), &answer.body["error"]),
        (409, &json!("no_files"))
    );
    let body = json!({ "path": "/a" });
    let link = api
        .call("POST", &format!("{backend}/files/links"), Some(body))
        .await;
    assert_eq!(
        (link.status.as_u16(), &link.body["error"]),
        (409, &json!("no_files"))
    );
}

/// The last bytes of an empty file are all there is (RFC 9110, section 14.1.2).
#[actix_web::test]
async fn an_empty_file_has_no_last_bytes() {
    let (api, backend) = api().await;
    let path = format!("{backend}/files/download?path=/empty.txt");
    for (range, status) in [("bytes=-5", 200), ("bytes=0-", 416)] {
        let request = TestRequest::get().uri(&path).insert_header(("range", range));
        assert_eq!(api.send(request).await.status, status, "{range}");
    }
}

#[actix_web::test]
async fn a_file_is_sent() {
    let (api, backend) = api().await;
    let path = format!("{backend}/files/download?path=/a%20%26%20b%20%2B%2541%231/%C3%BC%3F.iso");
    let answer = api.call("GET", &path, None).await;
    assert_eq!(answer.content.as_deref(), Some(ISO));
    assert_eq!(answer.header("accept-ranges"), "bytes");
    assert_eq!(answer.header("last-modified"), "Wed, 01 Jan 2020 00:00:00 GMT");
    assert_eq!(
        answer.header("content-disposition"),
        "attachment; filename=\"_?.iso\"; filename*=UTF-8''%C3%BC%3F.iso"
    );
    let head = api.call("HEAD", &path, None).await;
    assert_eq!(
        (head.status.as_u16(), head.header("etag")),
        (200, answer.header("etag"))
    );
}

#[rstest]
#[case::first(&[("range", "bytes=0-0")], 206, "bytes 0-0/10", b"0")]
#[case::open(&[("range", "bytes=7-")], 206, "bytes 7-9/10", b"789")]
#[case::suffix(&[("range", "bytes=-2")], 206, "bytes 8-9/10", b"89")]
#[case::long_suffix(&[("range", "bytes=-20")], 206, "bytes 0-9/10", ISO)]
#[case::beyond(&[("range", "bytes=10-")], 416, "bytes */10", b"")]
#[case::several(&[("range", "bytes=0-0,2-3")], 200, "", ISO)]
#[case::unit(&[("range", "lines=0-1")], 200, "", ISO)]
#[case::malformed(&[("range", "bytes=2-1")], 200, "", ISO)]
#[case::other_tag(&[("range", "bytes=0-0"), ("if-range", "\"other\"")], 200, "", ISO)]
#[case::weak_tag(&[("range", "bytes=0-0"), ("if-range", "W/\"TAG\"")], 200, "", ISO)]
#[case::own_tag(&[("range", "bytes=0-0"), ("if-range", "\"TAG\"")], 206, "bytes 0-0/10", b"0")]
#[case::own_date_beside_a_tag(&[("range", "bytes=0-0"), ("if-range", "Wed, 01 Jan 2020 00:00:00 GMT")], 200, "", ISO)]
#[case::list_of_one(&[("range", "bytes=0-0,junk")], 200, "", ISO)]
#[case::other_date(&[("range", "bytes=0-0"), ("if-range", "Thu, 01 Jan 2026 00:00:00 GMT")], 200, "", ISO)]
#[actix_web::test]
async fn ranges(
    #[case] fields: &[(&str, &str)],
    #[case] status: u16,
    #[case] content_range: &str,
    #[case] content: &[u8],
) {
    let (api, backend) = api().await;
    let tag = download(&api, &backend, &[])
        .await
        .header("etag")
        .trim_matches('"')
        .to_owned();
    let fields: Vec<(&str, String)> = fields.iter().map(|(n, v)| (*n, v.replace("TAG", &tag))).collect();
    let fields: Vec<(&str, &str)> = fields.iter().map(|(n, v)| (*n, v.as_str())).collect();
    let answer = download(&api, &backend, &fields).await;
    assert_eq!(
        (answer.status.as_u16(), answer.header("content-range")),
        (status, content_range)
    );
    if status < 300 {
        assert_eq!(answer.content.as_deref(), Some(content));
    }
}

#[rstest]
#[case::has_it("if-none-match", "\"TAG\"", 304)]
#[case::has_it_weakly("if-none-match", "W/\"TAG\"", 304)]
#[case::has_another("if-none-match", "\"other\"", 200)]
#[case::wants_it("if-match", "\"TAG\"", 200)]
#[case::wants_it_weakly("if-match", "W/\"TAG\"", 412)]
#[case::wants_another("if-match", "\"other\"", 412)]
#[case::not_since("if-modified-since", "Wed, 01 Jan 2020 00:00:00 GMT", 304)]
#[case::not_after("if-unmodified-since", "Wed, 01 Jan 2020 00:00:00 GMT", 200)]
#[case::after("if-unmodified-since", "Tue, 31 Dec 2019 00:00:00 GMT", 412)]
#[case::no_date("if-modified-since", "yesterday", 200)]
#[actix_web::test]
async fn conditions(#[case] name: &str, #[case] value: &str, #[case] status: u16) {
    let (api, backend) = api().await;
    let tag = download(&api, &backend, &[])
        .await
        .header("etag")
        .trim_matches('"')
        .to_owned();
    let answer = download(&api, &backend, &[(name, &value.replace("TAG", &tag))]).await;
    assert_eq!(answer.status.as_u16(), status);
    assert!(answer.header("etag").contains(&tag) || status == 412);
}

/// A body that is too short must not look like one that is complete.
#[actix_web::test]
async fn a_source_that_dies_ends_the_body_short() {
    let content = vec![7; 100_000];
    let api = Api::with(move |config| {
        let files = [("/images/debian.iso", content.as_slice())];
        Arc::new(
            FakeBackend::healthy(config.kind())
                .with_files(files)
                .breaking_off(50_000),
        )
    })
    .await;
    let backend = api.create("dying", BackendKind::Http).await;
    let answer = download(&api, &backend, &[]).await;
    assert_eq!((answer.status.as_u16(), answer.content), (200, None));
}
