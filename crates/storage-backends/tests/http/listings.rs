//! Listings that have to be asked for in another way, or whose entries have to be asked what they are.

use std::collections::HashMap;
use std::sync::Arc;

use rstest::rstest;
use storage_backends::{ScanReport, Tree as _};
use storage_domain::ByteCount;

use crate::http::answers::{LISTING, file, html};
use crate::http::{cx, plain, scan, told};
use crate::s3::fake::{Asked, Fake};

/// A server of these pages; every other name is a file of 7 bytes, or redirects to the page of that name with a slash.
pub(super) async fn serve(pages: &[(&'static str, String)]) -> Fake {
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
pub(super) async fn counted(fake: &Fake) -> (u64, u64, Option<u64>) {
    let report = scan(&plain(&fake.url())).await;
    assert_eq!((report.errors, &report.truncated), (0, &None), "{report:?}");
    (report.files, report.directories, report.bytes.map(ByteCount::get))
}

/// How many entries lead elsewhere, and the first of them.
pub(super) fn skipped(report: &ScanReport) -> (u64, Option<&str>) {
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

/// Some servers refuse the first byte of an empty file, and do not say that it is empty.
#[rstest]
#[tokio::test]
async fn a_file_whose_first_byte_is_refused_is_asked_for_whole(#[values(400, 416)] status: u16) {
    let fake = Fake::start(move |asked: &Asked| match asked.path.as_str() {
        "/" => html(
            200,
            "<h1>/</h1><ul><li><a href=SUMS>SUMS</a><li><a href=a.iso>a.iso</a></ul>",
        ),
        "/SUMS" if asked.has_range => (status, Vec::new(), String::new()),
        "/SUMS" => (200, Vec::new(), String::new()),
        _ => file(asked, 7),
    })
    .await;
    assert_eq!(counted(&fake).await, (2, 1, Some(7)));
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
