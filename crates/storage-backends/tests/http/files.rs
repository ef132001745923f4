//! Directories of web servers as directories and files.

use std::fs::{self, File};
use std::path::Path;
use std::time::{Duration, SystemTime};

use rstest::rstest;
use storage_backends::{ErrorKind, FileKind, Tree as _};
use tempfile::TempDir;

use crate::http::plain;
use crate::http::servers::{Server, apache, caddy, lighttpd, nginx, python};
use crate::s3::fake::{Asked, Fake, Told};
use crate::support::asking::told;
use crate::support::files::{all, is_not_there, list, read, read_version, says, stat};

mod pages;

/// More than one piece of a body.
const BYTES: usize = 300_000;
/// Names that are hard to write in URLs.
const NAMES: [&str; 6] = [
    "a b.bin",
    "100%.bin",
    "%41.bin",
    "plus+name.bin",
    "größe.bin",
    "hash#?.bin",
];
/// What no list shows, and what is below it.
const HIDDEN: [&str; 4] = [
    "/lost+found",
    "/lost+found/x",
    "/.nfs0000000000000001",
    "/d/.pureboot-upload-1",
];

fn content() -> Vec<u8> {
    (0..BYTES).map(|n| u8::try_from(n % 251).unwrap()).collect()
}

/// Writes a file that was changed long ago.
fn write(at: &Path, content: &[u8]) {
    fs::write(at, content).unwrap();
    let then = SystemTime::UNIX_EPOCH + Duration::from_secs(1_600_000_000);
    File::options()
        .write(true)
        .open(at)
        .unwrap()
        .set_modified(then)
        .unwrap();
}

fn tree() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
    }
    for name in NAMES {
        write(&dir.path().join(name), &content());
    }
    for directory in ["d", "lost+found"] {
        fs::create_dir(dir.path().join(directory)).unwrap();
    }
    write(&dir.path().join("d/empty"), b"");
    for hidden in HIDDEN {
        if !hidden.ends_with("found") {
            write(&dir.path().join(&hidden[1..]), b"hidden");
        }
    }
    dir
}

type Start = fn(&Path) -> Server;

#[rstest]
#[case::nginx(|at: &Path| nginx(at, "autoindex on;"), true, false)]
#[case::nginx_json(|at: &Path| nginx(at, "autoindex on; autoindex_format json;"), true, true)]
#[case::nginx_xml(|at: &Path| nginx(at, "autoindex on; autoindex_format xml;"), true, true)]
#[case::apache(|at: &Path| apache(at, "Options +Indexes"), true, false)]
#[case::apache_dav(|at: &Path| apache(at, "Options -Indexes\nDav On"), true, true)]
#[case::lighttpd(|at: &Path| lighttpd(at, "dir-listing.activate = \"enable\"\nmimetype.assign = (\"\" => \"application/octet-stream\")"), true, false)]
#[case::caddy(|at: &Path| caddy(at), true, true)]
#[case::python(|at: &Path| python(at), false, false)]
#[tokio::test]
async fn real_servers_are_listed_and_read(
    #[case] start: Start,
    #[case] has_ranges: bool,
    #[case] has_dates: bool,
) {
    let tree = tree();
    let server = start(tree.path());
    let backend = plain(&server.url());
    let (seen, _) = all(&backend, "/", 3, true).await;
    let mut names = NAMES.map(|name| (FileKind::File, name.to_owned())).to_vec();
    names.push((FileKind::Directory, "d".to_owned()));
    names.sort();
    assert_eq!(seen, names);
    let page = list(&backend, "/", None, 9).await.unwrap();
    let dated = page.entries.iter().filter(|entry| entry.kind == FileKind::File);
    assert!(
        dated
            .clone()
            .all(|entry| entry.modified_at.is_some() == has_dates),
        "{page:?}"
    );
    let content = content();
    for name in NAMES {
        let at = format!("/{name}");
        let found = stat(&backend, &at).await.unwrap();
        assert_eq!((found.name.as_str(), found.kind), (name, FileKind::File));
        assert_eq!(found.size.unwrap().get(), BYTES as u64);
        assert_eq!(found.modified_at.unwrap().unix_timestamp(), 1_600_000_000);
        assert!(found.etag.is_some(), "{found:?}");
        let came = read_version(&backend, &at, (0, None), found.etag.as_deref()).await;
        assert!(came.error.is_none() && came.bytes == content, "{:?}", came.error);
        let came = read(&backend, &at, 70_000, Some(200_000)).await;
        assert!(
            came.error.is_none() && came.bytes == content[70_000..270_000],
            "{:?}",
            came.error
        );
        let came = read(&backend, &at, 299_999, None).await;
        assert!(
            came.error.is_none() && came.bytes == content[299_999..],
            "{:?}",
            came.error
        );
    }
    assert_eq!(backend.capabilities().ranges, has_ranges);
    let empty = read(&backend, "/d/empty", 0, None).await;
    assert!(empty.error.is_none() && empty.bytes.is_empty(), "{empty:?}");
    assert_eq!(stat(&backend, "/d/empty").await.unwrap().size.unwrap().get(), 0);
    assert_eq!(stat(&backend, "/d").await.unwrap().kind, FileKind::Directory);
    assert_eq!(
        read(&backend, "/d", 0, None).await.kind(),
        Some(&ErrorKind::NotAFile)
    );
    assert_eq!(
        read(&backend, "/", 0, None).await.kind(),
        Some(&ErrorKind::NotAFile)
    );
    for (at, kind) in [
        ("/a b.bin", ErrorKind::NotADirectory),
        ("/none", ErrorKind::NotFound),
    ] {
        let error = list(&backend, at, None, 9).await.unwrap_err();
        assert_eq!(*error.kind(), kind, "{at}: {}", told(&error));
    }
    let (seen, _) = all(&backend, "/d", 9, true).await;
    assert_eq!(seen, [(FileKind::File, "empty".to_owned())]);
    for at in HIDDEN {
        is_not_there(&backend, at).await;
    }
}

#[rstest]
#[case::nginx(|at: &Path| nginx(at, "autoindex on;"))]
#[case::apache(|at: &Path| apache(at, "Options +Indexes"))]
#[case::python(|at: &Path| python(at))]
#[tokio::test]
async fn a_file_that_changes_is_another_version(#[case] start: Start) {
    let tree = tree();
    let server = start(tree.path());
    let backend = plain(&server.url());
    let found = stat(&backend, "/a b.bin").await.unwrap();
    write(&tree.path().join("a b.bin"), b"shorter");
    let came = read_version(&backend, "/a b.bin", (0, None), found.etag.as_deref()).await;
    assert_eq!(came.kind(), Some(&ErrorKind::Changed));
    let came = read(&backend, "/a b.bin", 3, Some(20)).await;
    assert_eq!(came.kind(), Some(&ErrorKind::Changed), "it ends early");
}

const NOW: &str = "Wed, 26 Nov 2025 12:00:00 GMT";
const LONG_AGO: &str = "Wed, 26 Nov 2025 11:59:59 GMT";

#[rstest]
#[case::strong("\"abc\"", LONG_AGO, Some("abc"))]
#[case::weak("W/\"abc\"", NOW, None)]
#[case::weak_and_old("W/\"abc\"", LONG_AGO, Some("4-6926ebbf"))]
#[case::date_alone("", LONG_AGO, Some("4-6926ebbf"))]
#[case::new("", NOW, None)]
#[tokio::test]
async fn validators(#[case] etag: &str, #[case] modified: &str, #[case] expected: Option<&str>) {
    let etag = if etag.is_empty() {
        String::new()
    } else {
        format!("ETag: {etag}\r\n")
    };
    let url = says(format!(
        "HTTP/1.1 200 OK\r\nDate: {NOW}\r\nLast-Modified: {modified}\r\n{etag}Content-Length: 4\r\n\r\nabcd"
    ))
    .await;
    let backend = plain(&url);
    let found = stat(&backend, "/a.iso").await.unwrap();
    assert_eq!(found.etag.as_deref(), expected);
    let came = read_version(&backend, "/a.iso", (1, Some(2)), expected).await;
    assert_eq!((came.bytes.as_slice(), came.kind()), (b"bc".as_slice(), None));
    let came = read_version(&backend, "/a.iso", (1, Some(2)), Some("other")).await;
    assert_eq!(came.kind(), Some(&ErrorKind::Changed));
}

#[rstest]
#[case::shorter("200 OK\r\nContent-Length: 9\r\n\r\nabcd", "abcd", ErrorKind::Server)]
#[case::shorter_part(
    "206 Partial Content\r\nContent-Range: bytes 0-8/9\r\nContent-Length: 9\r\n\r\nabcd",
    "abcd",
    ErrorKind::Server
)]
#[case::chunked(
    "200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nabcd\r\n",
    "abcd",
    ErrorKind::Server
)]
#[case::other_part(
    "206 Partial Content\r\nContent-Range: bytes 1-4/9\r\nContent-Length: 4\r\n\r\nabcd",
    "",
    ErrorKind::Server
)]
#[case::compressed(
    "200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nabcd",
    "",
    ErrorKind::Server
)]
#[case::login(
    "200 OK\r\nContent-Type: text/html\r\nContent-Length: 4\r\n\r\nabcd",
    "",
    ErrorKind::Denied
)]
#[case::denied("403 Forbidden\r\nContent-Length: 4\r\n\r\nabcd", "", ErrorKind::Denied)]
#[case::missing("404 Not Found\r\nContent-Length: 4\r\n\r\nabcd", "", ErrorKind::NotFound)]
#[tokio::test]
async fn what_does_not_come(#[case] answer: &str, #[case] bytes: &str, #[case] kind: ErrorKind) {
    let backend = plain(&says(format!("HTTP/1.1 {answer}")).await);
    let came = read(&backend, "/a.iso", 0, None).await;
    assert_eq!(
        (came.bytes.as_slice(), came.kind()),
        (bytes.as_bytes(), Some(&kind)),
        "{came:?}"
    );
}

#[rstest]
#[case(418, ErrorKind::Server, "look into the server's log")]
#[case(503, ErrorKind::Server, "try again later")]
#[case(403, ErrorKind::Denied, "allow the file to be read")]
#[tokio::test]
async fn a_refused_file_is_no_refused_listing(
    #[case] status: u16,
    #[case] kind: ErrorKind,
    #[case] advice: &str,
) {
    let answer = format!("HTTP/1.1 {status} No\r\nContent-Length: 0\r\n\r\n");
    let error = read(&plain(&says(answer).await), "/a.iso", 0, None)
        .await
        .error
        .unwrap();
    let text = told(&error);
    assert_eq!(*error.kind(), kind, "{text}");
    assert!(text.contains(advice) && !text.contains("listing"), "{text}");
}

/// An archive of which the server says that it is compressed on the way.
#[tokio::test]
async fn an_archive_comes_as_it_is() {
    let answer = "HTTP/1.1 200 OK\r\nContent-Encoding: x-gzip\r\nContent-Length: 4\r\n\r\nabcd";
    let came = read(&plain(&says(answer).await), "/a.tar.gz", 0, None).await;
    assert_eq!((came.bytes.as_slice(), came.kind()), (b"abcd".as_slice(), None));
}

#[rstest]
#[case(401, ErrorKind::Denied)]
#[case(403, ErrorKind::Denied)]
#[case(404, ErrorKind::NotFound)]
#[case(405, ErrorKind::NotListable)]
#[tokio::test]
async fn what_is_not_listed(#[case] status: u16, #[case] kind: ErrorKind) {
    let fake = Fake::start(move |_: &Asked| -> Told { (status, Vec::new(), String::new()) }).await;
    let backend = plain(&fake.url());
    for at in ["/", "/d"] {
        let error = list(&backend, at, None, 9).await.unwrap_err();
        assert_eq!(*error.kind(), kind, "{at}: {}", told(&error));
    }
}
