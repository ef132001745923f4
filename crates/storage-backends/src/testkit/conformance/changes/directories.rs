//! Directories that are made, and what is renamed and deleted.

use storage_domain::FilePath;

use super::{Changes, at};
use crate::error::{Error, ErrorKind};
use crate::files::{Deletion, FileKind, Progress};

pub(super) async fn are_made(changes: &Changes<'_>) {
    let made = changes.make_directory("/made/a/b").await;
    let made = made.unwrap_or_else(|kind| panic!("{kind:?}"));
    assert_eq!((made.name.as_str(), made.kind), ("b", FileKind::Directory));
    assert_eq!(changes.names("/made").await, ["a"]);
    assert_eq!(changes.names("/made/a/b").await, [""; 0]);
    for there in ["/made/a/b", "/made/a"] {
        assert_eq!(
            changes.make_directory(there).await,
            Err(ErrorKind::Exists),
            "{there}"
        );
    }
    changes.write("/made/file", b"1").await;
    assert_eq!(changes.make_directory("/made/file").await, Err(ErrorKind::Exists));
    assert_eq!(
        changes.make_directory("/made/file/c").await,
        Err(ErrorKind::NotADirectory)
    );
    let root = changes.files.make_directory(&changes.cx, &FilePath::root()).await;
    assert_eq!(root.map_err(Error::into_kind), Err(ErrorKind::Exists));
}

pub(super) async fn are_renamed(changes: &Changes<'_>) {
    changes.write("/from/d/e/f", b"content").await;
    changes.write("/from/d/g", b"other").await;
    assert_eq!(changes.rename("/from/d/g", "/from/d/h").await, Ok(()));
    changes.holds("/from/d/h", b"other").await;
    assert_eq!(changes.stat("/from/d/g").await, Err(ErrorKind::NotFound));

    assert!(changes.make_directory("/to").await.is_ok());
    assert_eq!(changes.rename("/from/d", "/to/d").await, Ok(()));
    changes.holds("/to/d/e/f", b"content").await;
    assert_eq!(changes.names("/to/d").await, ["e", "h"]);
    assert_eq!(changes.stat("/from/d").await, Err(ErrorKind::NotFound));

    changes.write("/to/there", b"stays").await;
    for (from, to, expected) in [
        ("/to/d/h", "/to/there", ErrorKind::Exists),
        ("/to/d/h", "/to/d/e", ErrorKind::Exists),
        ("/to/d", "/to/there", ErrorKind::Exists),
        ("/to/none", "/to/new", ErrorKind::NotFound),
        ("/to/d/h", "/to/there/h", ErrorKind::NotADirectory),
        ("/to/d", "/to/d/e/d", ErrorKind::Refused),
    ] {
        assert_eq!(changes.rename(from, to).await, Err(expected), "{from} to {to}");
    }
    changes.holds("/to/there", b"stays").await;
    changes.holds("/to/d/h", b"other").await;
    let (root, progress) = (FilePath::root(), Progress::default());
    let moved = changes
        .files
        .rename(&changes.cx, &root, &at("/root"), &progress)
        .await;
    assert_eq!(moved.map_err(Error::into_kind), Err(ErrorKind::Refused));
}

/// Deletes all that the suite made.
pub(super) async fn are_deleted(changes: &Changes<'_>) {
    changes.write("/gone/a/b", b"1").await;
    changes.write("/gone/c", b"1").await;
    assert!(changes.make_directory("/gone/empty").await.is_ok());
    let single = async |below: &str| changes.delete(below, Deletion::Single).await;
    assert_eq!(single("/gone/none").await, Err(ErrorKind::NotFound));
    assert_eq!(single("/gone/c/d").await, Err(ErrorKind::NotFound));
    assert_eq!(single("/gone/a").await, Err(ErrorKind::NotEmpty));
    changes.holds("/gone/a/b", b"1").await;
    assert_eq!(single("/gone/empty").await, Ok(1));
    assert_eq!(single("/gone/c").await, Ok(1));
    assert_eq!(changes.names("/gone").await, ["a"]);
    let all = async |below: &str| changes.delete(below, Deletion::Recursive).await;
    assert_eq!(all("/gone/none").await, Err(ErrorKind::NotFound));
    changes.write("/gone/file", b"1").await;
    assert_eq!(all("/gone/file").await, Ok(1));

    let deleted = all("").await;
    assert!(deleted.as_ref().is_ok_and(|done| *done >= 7), "{deleted:?}");
    assert_eq!(changes.stat("").await, Err(ErrorKind::NotFound));
    for deletion in [Deletion::Single, Deletion::Recursive] {
        let (root, progress) = (FilePath::root(), Progress::default());
        let refused = changes
            .files
            .delete(&changes.cx, &root, deletion, &progress)
            .await;
        assert_eq!(refused.map_err(Error::into_kind), Err(ErrorKind::Refused));
    }
}
