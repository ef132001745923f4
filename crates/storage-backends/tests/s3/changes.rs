//! Directories and objects that are made, deleted and moved.

use rstest::rstest;
use serde_json::json;
use storage_backends::s3::S3Backend;
use storage_backends::{Deletion, Error, ErrorKind, Progress, Tree as _, TreeMut as _};

use crate::s3::fake::{Asked, Fake, Told};
use crate::s3::fakes::on;
use crate::s3::store::{Fault, Honours, Store};
use crate::s3::{backend, cx, with};
use crate::support::asking::told;
use crate::support::files::{list, path, stat};

async fn delete(backend: &S3Backend, at: &str, deletion: Deletion) -> (Result<(), Error>, u64) {
    let progress = Progress::default();
    let deleted = backend.delete(&cx(), &path(at), deletion, &progress).await;
    (deleted, progress.done())
}

async fn rename(backend: &S3Backend, from: &str, to: &str) -> (Result<(), Error>, u64) {
    let progress = Progress::default();
    let renamed = backend.rename(&cx(), &path(from), &path(to), &progress).await;
    (renamed, progress.done())
}

async fn make_directory(backend: &S3Backend, at: &str) -> Result<(), Error> {
    backend.make_directory(&cx(), &path(at)).await.map(|_| ())
}

#[tokio::test]
async fn a_directory_is_an_object_whose_key_ends_in_a_slash() {
    let store = Store::start().await;
    let backend = backend(store.config());
    make_directory(&backend, "/a b/ü").await.unwrap();
    assert_eq!(store.keys(), ["a b/ü/"]);
    let page = list(&backend, "/a b/ü", None, 9).await.unwrap();
    assert!(page.entries.is_empty());
    assert_eq!(delete(&backend, "/a b/ü", Deletion::Single).await.1, 1);
    assert!(store.keys().is_empty());
}

#[tokio::test]
async fn thousands_are_deleted_in_few_requests() {
    let store = Store::start().await;
    for n in 0..2500 {
        store.put(&format!("d/{n:04} <&>\"+é/x"), "1");
    }
    // None of these can stand in XML, or in a path.
    for odd in ["d/\u{1}", "d//x", "d/./y", "d/\r"] {
        store.put(odd, "1");
    }
    store.put("d", "1");
    store.put("d2/x", "1");
    let backend = backend(store.config());
    assert_eq!(delete(&backend, "/d", Deletion::Recursive).await.1, 1);
    let (deleted, count) = delete(&backend, "/d", Deletion::Recursive).await;
    deleted.unwrap();
    assert_eq!((count, store.keys()), (2504, vec!["d2/x".to_owned()]));
    assert_eq!(store.asked("POST delete"), 3);
}

#[rstest]
#[case::ignored("d/lost+found/x", "/d/lost+found/x")]
#[case::directory("d/e/lost+found/", "/d/e/lost+found/")]
#[case::temporary("d/.pureboot-upload-1", "/d/.pureboot-upload-1")]
#[tokio::test]
async fn what_lists_leave_out_stays(#[case] hidden: &str, #[case] named: &str) {
    let store = Store::start().await;
    for key in ["d/a", "d/z/b", hidden] {
        store.put(key, "1");
    }
    let backend = backend(store.config());
    let (refused, _) = rename(&backend, "/d", "/new").await;
    let error = refused.unwrap_err();
    assert_eq!((error.kind(), store.keys().len()), (&ErrorKind::Refused, 3));
    assert!(told(&error).contains(named), "{}", told(&error));
    let (deleted, count) = delete(&backend, "/d", Deletion::Recursive).await;
    let error = deleted.unwrap_err();
    assert_eq!((error.kind(), count), (&ErrorKind::NotEmpty, 2));
    assert!(told(&error).contains(named), "{}", told(&error));
    assert_eq!(store.keys(), [hidden]);
    let (deleted, _) = delete(&backend, named.trim_end_matches('/'), Deletion::Recursive).await;
    assert_eq!(*deleted.unwrap_err().kind(), ErrorKind::Refused);
    assert_eq!(store.keys(), [hidden]);
}

#[tokio::test]
async fn the_prefix_is_never_left() {
    let store = Store::start().await;
    for key in ["sub/a", "sub+", "other"] {
        store.put(key, "1");
    }
    let backend = backend(with(store.config(), &json!({ "prefix": "sub" })));
    let (deleted, _) = delete(&backend, "/other", Deletion::Single).await;
    assert_eq!(*deleted.unwrap_err().kind(), ErrorKind::NotFound);
    for to in ["/other2", "/su"] {
        let (refused, _) = rename(&backend, "/sub", to).await;
        assert_eq!(*refused.unwrap_err().kind(), ErrorKind::Refused, "{to}");
        let refused = make_directory(&backend, to).await.unwrap_err();
        assert!(told(&refused).contains("begin with sub"), "{}", told(&refused));
    }
    let upload = backend.upload(&path("/other"));
    let refused = upload.publish(&cx(), &storage_backends::Condition::None).await;
    assert_eq!(*refused.unwrap_err().kind(), ErrorKind::Refused);
    rename(&backend, "/sub", "/sub2").await.0.unwrap();
    assert_eq!(store.keys(), ["other", "sub+", "sub2/a"]);
}

#[rstest]
#[tokio::test]
async fn a_directory_moves_key_by_key(
    #[values(Honours::All, Honours::None, Honours::Refuses)] honours: Honours,
) {
    let store = Store::with(honours, |_| Fault::None).await;
    for n in 0..30 {
        store.put(&format!("d/{n:02}+é/x"), format!("{n}"));
    }
    store.put("d/", "");
    let backend = backend(store.config());
    let (renamed, count) = rename(&backend, "/d", "/e/f").await;
    renamed.unwrap();
    assert_eq!(count, 31);
    let keys = store.keys();
    assert!(
        keys.len() == 31 && keys.iter().all(|key| key.starts_with("e/f/")),
        "{keys:?}"
    );
    assert_eq!(store.bytes("e/f/07+é/x").unwrap(), "7");
    assert_eq!(
        stat(&backend, "/e/f/07+é/x").await.unwrap().size.unwrap().get(),
        1
    );
}

/// The copy was made and its answer lost: it is there when it is made again, and the object moves all the same.
#[tokio::test]
async fn a_copy_is_made_again() {
    let store = Store::with(Honours::All, |asked| match asked {
        "PUT 0" => Fault::Lost,
        "PUT 1" => Fault::Refused(503, "SlowDown"),
        "PUT 2" => Fault::Refused(200, "InternalError"),
        _ => Fault::None,
    })
    .await;
    store.put("a", "1");
    let backend = backend(store.config());
    rename(&backend, "/a", "/b").await.0.unwrap();
    assert_eq!((store.keys(), store.asked("PUT")), (vec!["b".to_owned()], 4));
}

#[tokio::test]
async fn keys_that_the_server_leaves_are_named() {
    let store = Store::start().await;
    for key in ["d/a", "d/locked-1", "d/locked-2"] {
        store.put(key, "1");
    }
    let (deleted, count) = delete(&backend(store.config()), "/d", Deletion::Recursive).await;
    let error = deleted.unwrap_err();
    assert_eq!((error.kind(), count), (&ErrorKind::Denied, 1));
    for says in ["/d/locked-1 and 1 more", "s3:DeleteObject", "AccessDenied"] {
        assert!(told(&error).contains(says), "{}", told(&error));
    }
}

#[tokio::test]
async fn servers_without_lists_of_keys_delete_one_by_one() {
    let store = Store::with(Honours::All, |asked| match asked {
        "POST delete 0" => Fault::Refused(501, "NotImplemented"),
        _ => Fault::None,
    })
    .await;
    for n in 0..20 {
        store.put(&format!("d/{n}"), "1");
    }
    let (deleted, count) = delete(&backend(store.config()), "/d", Deletion::Recursive).await;
    deleted.unwrap();
    assert_eq!((count, store.keys().len()), (20, 0));
}

/// What one request can't copy is copied in parts.
#[tokio::test]
async fn an_object_of_more_than_5_gib_moves_in_parts() {
    const SIZE: u64 = 5 * 1024 * 1024 * 1024 + 1;
    let fake = Fake::start(|asked: &Asked| -> Told {
        let key = asked.path.trim_start_matches("/images/");
        match (asked.method.as_str(), key) {
            ("HEAD", "a") => {
                let headers = [
                    ("content-length", SIZE.to_string()),
                    ("content-type", "x/y".to_owned()),
                ];
                (200, headers.into(), String::new())
            }
            ("HEAD", _) => (404, Vec::new(), String::new()),
            ("GET", _) => crate::s3::fake::page(""),
            ("POST", _) if asked.target.contains("uploads") => {
                let told =
                    "<InitiateMultipartUploadResult><UploadId>7</UploadId></InitiateMultipartUploadResult>";
                (200, Vec::new(), told.to_owned())
            }
            ("PUT", _) => (
                200,
                Vec::new(),
                "<CopyPartResult><ETag>\"t\"</ETag></CopyPartResult>".to_owned(),
            ),
            ("POST", _) => {
                let told =
                    "<CompleteMultipartUploadResult><ETag>\"t-6\"</ETag></CompleteMultipartUploadResult>";
                (200, Vec::new(), format!("<?xml version=\"1.0\"?>\n   \n{told}"))
            }
            _ => (204, Vec::new(), String::new()),
        }
    })
    .await;
    let backend = backend(on(&fake));
    rename(&backend, "/a", "/b").await.0.unwrap();
    let asked = fake.asked();
    let mut ranges: Vec<_> = asked
        .iter()
        .filter(|asked| asked.method == "PUT")
        .map(|asked| &asked.copied)
        .collect();
    ranges.sort();
    assert_eq!(ranges.len(), 6);
    assert_eq!(ranges[0], "images/a bytes=0-1073741823");
    assert_eq!(ranges[5], "images/a bytes=5368709120-5368709120");
    let last: Vec<_> = asked
        .iter()
        .rev()
        .take(2)
        .map(|asked| (&*asked.method, &*asked.path))
        .collect();
    assert_eq!(last, [("DELETE", "/images/a"), ("POST", "/images/b")]);
}

#[rstest]
#[case::denied(403, "AccessDenied", ErrorKind::Denied, "allow it s3:PutObject")]
#[case::full(507, "XMinioStorageFull", ErrorKind::NoSpace, "free space")]
#[case::full_by_status(507, "Other", ErrorKind::NoSpace, "free space")]
#[case::quota(403, "QuotaExceeded", ErrorKind::NoSpace, "raise the quota")]
#[case::read_only(405, "MethodNotAllowed", ErrorKind::ReadOnly, "MethodNotAllowed")]
#[case::long(400, "KeyTooLongError", ErrorKind::Refused, "a shorter path")]
#[tokio::test]
async fn refusals_say_what_to_do(
    #[case] status: u16,
    #[case] code: &'static str,
    #[case] kind: ErrorKind,
    #[case] says: &str,
) {
    let store = Store::with(Honours::All, move |asked| {
        if asked.starts_with("PUT") {
            Fault::Refused(status, code)
        } else {
            Fault::None
        }
    })
    .await;
    let backend = backend(store.config());
    let error = make_directory(&backend, "/a").await.unwrap_err();
    assert_eq!((error.kind(), error.is_temporary()), (&kind, false));
    assert!(told(&error).contains(says), "{}", told(&error));
    assert_eq!(store.asked("PUT"), 1);
}

#[tokio::test]
async fn without_a_key_nothing_is_written() {
    let store = Store::start().await;
    let backend = backend(with(store.config(), &json!({ "secret_access_key": null })));
    assert!(!backend.capabilities().write);
    let error = make_directory(&backend, "/a").await.unwrap_err();
    assert_eq!(*error.kind(), ErrorKind::ReadOnly);
    assert!(told(&error).contains("set secret_access_key"), "{}", told(&error));
}

#[tokio::test]
async fn a_path_that_is_too_long_is_refused() {
    let store = Store::with(Honours::All, |asked| match asked {
        "HEAD 0" | "GET 0" => Fault::Refused(400, "KeyTooLongError"),
        _ => Fault::None,
    })
    .await;
    let found = backend(store.config()).stat(&cx(), &path("/a")).await;
    let error = found.unwrap_err();
    assert_eq!((error.kind(), error.is_temporary()), (&ErrorKind::Refused, false));
    assert!(told(&error).contains("a shorter path"), "{}", told(&error));
}
