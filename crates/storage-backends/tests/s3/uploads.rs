//! Objects that are written.

mod passing;

use std::time::Duration;

use bytes::Bytes;
use rstest::rstest;
use serde_json::json;
use storage_backends::s3::S3Backend;
use storage_backends::{Condition, Error, ErrorKind, FileEntry, OpContext, Tree as _, TreeMut as _, Upload};

use crate::s3::store::{Fault, Honours, Store};
use crate::s3::{backend, cx, with};
use crate::support::asking::told;
use crate::support::files::path;

/// Bytes of a part.
const PART: usize = 8 * 1024 * 1024;

/// Bytes that show their place.
fn content(length: usize) -> Bytes {
    (0..length).map(|n| u8::try_from(n / 7 % 251).unwrap()).collect()
}

async fn written(backend: &S3Backend, at: &str, bytes: &Bytes) -> Box<dyn Upload> {
    let mut upload = backend.upload(&path(at));
    for piece in bytes.chunks(1_000_000) {
        let written = upload.write(&cx(), Bytes::copy_from_slice(piece)).await;
        written.unwrap();
    }
    upload
}

async fn put(backend: &S3Backend, bytes: &Bytes, condition: &Condition) -> Result<FileEntry, Error> {
    written(backend, "/d/file", bytes)
        .await
        .publish(&cx(), condition)
        .await
}

#[rstest]
#[case::nothing(0, 0)]
#[case::some(5, 0)]
#[case::one_part(PART, 0)]
#[case::one_more_byte(PART + 1, 2)]
#[case::many(5 * PART + 7, 6)]
#[tokio::test]
async fn what_fits_into_a_part_is_written_at_once(#[case] length: usize, #[case] parts: usize) {
    let store = Store::start().await;
    let (backend, bytes) = (backend(store.config()), content(length));
    let entry = put(&backend, &bytes, &Condition::None).await.unwrap();
    assert_eq!(store.bytes("d/file").unwrap(), bytes);
    assert_eq!(store.asked("PUT partNumber"), parts);
    assert_eq!(store.asked("PUT"), usize::from(parts == 0));
    assert_eq!(
        (entry.name.as_str(), entry.size.unwrap().get()),
        ("file", length as u64)
    );
    assert!(entry.etag.is_some() && entry.modified_at.is_some(), "{entry:?}");
}

/// What a server ignores is not believed: an object that is there stays, and nothing is left of the question.
#[rstest]
#[case::all(Honours::All, Some(()), Some(()))]
#[case::put(Honours::Put, Some(()), None)]
#[case::none(Honours::None, None, None)]
#[case::refused(Honours::Refuses, None, None)]
#[tokio::test]
async fn conditions_are_met_or_refused(
    #[case] honours: Honours,
    #[case] when_small: Option<()>,
    #[case] when_large: Option<()>,
    #[values("", "deep/", "dee")] prefix: &str,
) {
    let store = Store::with(honours, |_| Fault::None).await;
    let backend = backend(with(store.config(), &json!({ "prefix": prefix })));
    for (is_met, length) in [(when_small, 3), (when_large, PART + 1)] {
        let (bytes, at) = (content(length), format!("/deep-{length}"));
        let at = at.as_str();
        let publish = async |condition: Condition| {
            written(&backend, at, &bytes)
                .await
                .publish(&cx(), &condition)
                .await
        };
        let first = publish(Condition::Absent).await;
        if is_met.is_none() {
            let error = first.unwrap_err();
            assert_eq!(*error.kind(), ErrorKind::Unconditional);
            assert!(
                told(&error).contains("write without a condition"),
                "{}",
                told(&error)
            );
            assert!(!backend.capabilities().conditional);
        }
        let entry = publish(Condition::None).await.unwrap();
        let kind = async |condition| publish(condition).await.unwrap_err().into_kind();
        assert_eq!(kind(Condition::Absent).await, ErrorKind::Exists);
        assert_eq!(
            kind(Condition::Version("other".to_owned())).await,
            ErrorKind::Changed
        );
        let seen = publish(Condition::Version(entry.etag.unwrap())).await;
        match is_met {
            Some(()) => drop(seen.unwrap()),
            None => assert_eq!(*seen.unwrap_err().kind(), ErrorKind::Unconditional),
        }
        assert_eq!(
            backend.stat(&cx(), &path(at)).await.unwrap().size.unwrap().get(),
            length as u64
        );
    }
    assert_eq!(
        (store.keys().len(), store.uploads()),
        (2, 0),
        "{:?}",
        store.keys()
    );
}

/// The condition fails for what the first try did itself.
#[rstest]
#[case::put("PUT", 2, 3)]
#[case::complete("POST uploadId", 1, PART + 1)]
#[tokio::test]
async fn an_answer_that_is_lost_is_found(
    #[case] kind: &'static str,
    #[case] number: usize,
    #[case] length: usize,
) {
    let lost = format!("{kind} {number}");
    let store = Store::with(Honours::All, move |asked| {
        if asked == lost { Fault::Lost } else { Fault::None }
    })
    .await;
    let (backend, bytes) = (backend(store.config()), content(length));
    put(&backend, &bytes, &Condition::Absent).await.unwrap();
    assert_eq!(store.asked(kind), number + 2);
    assert_eq!(store.bytes("d/file").unwrap(), bytes);
    assert_eq!(store.uploads(), 0);
}

/// Another client wrote the file while the first try was under way.
#[tokio::test]
async fn what_another_client_wrote_is_not_taken_for_ones_own() {
    let store = Store::with(Honours::All, |asked| match asked {
        "PUT 2" => Fault::Refused(500, "InternalError"),
        "PUT 3" => Fault::Refused(412, "PreconditionFailed"),
        _ => Fault::None,
    })
    .await;
    let backend = backend(store.config());
    let error = put(&backend, &content(3), &Condition::Absent).await.unwrap_err();
    assert_eq!((error.kind(), store.asked("PUT")), (&ErrorKind::Exists, 4));
}

#[tokio::test]
async fn a_completion_may_fail_with_200() {
    let store = Store::with(Honours::All, |asked| match asked {
        "POST uploadId 0" => Fault::Refused(200, "InternalError"),
        "PUT partNumber 1" => Fault::Lost,
        _ => Fault::None,
    })
    .await;
    let (backend, bytes) = (backend(store.config()), content(3 * PART));
    put(&backend, &bytes, &Condition::None).await.unwrap();
    assert_eq!(store.bytes("d/file").unwrap(), bytes);
}

#[rstest]
#[case::conflict(
    "POST uploadId 0",
    409,
    "ConditionalRequestConflict",
    Condition::None,
    ErrorKind::Server
)]
#[case::race(
    "POST uploadId 1",
    409,
    "ConditionalRequestConflict",
    Condition::Absent,
    ErrorKind::Exists
)]
#[case::part("PUT partNumber 1", 403, "AccessDenied", Condition::None, ErrorKind::Denied)]
#[case::full(
    "POST uploadId 0",
    200,
    "XMinioStorageFull",
    Condition::None,
    ErrorKind::NoSpace
)]
#[tokio::test]
async fn nothing_is_left_after_a_failure(
    #[case] asked: &'static str,
    #[case] status: u16,
    #[case] code: &'static str,
    #[case] condition: Condition,
    #[case] kind: ErrorKind,
) {
    let store = Store::with(Honours::All, move |other| {
        if other == asked {
            Fault::Refused(status, code)
        } else {
            Fault::None
        }
    })
    .await;
    let backend = backend(store.config());
    let error = put(&backend, &content(PART + 1), &condition).await.unwrap_err();
    assert_eq!(*error.kind(), kind, "{}", told(&error));
    assert_eq!((store.keys().len(), store.uploads()), (0, 0));
}

#[tokio::test]
async fn an_upload_goes_on_behind_its_whole_parts() {
    let store = Store::start().await;
    let (backend, bytes) = (backend(store.config()), content(6 * PART + 5));
    let mut upload = written(&backend, "/d/file", &bytes.slice(..4 * PART + 3)).await;
    assert!(upload.stored() <= 4 * PART as u64);
    upload.store(&cx()).await.unwrap();
    assert_eq!(upload.stored(), 4 * PART as u64);
    let record = upload.record().unwrap().to_owned();
    drop(upload);
    let mut upload = backend.resume(&cx(), &path("/d/file"), &record).await.unwrap();
    assert_eq!(
        (upload.stored(), upload.record()),
        (4 * PART as u64, Some(record.as_str()))
    );
    upload.write(&cx(), bytes.slice(4 * PART..)).await.unwrap();
    upload.publish(&cx(), &Condition::Absent).await.unwrap();
    assert_eq!(store.bytes("d/file").unwrap(), bytes);
    let gone = backend.resume(&cx(), &path("/d/file"), &record).await;
    assert_eq!(gone.map(|_| ()).unwrap_err().into_kind(), ErrorKind::NotFound);
    let upload = written(&backend, "/d/other", &bytes).await;
    assert_eq!(store.uploads(), 1);
    upload.abandon(&cx()).await.unwrap();
    assert_eq!(store.uploads(), 0);
}

/// Memory is for three uploads of the largest parts, or for 24 that begin; one more has to wait, and none for itself.
#[tokio::test]
async fn uploads_share_their_memory() {
    let store = Store::start().await;
    let (backend, bytes) = (backend(store.config()), content(2 * PART));
    let mut uploads = Vec::new();
    for n in 0..24 {
        uploads.push(written(&backend, &format!("/{n}"), &content(1)).await);
    }
    let mut first = uploads.remove(0);
    first.write(&cx(), bytes.clone()).await.unwrap();
    let mut other = backend.upload(&path("/other"));
    let cx_ = OpContext::within(Duration::from_millis(100));
    let waits = other.write(&cx_, content(1)).await.unwrap_err();
    assert_eq!(*waits.kind(), ErrorKind::TooBusy);
    first.publish(&cx(), &Condition::None).await.unwrap();
    other.write(&cx(), content(1)).await.unwrap();
    other.publish(&cx(), &Condition::None).await.unwrap();
}
