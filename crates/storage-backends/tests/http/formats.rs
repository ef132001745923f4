//! Listings in other forms and encodings than a server declares, and answers that are none.

use std::sync::Arc;

use rstest::rstest;
use storage_backends::Tree as _;

use crate::http::answers::{LISTING, file, html};
use crate::http::listings::counted;
use crate::http::{cx, plain, told};
use crate::s3::fake::{Asked, Fake, Told};

fn typed(content_type: &str, text: &str) -> Told {
    let headers = match content_type {
        "" => Vec::new(),
        _ => vec![("content-type", content_type.to_owned())],
    };
    (200, headers, text.to_owned())
}

#[rstest]
#[case::xml(
    "text/xml",
    "<?xml version='1.0'?><list><file mtime='2026-11-22T19:43:00Z' size='7'>a.iso</file></list>"
)]
#[case::no_type("", LISTING)]
#[case::wrong_type("text/plain", LISTING)]
#[case::json_without_a_type("", r#"[{"name":"a.iso","type":"file","size":7}]"#)]
#[case::json_with_a_byte_order_mark(
    "application/json",
    "\u{feff}[{\"name\":\"a.iso\",\"type\":\"file\",\"size\":7}]"
)]
#[case::byte_order_mark("", "\u{feff}<title>Index of /</title><a href=a.iso>a.iso</a> 2026-11-22 7")]
#[tokio::test]
async fn the_text_says_how_it_is_written(#[case] content_type: &'static str, #[case] text: &'static str) {
    let fake = Fake::start(move |asked: &Asked| match asked.path.as_str() {
        "/" => typed(content_type, text),
        _ => file(asked, 7),
    })
    .await;
    assert_eq!(counted(&fake).await, (1, 1, Some(7)));
}

/// What the server prefers to send is of no use, and a page is there too.
#[rstest]
#[case::json_of_its_own("application/json", r#"{"items":[{"title":"a.iso"}]}"#)]
#[case::binary("application/x-protobuf", "\u{1}")]
#[tokio::test]
async fn a_page_is_asked_for_as_well(#[case] content_type: &'static str, #[case] text: &'static str) {
    let fake = Fake::start(move |asked: &Asked| match asked.path.as_str() {
        "/" if asked.accept.contains("json") => typed(content_type, text),
        "/" => html(200, LISTING),
        _ => file(asked, 7),
    })
    .await;
    assert_eq!(counted(&fake).await, (1, 1, Some(7)));
}

#[rstest]
#[case::page("text/html; charset=utf-16", LISTING)]
#[case::xml(
    "application/xml",
    "<?xml version='1.0' encoding='UTF-16'?><list><file size='7'>a.iso</file></list>"
)]
#[case::json("application/json", r#"[{"name":"a.iso","type":"file","size":7}]"#)]
#[tokio::test]
async fn utf_16_is_read(
    #[case] content_type: &'static str,
    #[case] text: &'static str,
    #[values("", "\u{feff}")] mark: &'static str,
) {
    let fake = Fake::start(move |asked: &Asked| {
        if asked.path == "/" {
            let units = mark.encode_utf16().chain(text.encode_utf16());
            let body: Vec<u8> = units.flat_map(u16::to_le_bytes).collect();
            return (200, vec![("content-type", content_type.to_owned())], body);
        }
        let (status, headers, body) = file(asked, 7);
        (status, headers, body.into_bytes())
    })
    .await;
    assert_eq!(counted(&fake).await, (1, 1, Some(7)));
}

/// What comes whatever is accepted is named, and no listing is to be switched on.
#[rstest]
#[case::json("application/json", r#"{"files":[{"path":"a.iso"}]}"#, "sends JSON there")]
#[case::archive("application/zip", "PK", "application/zip")]
#[case::text("text/plain; charset=utf-8", "a.iso", "text/plain there")]
#[case::nothing("", "a.iso", "without a Content-Type")]
#[tokio::test]
async fn what_is_no_listing_is_named(
    #[case] content_type: &'static str,
    #[case] text: &'static str,
    #[case] says: &str,
) {
    let fake = Fake::start(move |asked: &Asked| match asked.path.as_str() {
        "/" => typed(content_type, text),
        _ => html(404, ""),
    })
    .await;
    let error = plain(&fake.url()).scan(&cx(), Arc::default()).await.unwrap_err();
    let told = told(&error);
    assert!(told.contains(says) && !told.contains("switch"), "{told}");
}

#[tokio::test]
async fn an_encoding_that_is_not_known_is_named() {
    let fake = Fake::start(|_: &Asked| {
        let headers = [("content-type", "text/html"), ("content-encoding", "zstd")];
        (
            200,
            headers.map(|(name, value)| (name, value.to_owned())).into(),
            "x".to_owned(),
        )
    })
    .await;
    let error = plain(&fake.url()).scan(&cx(), Arc::default()).await.unwrap_err();
    assert!(
        told(&error).contains("compresses its answer with zstd"),
        "{}",
        told(&error)
    );
}
