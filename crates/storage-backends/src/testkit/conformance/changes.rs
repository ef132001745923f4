//! What every backend whose files can be changed keeps to. Works in one directory, which is gone at the end.

mod directories;
mod uploads;

use bytes::Bytes;
use futures_util::TryStreamExt as _;
use storage_domain::FilePath;

use super::{Subject, probe};
use crate::backend::{Tree, TreeMut};
use crate::context::OpContext;
use crate::error::{Error, ErrorKind};
use crate::files::{Condition, Deletion, FileEntry, PageRequest, Progress, ReadRequest};

/// The directory that the suite works in.
const DIRECTORY: &str = "/conformance-of-changes";
/// Bytes of a large file: more than one part of any storage that has parts.
const LARGE: usize = 9 * 1024 * 1024 + 11;
/// Bytes that are written at once.
const PIECE_BYTES: usize = 300_000;

/// Files are written whole or not at all, and nothing is replaced, moved or deleted by accident.
pub(super) async fn are_made(subject: &Subject) {
    let (Some(tree), Some(files)) = (subject.healthy.as_tree(), subject.healthy.as_tree_mut()) else {
        let tree = subject.healthy.as_tree();
        assert!(tree.is_none_or(|tree| !tree.capabilities().write));
        return;
    };
    probe(subject, &subject.healthy).await;
    let changes = Changes {
        tree,
        files,
        cx: OpContext::within(subject.limit * 4),
    };
    if !tree.capabilities().write {
        let made = changes.make_directory("/a").await;
        assert_eq!(made, Err(ErrorKind::ReadOnly));
        return;
    }
    uploads::appear_at_once(&changes).await;
    uploads::meet_conditions(&changes).await;
    uploads::go_on_later(&changes).await;
    directories::are_made(&changes).await;
    directories::are_renamed(&changes).await;
    directories::are_deleted(&changes).await;
}

/// A backend under test.
struct Changes<'a> {
    tree: &'a dyn Tree,
    files: &'a dyn TreeMut,
    cx: OpContext,
}

/// Returns a path in the suite's directory, which is the path of nothing.
fn at(below: &str) -> FilePath {
    let path = format!("{DIRECTORY}{below}");
    path.parse().unwrap_or_else(|rule| panic!("{path}: {rule}"))
}

/// Returns bytes that show their place.
fn content(length: usize) -> Vec<u8> {
    (0..length)
        .map(|n| u8::try_from(n / 7 % 251).unwrap_or_default())
        .collect()
}

impl Changes<'_> {
    async fn make_directory(&self, below: &str) -> Result<FileEntry, ErrorKind> {
        let made = self.files.make_directory(&self.cx, &at(below)).await;
        made.map_err(Error::into_kind)
    }

    async fn put(&self, below: &str, bytes: &[u8], condition: &Condition) -> Result<FileEntry, ErrorKind> {
        let mut upload = self.files.upload(&at(below));
        let published = async {
            for piece in bytes.chunks(PIECE_BYTES) {
                upload.write(&self.cx, Bytes::copy_from_slice(piece)).await?;
            }
            let record = upload.record().map(str::to_owned);
            Ok((upload.publish(&self.cx, condition).await, record))
        };
        match published.await {
            Ok((Ok(entry), _)) => Ok(entry),
            Ok((Err(error), record)) => {
                if let Some(record) = record {
                    self.abandon(below, &record).await;
                }
                Err(error.into_kind())
            }
            Err(error) => Err(Error::into_kind(error)),
        }
    }

    /// Puts a file, which has to work.
    async fn write(&self, below: &str, bytes: &[u8]) -> FileEntry {
        let written = self.put(below, bytes, &Condition::None).await;
        written.unwrap_or_else(|kind| panic!("{below}: {kind:?}"))
    }

    /// Returns whether the storage turned out to have no such condition, which it says from then on.
    fn is_unconditional(&self, put: &Result<FileEntry, ErrorKind>) -> bool {
        *put == Err(ErrorKind::Unconditional) && !self.tree.capabilities().conditional
    }

    /// Removes what an upload left whose record is known.
    async fn abandon(&self, below: &str, record: &str) {
        match self.files.resume(&self.cx, &at(below), record).await {
            Ok(upload) => upload
                .abandon(&self.cx)
                .await
                .unwrap_or_else(|error| panic!("{below}: {error:?}")),
            Err(error) => assert!(*error.kind() == ErrorKind::NotFound, "{below}: {error:?}"),
        }
    }

    async fn rename(&self, from: &str, to: &str) -> Result<(), ErrorKind> {
        let (from, to, progress) = (at(from), at(to), Progress::default());
        let renamed = self.files.rename(&self.cx, &from, &to, &progress).await;
        renamed.map_err(Error::into_kind)
    }

    /// Returns how many entries were deleted.
    async fn delete(&self, below: &str, deletion: Deletion) -> Result<u64, ErrorKind> {
        let progress = Progress::default();
        let deleted = self.files.delete(&self.cx, &at(below), deletion, &progress).await;
        deleted.map_err(Error::into_kind).map(|()| progress.done())
    }

    async fn stat(&self, below: &str) -> Result<FileEntry, ErrorKind> {
        let found = self.tree.stat(&self.cx, &at(below)).await;
        found.map_err(Error::into_kind)
    }

    /// Returns the names in a directory.
    async fn names(&self, below: &str) -> Vec<String> {
        let page = PageRequest {
            after: None,
            limit: 1000,
        };
        let listed = self.tree.list(&self.cx, &at(below), &page).await;
        let page = listed.unwrap_or_else(|error| panic!("{below}: {error:?}"));
        page.entries.into_iter().map(|entry| entry.name).collect()
    }

    /// A file has this content.
    async fn holds(&self, below: &str, expected: &[u8]) {
        let request = ReadRequest {
            offset: 0,
            length: None,
            etag: None,
            size: None,
        };
        let read = async {
            let stream = self.tree.read(&self.cx, &at(below), &request).await?;
            let pieces: Vec<_> = stream.try_collect().await?;
            Ok::<_, Error>(pieces.concat())
        };
        let content = read.await.unwrap_or_else(|error| panic!("{below}: {error:?}"));
        assert!(
            content == expected,
            "{below}: {} bytes, not the {} that were written",
            content.len(),
            expected.len()
        );
    }
}
