//! Every server that is named in the documentation: the probe passes, and the scan counts what is there.

use std::path::Path;

use rstest::rstest;
use serde_json::json;
use storage_backends::http::Limits;
use storage_backends::{ErrorKind, Tree as _};
use storage_domain::Outcome;

use crate::http::servers::{
    FILES, Server, Tree, apache, caddy, fancy_nginx, lighttpd, mini_httpd, nginx, python, webfs,
};
use crate::http::{backend, check, cx, plain, probe, scan};

const TABLE: &str =
    "Options +Indexes\nIndexIgnoreReset ON\nIndexOptions FancyIndexing HTMLTable IconsAreLinks";

#[rstest]
#[case::nginx(|t: &Tree| nginx(&t.path(), "autoindex on;"), false)]
#[case::nginx_rounded(|t: &Tree| nginx(&t.path(), "autoindex on; autoindex_exact_size off;"), false)]
#[case::nginx_json(|t: &Tree| nginx(&t.path(), "autoindex on; autoindex_format json;"), false)]
#[case::nginx_xml(|t: &Tree| nginx(&t.path(), "autoindex on; autoindex_format xml;"), false)]
#[case::nginx_fancy(|t: &Tree| fancy_nginx(&t.path(), "fancyindex on;"), false)]
#[case::nginx_fancy_exact(|t: &Tree| fancy_nginx(&t.path(), "fancyindex on; fancyindex_exact_size on;"), false)]
#[case::apache_xhtml(|t: &Tree| apache(&t.path(), "Options +Indexes\nIndexIgnoreReset ON\nIndexOptions FancyIndexing HTMLTable XHTML SuppressDescription SuppressColumnSorting"), true)]
#[case::apache_names(|t: &Tree| apache(&t.path(), "Options +Indexes\nIndexIgnoreReset ON\nIndexOptions FancyIndexing SuppressIcon SuppressLastModified SuppressSize SuppressDescription"), true)]
#[case::apache_table(|t: &Tree| apache(&t.path(), TABLE), true)]
#[case::apache_pre(|t: &Tree| apache(&t.path(), "Options +Indexes\nIndexIgnoreReset ON\nIndexOptions FancyIndexing"), true)]
#[case::apache_list(|t: &Tree| apache(&t.path(), "Options +Indexes\nIndexIgnoreReset ON"), true)]
#[case::apache_dav(|t: &Tree| apache(&t.path(), "Options -Indexes\nDav On"), true)]
#[case::lighttpd(|t: &Tree| lighttpd(&t.path(), "dir-listing.activate = \"enable\"\ndir-listing.hide-dotfiles = \"disable\""), true)]
#[case::lighttpd_dav(|t: &Tree| lighttpd(&t.path(), "webdav.activate = \"enable\"\nwebdav.is-readonly = \"enable\""), true)]
#[case::caddy(|t: &Tree| caddy(&t.path()), true)]
#[case::python(|t: &Tree| python(&t.path()), true)]
#[tokio::test]
async fn counts_what_is_there(#[case] start: fn(&Tree) -> Server, #[case] shows_hidden: bool) {
    let tree = Tree::new();
    let server = start(&tree);
    let backend = plain(&server.url());
    let report = scan(&backend).await;
    let shown = FILES
        .iter()
        .filter(|(name, _)| shows_hidden || !name.starts_with('.'));
    let bytes: u64 = shown.clone().map(|(_, size)| size).sum();
    assert_eq!(
        (report.errors, report.first_error, report.truncated),
        (0, None, None)
    );
    assert_eq!(report.files, shown.count() as u64);
    assert_eq!(report.templates, if shows_hidden { 18 } else { 17 });
    assert_eq!(report.directories, 9);
    assert_eq!(report.bytes.map(storage_domain::ByteCount::get), Some(bytes));
}

#[rstest]
#[case::nginx(|t: &Tree| nginx(&t.path(), "autoindex on;"), "Boot clients can use it")]
#[case::apache(|t: &Tree| apache(&t.path(), TABLE), "Boot clients can use it")]
#[case::lighttpd(|t: &Tree| lighttpd(&t.path(), "dir-listing.activate = \"enable\""), "Boot clients can use it")]
#[case::caddy(|t: &Tree| caddy(&t.path()), "Boot clients can use it")]
#[case::python(|t: &Tree| python(&t.path()), "byte ranges are not served")]
#[tokio::test]
async fn passes_the_probe(#[case] start: fn(&Tree) -> Server, #[case] boot: &str) {
    let tree = Tree::new();
    let server = start(&tree);
    let report = probe(&plain(&server.url())).await;
    assert!(report.passed(), "{report:#?}");
    assert_eq!(check(&report, "tls").outcome, Outcome::Skipped);
    assert!(
        check(&report, "boot").detail.contains(boot),
        "{:#?}",
        report.checks
    );
}

/// Servers that do not encode all names rightly have plain ones to list.
#[rstest]
#[case::webfs(webfs)]
#[case::mini_httpd(mini_httpd)]
#[tokio::test]
async fn counts_plain_names(#[case] start: fn(&Path) -> Server) {
    let dir = tempfile::tempdir().unwrap();
    let long = "a-name-that-is-longer-than-the-column-that-it-is-shown-in.iso";
    let files = [
        ("mini.iso", 3000),
        ("README", 6),
        (long, 70),
        ("sub/b.img", 2048),
        ("v1.0/deep/x y.raw", 1500),
    ];
    for (name, size) in files {
        let path = dir.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::File::create(&path).unwrap().set_len(size).unwrap();
    }
    let server = start(dir.path());
    let report = scan(&plain(&server.url())).await;
    assert_eq!(
        (report.files, report.directories, report.templates),
        (5, 4, 4),
        "{report:?}"
    );
    assert_eq!(report.bytes.map(storage_domain::ByteCount::get), Some(6624));
}

#[tokio::test]
async fn stays_below_the_base() {
    let tree = Tree::new();
    let server = nginx(&tree.path(), "autoindex on;");
    let report = scan(&plain(&format!("{}/sub%20dir", server.url()))).await;
    assert_eq!((report.files, report.directories, report.templates), (2, 2, 2));
}

#[rstest]
#[case::requests(Limits { requests: 3, ..Limits::default() }, "3 requests")]
#[case::depth(Limits { depth: 1, ..Limits::default() }, "1 levels")]
#[case::bytes(Limits { page_bytes: 900, ..Limits::default() }, "900 bytes")]
#[case::entries(Limits { page_entries: 4, ..Limits::default() }, "4 entries")]
#[tokio::test]
async fn names_the_bound_that_it_reached(#[case] limits: Limits, #[case] bound: &str) {
    let tree = Tree::new();
    let server = nginx(&tree.path(), "autoindex on;");
    let report = scan(&backend(json!({ "base_url": server.url() }), limits)).await;
    assert!(
        report.truncated.as_ref().is_some_and(|t| t.contains(bound)),
        "{report:?}"
    );
    assert!(report.files < 22, "{report:?}");
}

#[tokio::test]
async fn ends_in_a_circle_of_links() {
    let tree = Tree::new();
    std::os::unix::fs::symlink(".", tree.path().join("empty/loop")).unwrap();
    let server = nginx(&tree.path(), "autoindex on;");
    let report = scan(&plain(&server.url())).await;
    assert_eq!(report.files, 22);
    assert!(report.truncated.is_some_and(|t| t.contains("32 levels")));
}

#[tokio::test]
async fn says_where_there_is_no_listing() {
    let tree = Tree::new();
    std::fs::write(tree.path().join("index.html"), "<a href=/x>x</a> Welcome").unwrap();
    let server = nginx(&tree.path(), "");
    let error = plain(&server.url())
        .scan(&cx(), std::sync::Arc::default())
        .await
        .unwrap_err();
    let cause = std::error::Error::source(&error).map(ToString::to_string);
    assert_eq!(*error.kind(), ErrorKind::NotListable, "{error}");
    assert!(
        cause.is_some_and(|cause| cause.contains("autoindex")),
        "{error:?}"
    );
    std::fs::remove_file(tree.path().join("index.html")).unwrap();
    let report = probe(&plain(&server.url())).await;
    let (name, detail) = crate::http::failure(&report);
    assert_eq!(name, "status");
    assert!(detail.contains("403") && detail.contains("autoindex"), "{detail}");
}

#[tokio::test]
async fn counts_directories_that_can_not_be_read() {
    let tree = Tree::new();
    let server = nginx(&tree.path(), "autoindex on; location /empty/ { return 403; }");
    let report = scan(&plain(&server.url())).await;
    assert_eq!((report.files, report.errors), (22, 1));
    assert!(
        report
            .first_error
            .unwrap()
            .starts_with("empty/: the server answers 403")
    );
}
