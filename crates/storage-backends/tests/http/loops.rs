//! Directories that are met again, and those that only look like it.

use rstest::rstest;

use crate::http::answers::{file, html};
use crate::http::listings::{counted, serve, skipped};
use crate::http::{plain, scan};
use crate::s3::fake::{Asked, Fake};

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

/// A server that fills dates, sizes or a clock in at each request.
#[rstest]
#[case::of_the_directory(
    "<a href=again/>again/</a> 2026-11-22 19:{n} -\n<a href=a.iso>a.iso</a> 2026-11-22 7"
)]
#[case::of_all(
    "<a href=again/>again/</a> 2026-11-22 19:{n} -\n<a href=a.iso>a.iso</a> 19:{n} 7\n<a href=log>log</a> 19:{n} {n}K"
)]
#[case::below_the_entries("<a href=again/>again/</a> -\n<a href=a.iso>a.iso</a> 7 Made at 19:00:{n}")]
#[tokio::test]
async fn a_loop_that_looks_new_at_each_request_ends(#[case] rows: &'static str) {
    let fake = Fake::start(
        move |asked: &Asked| match asked.path.trim_start_matches("/again") {
            "/" => html(
                200,
                &format!(
                    "<h1>/</h1><pre>{}</pre>",
                    rows.replace("{n}", &(10 + asked.number).to_string())
                ),
            ),
            _ => file(asked, 7),
        },
    )
    .await;
    let report = scan(&plain(&fake.url())).await;
    let files = 1 + u64::from(rows.contains("log"));
    assert_eq!((report.files, report.directories), (files, 2), "{report:?}");
    assert_eq!(skipped(&report), (1, Some("again/")));
    assert_eq!(report.truncated, None);
}

/// Directories that are named by parts of hashes have the same names at each level, and files below.
#[tokio::test]
async fn names_that_come_back_are_not_a_loop() {
    let list = |names: [&str; 2]| {
        let rows = names.map(|name| format!("<li><a href={name}>{name}</a>"));
        format!("<h1>/</h1><ul>{}</ul>", rows.concat())
    };
    let level = || list(["0/", "1/"]);
    let mut pages = vec![("/", level()), ("/0/", level()), ("/1/", level())];
    for leaf in ["/0/0/", "/0/1/", "/1/0/", "/1/1/"] {
        pages.push((leaf, list(["a.iso", "b.iso"])));
    }
    assert_eq!(counted(&serve(&pages).await).await, (8, 7, Some(56)));
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
