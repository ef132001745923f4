//! Files that are written.

use bytes::Bytes;

use super::{Changes, LARGE, at, content};
use crate::error::{Error, ErrorKind};
use crate::files::{Condition, Deletion, FileKind};

/// Nothing is at the path before a file is published, and then all of it.
pub(super) async fn appear_at_once(changes: &Changes<'_>) {
    let large = content(LARGE);
    let mut upload = changes.files.upload(&at("/a/b/large"));
    for piece in large.chunks(super::PIECE_BYTES) {
        let written = upload.write(&changes.cx, Bytes::copy_from_slice(piece)).await;
        written.unwrap_or_else(|error| panic!("{error:?}"));
        assert!(upload.stored() <= LARGE as u64);
    }
    assert!(upload.record().is_some(), "nobody could remove what was written");
    assert_eq!(changes.stat("/a/b/large").await, Err(ErrorKind::NotFound));
    let published = upload.publish(&changes.cx, &Condition::None).await;
    let entry = published.unwrap_or_else(|error| panic!("{error:?}"));
    assert_eq!(entry.name, "large");
    assert_eq!(entry.kind, FileKind::File);
    assert_eq!(entry.size.map(storage_domain::ByteCount::get), Some(LARGE as u64));
    changes.holds("/a/b/large", &large).await;
    let found = changes.stat("/a/b/large").await;
    assert_eq!(found.map(|found| found.etag), Ok(entry.etag.clone()));
    assert_eq!(changes.names("/a").await, ["b"]);
    assert_eq!(changes.names("/a/b").await, ["large"]);

    let smaller = changes.write("/a/b/large", b"smaller").await;
    assert_ne!(smaller.etag, entry.etag);
    changes.holds("/a/b/large", b"smaller").await;
    let empty = changes.write("/a/empty", b"").await;
    assert_eq!(empty.size.map(storage_domain::ByteCount::get), Some(0));
    changes.holds("/a/empty", b"").await;

    let onto_a_directory = changes.put("/a/b", b"1", &Condition::None).await;
    assert_eq!(onto_a_directory, Err(ErrorKind::NotAFile));
    let below_a_file = changes.put("/a/empty/c", b"1", &Condition::None).await;
    assert_eq!(below_a_file, Err(ErrorKind::NotADirectory));
    assert_eq!(changes.names("/a").await, ["b", "empty"]);
}

/// A file is published only onto what its client has seen.
pub(super) async fn meet_conditions(changes: &Changes<'_>) {
    let put = async |bytes: &[u8], condition: Condition| changes.put("/once", bytes, &condition).await;
    if !changes.tree.capabilities().conditional {
        assert_eq!(put(b"1", Condition::Absent).await, Err(ErrorKind::Unconditional));
        return;
    }
    let unseen = Condition::Version("another".to_owned());
    assert_eq!(put(b"0", unseen.clone()).await, Err(ErrorKind::Changed));
    assert_eq!(changes.stat("/once").await, Err(ErrorKind::NotFound));
    let first = put(b"1", Condition::Absent).await;
    if changes.is_unconditional(&first) {
        return;
    }
    let first = first.unwrap_or_else(|kind| panic!("{kind:?}"));
    assert_eq!(put(b"2", Condition::Absent).await, Err(ErrorKind::Exists));
    assert_eq!(put(b"2", unseen).await, Err(ErrorKind::Changed));
    changes.holds("/once", b"1").await;
    let Some(seen) = first.etag else {
        panic!("conditions need validators: {first:?}");
    };
    let seen = Condition::Version(seen);
    let replaced = put(b"three", seen.clone()).await;
    if !changes.is_unconditional(&replaced) {
        assert!(replaced.is_ok(), "{replaced:?}");
        assert_eq!(put(b"4", seen).await, Err(ErrorKind::Changed));
        changes.holds("/once", b"three").await;
    }
    assert_eq!(changes.delete("/once", Deletion::Single).await, Ok(1));
}

/// An upload that was interrupted goes on where it was, or leaves nothing.
pub(super) async fn go_on_later(changes: &Changes<'_>) {
    let (path, large) = (at("/later/large"), content(LARGE));
    let mut upload = changes.files.upload(&path);
    for piece in large[..LARGE - 100].chunks(super::PIECE_BYTES) {
        let written = upload.write(&changes.cx, Bytes::copy_from_slice(piece)).await;
        written.unwrap_or_else(|error| panic!("{error:?}"));
    }
    let stored = upload.store(&changes.cx).await;
    stored.unwrap_or_else(|error| panic!("{error:?}"));
    let stored = upload.stored();
    assert!(stored > 0 && stored <= LARGE as u64 - 100, "{stored}");
    let record = upload.record().map(str::to_owned).unwrap_or_default();
    drop(upload);

    let resume = async || changes.files.resume(&changes.cx, &path, &record).await;
    let mut upload = resume().await.unwrap_or_else(|error| panic!("{error:?}"));
    assert!(upload.stored() >= stored, "{} of {stored}", upload.stored());
    let rest = &large[usize::try_from(upload.stored()).unwrap_or(LARGE)..];
    let written = upload.write(&changes.cx, Bytes::copy_from_slice(rest)).await;
    written.unwrap_or_else(|error| panic!("{error:?}"));
    let published = upload.publish(&changes.cx, &Condition::None).await;
    published.unwrap_or_else(|error| panic!("{error:?}"));
    changes.holds("/later/large", &large).await;
    let gone = resume().await.map(|_| ()).map_err(Error::into_kind);
    assert_eq!(gone, Err(ErrorKind::NotFound), "it was published");

    let mut upload = changes.files.upload(&at("/later/never"));
    let written = upload.write(&changes.cx, Bytes::from_static(b"1")).await;
    written.unwrap_or_else(|error| panic!("{error:?}"));
    let record = upload.record().map(str::to_owned).unwrap_or_default();
    let abandoned = upload.abandon(&changes.cx).await;
    abandoned.unwrap_or_else(|error| panic!("{error:?}"));
    changes.abandon("/later/never", &record).await;
    assert_eq!(changes.names("/later").await, ["large"]);
}
