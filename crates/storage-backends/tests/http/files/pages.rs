//! Pages of listings that say little, or too much.

use serde_json::json;
use storage_backends::http::Limits;
use storage_backends::{ErrorKind, FileKind, Position};

use super::tree;
use crate::http::servers::nginx;
use crate::http::{backend, plain};
use crate::s3::fake::{Asked, Fake, Told};
use crate::support::asking::told;
use crate::support::files::{all, is_not_there, list, read};

/// A list that breaks off must not look like one that is complete.
#[tokio::test]
async fn a_listing_that_is_too_long_is_refused() {
    let tree = tree();
    let server = nginx(tree.path(), "autoindex on;");
    let limits = Limits {
        page_entries: 4,
        ..Limits::default()
    };
    let backend = backend(json!({ "base_url": server.url() }), limits);
    let error = list(&backend, "/", None, 9).await.unwrap_err();
    assert_eq!(*error.kind(), ErrorKind::NotListable);
    assert!(told(&error).contains("more than 4 entries"), "{}", told(&error));
}

/// Names of which the listing does not say what they are: a page asks for those that it depends on.
#[tokio::test]
async fn a_page_asks_for_its_own_names() {
    const NAMES: [&str; 9] = ["a", "b", "c", "d", "e", "f", "g", "h", "i"];
    let rows = NAMES.map(|name| format!("<a href=\"{name}\">{name}</a> 26-Nov-2025 12:00 -\n"));
    let rows = rows.concat();
    let page = format!("<title>Index of /</title><h1>Index of /</h1><a href=\"../\">../</a>\n{rows}");
    let fake = Fake::start(move |asked: &Asked| -> Told {
        let html = vec![("content-type", "text/html".to_owned())];
        match asked.path.as_str() {
            "/c" => (301, vec![("location", "/c/".to_owned())], String::new()),
            "/" | "/c/" => (200, html, page.clone()),
            _ => (200, Vec::new(), "abc".to_owned()),
        }
    })
    .await;
    let backend = plain(&fake.url());
    let (seen, _) = all(&backend, "/", 3, true).await;
    let expected = NAMES.map(|name| (FileKind::File, name.to_owned()));
    let mut expected = expected.to_vec();
    expected[2].0 = FileKind::Directory;
    expected.sort();
    assert_eq!(seen, expected);
    let before = fake.asked().len();
    let last = Position::Sorted(FileKind::File, "g".to_owned());
    let page = list(&backend, "/", Some(last), 3).await.unwrap();
    assert_eq!(page.entries[0].size.unwrap().get(), 3);
    let asked: Vec<_> = fake.asked()[before..]
        .iter()
        .map(|asked| asked.path.clone())
        .collect();
    assert!(
        asked
            .iter()
            .all(|path| ["/", "/h", "/i"].contains(&path.as_str())),
        "{asked:?}"
    );
}

#[tokio::test]
async fn names_that_are_not_utf8_are_skipped() {
    let page = "<title>Index of /</title><h1>Index of /</h1><a href=\"../\">../</a>\n\
                <a href=\"%FF.iso\">\u{fffd}.iso</a> 26-Nov-2025 12:00 7\n\
                <a href=\"a.iso\">a.iso</a> 26-Nov-2025 12:00 7\n\
                <a href=\"b.iso\">b.iso</a> 26-Nov-2025 12:00 7\n";
    let fake = Fake::start(move |asked: &Asked| -> Told {
        match asked.path.as_str() {
            "/" => (
                200,
                vec![("content-type", "text/html".to_owned())],
                page.to_owned(),
            ),
            _ => (404, Vec::new(), String::new()),
        }
    })
    .await;
    let backend = plain(&fake.url());
    let page = list(&backend, "/", None, 1).await.unwrap();
    assert_eq!((page.entries[0].name.as_str(), page.skipped), ("a.iso", 1));
    let page = list(&backend, "/", page.next, 1).await.unwrap();
    assert_eq!((page.entries[0].name.as_str(), page.skipped), ("b.iso", 0));
}

/// A server on Windows takes a backslash for a slash: no path may lead out of the base, or into what lists leave out.
#[tokio::test]
async fn backslashes_lead_nowhere_else() {
    let fake = Fake::start(|_: &Asked| -> Told { (200, Vec::new(), "abc".to_owned()) }).await;
    let backend = plain(&fake.url());
    for at in [
        "/..\\x",
        "/a\\..\\..\\x",
        "/a/.\\x",
        "/lost+found\\x",
        "/a\\.nfs1",
    ] {
        is_not_there(&backend, at).await;
    }
    assert_eq!(fake.asked().len(), 0);
    assert_eq!(read(&backend, "/a\\b", 0, None).await.bytes, b"abc");
    assert!(fake.asked().iter().any(|asked| asked.target == "/a%5Cb"));
}
