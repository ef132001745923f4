//! Listings that have to be asked for in another way, or whose entries have to be asked what they are.

use std::collections::HashMap;
use std::sync::Arc;

use rstest::rstest;
use storage_backends::{ScanReport, Tree as _};
use storage_domain::ByteCount;

use crate::http::answers::{LISTING, file, html};
use crate::http::{cx, plain, scan, told};
use crate::s3::fake::{Asked, Fake, Told};

/// A server of these pages; every other name is a file of 7 bytes, or redirects to the page of that name with a slash.
async fn serve(pages: &[(&'static str, String)]) -> Fake {
    let pages: HashMap<&str, String> = pages.iter().cloned().collect();
    Fake::start(move |asked: &Asked| {
        let with_slash = format!("{}/", asked.path);
        match pages.get(asked.path.as_str()) {
            Some(page) => html(200, page),
            None if asked.path.ends_with('/') => html(404, ""),
            None if pages.contains_key(with_slash.as_str()) => {
                (301, vec![("location", with_slash)], String::new())
            }
            None => file(asked, 7),
        }
    })
    .await
}

/// What is in a directory, as `(files, directories, bytes)`.
async fn counted(fake: &Fake) -> (u64, u64, Option<u64>) {
    let report = scan(&plain(&fake.url())).await;
    assert_eq!((report.errors, &report.truncated), (0, &None), "{report:?}");
    (report.files, report.directories, report.bytes.map(ByteCount::get))
}

/// How many entries lead elsewhere, and the first of them.
fn skipped(report: &ScanReport) -> (u64, Option<&str>) {
    (report.skipped.elsewhere, report.skipped.first.as_deref())
}

/// Entries that can't be counted are said to be left out.
#[rstest]
#[case::another_host(
    "<h1>/</h1><pre><a href=http://backend.internal/a.iso>a.iso</a> 2026-11-22 7\n<a href=http://backend.internal/b.iso>b.iso</a> 2026-11-22 7</pre>",
    0
)]
#[case::a_script(
    "<h1>/</h1><table><tr><td><a href='get.php?f=a.iso'>a.iso</a><td>7<td>2026-11-22<tr><td><a href='?dir=sub'>sub</a><td>-<td>2026-11-22</table>",
    0
)]
#[case::some(
    "<h1>/</h1><pre><a href=/x/y/z>a.iso</a> 2026-11-22 7\n<a href=c.iso>c.iso</a> 2026-11-22 7\n<a href=../../../up/b.iso>b.iso</a> 2026-11-22 7</pre>",
    1
)]
#[tokio::test]
async fn what_leads_elsewhere_is_said(#[case] root: &str, #[case] files: u64) {
    let fake = serve(&[("/", root.to_owned())]).await;
    let report = scan(&plain(&fake.url())).await;
    assert_eq!(
        (report.files, skipped(&report)),
        (files, (2, Some("a.iso"))),
        "{report:?}"
    );
}

/// The server marks no directories, so that names are asked for.
#[rstest]
#[case::bare_list(
    "<h1>/</h1><ul><li><a href=sub>sub</a><li><a href=13.1>13.1</a><li><a href=a.iso>a.iso</a></ul>"
)]
#[case::sizes_of_directories(
    "<h1>/</h1><table><tr><td><a href=sub>sub</a><td>4096<td>2026-11-22<tr><td><a href=13.1>13.1</a><td>4096<td>2026-11-22<tr><td><a href=a.iso>a.iso</a><td>7<td>2026-11-22</table>"
)]
#[case::dashes(
    "<pre><a href=../>..</a>\n<a href=sub>sub</a>  2026-11-22  -\n<a href=13.1>13.1</a> 2026-11-22 -\n<a href=a.iso>a.iso</a> 2026-11-22 7</pre>"
)]
#[tokio::test]
async fn directories_without_marks_are_found(#[case] root: &str) {
    let below = "<h1>/x/</h1><ul><li><a href=b.img>b.img</a></ul>".to_owned();
    let fake = serve(&[
        ("/", root.to_owned()),
        ("/sub/", below.clone()),
        ("/13.1/", below),
    ])
    .await;
    assert_eq!(counted(&fake).await, (3, 3, Some(21)));
}

/// A link to a directory above is that directory.
#[rstest]
#[case::itself(
    "<h1>/</h1><ul><li><a href=again/>again/</a><li><a href=a.iso>a.iso</a></ul>",
    "<h1>/</h1><ul><li><a href=again/>again/</a><li><a href=a.iso>a.iso</a></ul>"
)]
#[case::sorted_otherwise(
    "<h1>/</h1><pre><a href=again/>again/</a> 2026-11-22 -\n<a href=a.iso>a.iso</a> 2026-11-22 7</pre>",
    "<h1>/again/</h1><pre><a href=../>../</a>\n<a href=a.iso>a.iso</a> 2026-11-22 7\n<a href=again/>again/</a> 2026-11-22 -</pre>"
)]
#[tokio::test]
async fn a_loop_ends(#[case] root: &str, #[case] below: &str) {
    let fake = serve(&[("/", root.to_owned()), ("/again/", below.to_owned())]).await;
    let report = scan(&plain(&fake.url())).await;
    assert_eq!(
        (report.files, report.directories, report.errors),
        (1, 2, 0),
        "{report:?}"
    );
    assert_eq!(skipped(&report), (1, Some("again/")));
    assert!(fake.asked().len() < 6, "{:?}", fake.asked());
}

#[tokio::test]
async fn a_loop_to_a_directory_further_up_ends() {
    let page = |name: &str| {
        format!("<h1>/</h1><ul><li><a href={name}/>{name}/</a><li><a href={name}.iso>{name}.iso</a></ul>")
    };
    let pages = [("/", page("a")), ("/a/", page("up")), ("/a/up/", page("a"))];
    assert_eq!(counted(&serve(&pages).await).await, (2, 3, Some(14)));
}

/// A directory that has what the one above it has is not a loop if sizes or dates differ.
#[tokio::test]
async fn the_same_names_are_not_a_loop() {
    let page = |date: &str| {
        format!("<h1>/</h1><pre><a href=s/>s/</a> {date} -\n<a href=a.iso>a.iso</a> {date} 7</pre>")
    };
    let last = "<h1>/</h1><pre><a href=../>../</a></pre>".to_owned();
    let pages = [
        ("/", page("2026-11-22")),
        ("/s/", page("2026-11-23")),
        ("/s/s/", last),
    ];
    assert_eq!(counted(&serve(&pages).await).await, (2, 3, Some(14)));
}

/// One file is asked whether the listing's sizes are what a client reads.
#[tokio::test]
async fn sizes_that_are_wrong_are_not_believed() {
    let root =
        "<h1>/</h1><pre><a href=a.iso>a.iso</a> 2026-11-22 3\n<a href=b.iso>b.iso</a> 2026-11-22 4</pre>";
    assert_eq!(
        counted(&serve(&[("/", root.to_owned())]).await).await,
        (2, 1, Some(14))
    );
}

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

/// Names of 60 KB are no names: they take no memory, and are no entries.
#[tokio::test]
async fn endless_names_are_left_out() {
    let long = "x".repeat(60_000);
    let root = format!(
        "<h1>/</h1><pre><a href={long}>{long}</a> 2026-11-22 7\n<a href=a.iso>a.iso</a> 2026-11-22 7</pre>"
    );
    assert_eq!(counted(&serve(&[("/", root)]).await).await, (1, 1, Some(7)));
}

#[tokio::test]
async fn a_redirect_to_an_endless_path_is_refused() {
    let deep = format!("/{}", "a/".repeat(20_000));
    let fake = Fake::start(move |asked: &Asked| match asked.path.as_str() {
        "/" => (302, vec![("location", deep.clone())], String::new()),
        _ => html(200, LISTING),
    })
    .await;
    let error = plain(&fake.url()).scan(&cx(), Arc::default()).await.unwrap_err();
    assert!(told(&error).contains("redirects to"), "{}", told(&error));
}
