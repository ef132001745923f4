//! Buckets as directories and files.

use std::collections::BTreeSet;

use rstest::rstest;
use serde_json::json;
use storage_backends::{ErrorKind, FileKind, Tree as _};

use crate::s3::fake::{Asked, Fake, Told, refusal};
use crate::s3::fakes::on;
use crate::s3::s3s_fs::Server;
use crate::s3::trees::OBJECTS;
use crate::s3::{backend, with};
use crate::support::asking::told;
use crate::support::files::{all, is_not_there, list, read, read_version, says, stat};

mod bucket;

use bucket::{Bucket, Version};

/// The directories and files of a level, as they have to come.
fn expected(keys: &BTreeSet<String>, prefix: &str) -> Vec<(FileKind, String)> {
    let below = keys.iter().filter_map(|key| key.strip_prefix(prefix));
    let of = |below: &str| match below.split_once('/') {
        Some((name, _)) => (FileKind::Directory, name.to_owned()),
        None => (FileKind::File, below.to_owned()),
    };
    let entries: BTreeSet<_> = below.map(of).collect();
    let is_file_too = |name: &String| entries.contains(&(FileKind::File, name.clone()));
    let shown = entries
        .iter()
        .filter(|(kind, name)| *kind == FileKind::File || !is_file_too(name));
    shown.cloned().collect()
}

#[rstest]
#[case::tokens(Version::Two)]
#[case::markers(Version::One)]
#[case::markers_unasked(Version::OneUnasked)]
#[tokio::test]
async fn thousands_of_keys_come_in_pages(#[case] version: Version) {
    let files = (0..2000).map(|n| format!("img-{n:04}.iso"));
    let directories = (0..450).map(|n| format!("img-{n:03}/x"));
    let late = ["img/x", "img-1/x", "a-b/x", "a/x", "a", "z/y/x", "z"].map(str::to_owned);
    let keys: BTreeSet<_> = files.chain(directories).chain(late).collect();
    let fake = Bucket::new(keys.clone(), 1000, version).start().await;
    let backend = backend(on(&fake));
    let (seen, pages) = all(&backend, "/", 100, true).await;
    assert_eq!(seen, expected(&keys, ""));
    assert_eq!(pages, 25);
    let requests = fake.asked().len();
    assert!(requests <= 4 * pages, "{requests} requests of {pages} pages");
    let (seen, _) = all(&backend, "/z", 1, true).await;
    assert_eq!(seen, [(FileKind::Directory, "y".to_owned())]);
}

/// Names of which one is the beginning of others, in pages of all sizes.
#[rstest]
#[tokio::test]
async fn nothing_is_lost_or_repeated(
    #[values(Version::Two, Version::One, Version::OneUnasked)] version: Version,
    #[values(1, 2, 7)] max: usize,
) {
    const PARTS: [&str; 9] = ["a", "a-", "a-b", "a-b.c", "a!", "a.b", "a0", "b", "b c"];
    for seed in 0..6_u32 {
        let pick = |n: u32| {
            let mixed = (seed * 7919 + n).wrapping_mul(2_654_435_761) >> 7;
            let (first, rest) = (mixed % 9, mixed / 9);
            let name = |n: u32| PARTS[usize::try_from(n % 9).unwrap()];
            match rest % 3 {
                0 => format!("d/{}", name(first)),
                _ => format!("d/{}/{}", name(first), name(rest)),
            }
        };
        let keys: BTreeSet<_> = (0..12).map(pick).collect();
        let fake = Bucket::new(keys.clone(), max, version).start().await;
        let backend = backend(on(&fake));
        for limit in [1, 2, 3, 5, 100] {
            let (seen, _) = all(&backend, "/d", limit, true).await;
            assert_eq!(seen, expected(&keys, "d/"), "{keys:?} by {limit}");
        }
    }
}

/// With one key in each answer, 250 keys are as many as 250,000.
#[tokio::test]
async fn what_can_not_be_sorted_comes_in_the_order_of_keys() {
    let keys: BTreeSet<_> = (0..250)
        .map(|n| {
            if n % 50 == 0 {
                format!("k{n:03}/x")
            } else {
                format!("k{n:03}")
            }
        })
        .chain(["k001/x".to_owned(), "k001-/x".to_owned()])
        .collect();
    let fake = Bucket::new(keys.clone(), 1, Version::Two).start().await;
    let backend = backend(on(&fake));
    let (seen, pages) = all(&backend, "/", 40, false).await;
    // A page begins behind the file and before its directory.
    assert_eq!(all(&backend, "/", 2, false).await.0, seen);
    let mut sorted = seen.clone();
    sorted.sort();
    assert_eq!(sorted, expected(&keys, ""));
    assert_eq!(pages, 7);
    assert_eq!(
        seen[..3],
        [
            (FileKind::Directory, "k000".to_owned()),
            (FileKind::File, "k001".to_owned()),
            (FileKind::Directory, "k001-".to_owned()),
        ]
    );
}

/// One directory more than a page holds is not enough to call a level sorted: the files behind it may be millions.
#[tokio::test]
async fn directories_come_in_the_order_of_keys_too() {
    let directories: Vec<_> = (0..250).map(|n| format!("d{n:03}")).collect();
    let keys = directories.iter().map(|name| format!("{name}/x")).collect();
    let fake = Bucket::new(keys, 1, Version::Two).start().await;
    let (seen, _) = all(&backend(on(&fake)), "/", 40, false).await;
    let names: Vec<_> = seen.into_iter().map(|(_, name)| name).collect();
    assert_eq!(names, directories);
}

#[tokio::test]
async fn a_page_ends_where_nothing_is_shown() {
    let keys = (0..250).map(|n| format!(".nfs{n:03}")).chain(["z".to_owned()]);
    let fake = Bucket::new(keys.collect(), 1, Version::Two).start().await;
    let (seen, pages) = all(&backend(on(&fake)), "/", 40, false).await;
    assert_eq!((seen, pages), (vec![(FileKind::File, "z".to_owned())], 2));
}

#[tokio::test]
async fn names_without_a_place_are_skipped() {
    let keys = ["/x", "./x", "../x", "d/", "e/f", "lost+found/x", "ok"].map(str::to_owned);
    let fake = Bucket::new(keys.into(), 1000, Version::Two).start().await;
    let backend = backend(on(&fake));
    let page = list(&backend, "/", None, 10).await.unwrap();
    let names: Vec<_> = page.entries.iter().map(|entry| entry.name.as_str()).collect();
    assert_eq!((names, page.skipped), (vec!["d", "e", "ok"], 3));
    let empty = list(&backend, "/d", None, 10).await.unwrap();
    assert_eq!((empty.entries.len(), empty.next, empty.skipped), (0, None, 0));
    let file = &page.entries[2];
    assert_eq!(file.size.unwrap().get(), 2);
    assert_eq!(file.etag.as_deref(), Some("tag-ok"));
    assert_eq!(file.modified_at.unwrap().unix_timestamp(), 1_764_158_400);
    assert_eq!(*file, stat(&backend, "/ok").await.unwrap());
}

#[tokio::test]
async fn a_key_may_be_a_prefix_too() {
    let keys = ["a", "a/x", "a-b/x"].map(str::to_owned);
    let fake = Bucket::new(keys.into(), 1000, Version::Two).start().await;
    let backend = backend(on(&fake));
    let (seen, _) = all(&backend, "/", 1, true).await;
    let expected = [(FileKind::Directory, "a-b"), (FileKind::File, "a")];
    assert_eq!(seen, expected.map(|(kind, name)| (kind, name.to_owned())));
    assert_eq!(stat(&backend, "/a").await.unwrap().kind, FileKind::File);
    assert_eq!(stat(&backend, "/a-b").await.unwrap().kind, FileKind::Directory);
    assert_eq!(read(&backend, "/a", 0, None).await.bytes, b"a");
    assert_eq!(read(&backend, "/a/x", 1, None).await.bytes, b"/x");
    assert_eq!(
        read(&backend, "/a-b", 0, None).await.kind(),
        Some(&ErrorKind::NotAFile)
    );
    for (at, kind) in [("/a/x", ErrorKind::NotADirectory), ("/b", ErrorKind::NotFound)] {
        let error = list(&backend, at, None, 1).await.unwrap_err();
        assert_eq!(*error.kind(), kind, "{at}");
    }
}

#[rstest]
#[case::part(2, Some(3), Ok("img"))]
#[case::end(8, None, Ok("o"))]
#[case::at_the_end(9, None, Ok(""))]
#[case::nothing(3, Some(0), Ok(""))]
#[case::too_long(2, Some(9), Err(ErrorKind::Changed))]
#[case::behind_the_end(10, Some(1), Err(ErrorKind::Changed))]
#[tokio::test]
async fn parts(
    #[case] offset: u64,
    #[case] length: Option<u64>,
    #[case] expected: Result<&str, ErrorKind>,
    #[values(true, false)] has_ranges: bool,
) {
    let bucket = Bucket::new(["a-img.iso".to_owned()].into(), 1000, Version::Two);
    let fake = bucket.with_ranges(has_ranges).start().await;
    let came = read(&backend(on(&fake)), "/a-img.iso", offset, length).await;
    match expected {
        Ok(text) => assert_eq!((came.bytes.as_slice(), came.kind()), (text.as_bytes(), None)),
        Err(kind) if has_ranges || offset < 10 => assert_eq!(came.kind(), Some(&kind), "{came:?}"),
        Err(_) => assert!(came.error.is_some() && came.bytes.is_empty()),
    }
}

#[rstest]
#[tokio::test]
async fn versions(#[values(true, false)] knows_if_match: bool) {
    let bucket = Bucket::new(["ok".to_owned()].into(), 1000, Version::Two);
    let fake = bucket.with_if_match(knows_if_match).start().await;
    let backend = backend(on(&fake));
    let right = read_version(&backend, "/ok", (0, None), Some("tag-ok")).await;
    assert_eq!((right.bytes.as_slice(), right.kind()), (b"ok".as_slice(), None));
    let other = read_version(&backend, "/ok", (0, None), Some("tag-other")).await;
    assert_eq!(other.kind(), Some(&ErrorKind::Changed));
    let sent: Vec<_> = fake.asked().into_iter().map(|asked| asked.if_match).collect();
    assert!(sent.contains(&"\"tag-other\"".to_owned()), "{sent:?}");
}

#[tokio::test]
async fn a_refusal_says_what_is_missing() {
    let fake = Fake::start(|asked: &Asked| -> Told {
        match asked.method.as_str() {
            "HEAD" => (403, Vec::new(), String::new()),
            _ => refusal(403, "AccessDenied", "Access Denied", ""),
        }
    })
    .await;
    let backend = backend(on(&fake));
    let errors = [
        (list(&backend, "/", None, 1).await.unwrap_err(), "s3:ListBucket"),
        (stat(&backend, "/a").await.unwrap_err(), "s3:GetObject"),
        (read(&backend, "/a", 0, None).await.error.unwrap(), "s3:GetObject"),
    ];
    for (error, says) in errors {
        assert_eq!(*error.kind(), ErrorKind::Denied, "{error:?}");
        assert!(told(&error).contains(says), "{}", told(&error));
        assert!(!error.is_temporary());
    }
}

#[rstest]
#[case::shorter("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabcd", "abcd")]
#[case::nothing("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", "")]
#[case::chunked("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nabcd\r\n", "abcd")]
#[tokio::test]
async fn a_server_that_dies_ends_the_file_with_an_error(#[case] says_: &str, #[case] bytes: &str) {
    let endpoint = says(says_).await;
    let config = json!({
        "endpoint": endpoint, "bucket": "images", "access_key_id": "AK", "addressing": "path",
    });
    let came = read(&backend(config), "/a", 0, None).await;
    assert_eq!(came.bytes, bytes.as_bytes());
    assert!(came.error.is_some_and(|error| error.is_temporary()));
}

#[tokio::test]
async fn only_what_begins_with_the_prefix_is_there() {
    let server = Server::start().await;
    for (key, size) in OBJECTS {
        server.put(key, size);
    }
    let backend = backend(with(server.config(), &json!({ "prefix": "sub" })));
    assert!(backend.capabilities().ranges);
    let (seen, _) = all(&backend, "/", 1, true).await;
    let expected = ["sub dir", "sub+2"].map(|name| (FileKind::Directory, name.to_owned()));
    assert_eq!(seen, expected);
    let (seen, _) = all(&backend, "/sub dir", 1, true).await;
    assert_eq!(seen.len(), 2);
    assert_eq!(read(&backend, "/sub+2/z.txt", 7, None).await.bytes, [0; 10]);
    for hidden in ["/plain.iso", "/ünï", "/ünï/k.vhdx", "/su"] {
        is_not_there(&backend, hidden).await;
    }
}

#[tokio::test]
async fn what_lists_hide_is_not_there() {
    let hidden = ["lost+found/x", ".nfs01", "d/.pureboot-upload-1", ".nfs02/x"];
    let keys = hidden.into_iter().chain(["d/ok", ".snapshot"]);
    let fake = Bucket::new(keys.map(str::to_owned).collect(), 1000, Version::Two)
        .start()
        .await;
    let backend = backend(on(&fake));
    let (seen, _) = all(&backend, "/", 9, true).await;
    let shown = [(FileKind::Directory, "d"), (FileKind::File, ".snapshot")];
    assert_eq!(seen, shown.map(|(kind, name)| (kind, name.to_owned())));
    let (seen, _) = all(&backend, "/d", 9, true).await;
    assert_eq!(seen, [(FileKind::File, "ok".to_owned())]);
    for at in hidden.into_iter().chain(["lost+found", ".nfs02"]) {
        is_not_there(&backend, &format!("/{at}")).await;
    }
    assert_eq!(read(&backend, "/.snapshot", 0, None).await.bytes, b".snapshot");
}
