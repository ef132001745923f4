//! Files as clients see them: entries, pages of a directory, and bytes.

mod names;

use std::cmp::Ordering;
use std::str::FromStr;
use std::sync::OnceLock;
use std::sync::atomic::{self, AtomicU64};

use bytes::Bytes;
use futures_util::stream::BoxStream;
use serde::{Deserialize, Serialize};
use storage_domain::ByteCount;
use time::OffsetDateTime;

use crate::error::Error;
pub(crate) use names::{is_hidden, is_name_shown, is_shown, is_temporary, temporary_name};

/// The largest number of entries that are sorted; beyond it a directory comes in the storage's order.
pub const MAX_SORTED: usize = 200_000;

/// Names what an entry is. Directories come first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FileKind {
    /// A directory, or a common prefix of keys.
    Directory,
    /// A regular file, or an object.
    File,
}

/// Describes a file or a directory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileEntry {
    /// Last segment of the path; empty for the root.
    pub name: String,
    /// What it is; a symbolic link that stays inside is what it points at.
    pub kind: FileKind,
    /// Size of a file in bytes, if it is known.
    pub size: Option<ByteCount>,
    /// Time of the last change of the content, if it is known.
    #[serde(with = "time::serde::timestamp::nanoseconds::option")]
    pub modified_at: Option<OffsetDateTime>,
    /// Strong validator without quotes (RFC 9110, section 8.8.3), if there is one.
    pub etag: Option<String>,
}

impl FileEntry {
    /// Makes a directory of which nothing but the name is known.
    pub fn directory(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            kind: FileKind::Directory,
            size: None,
            modified_at: None,
            etag: None,
        }
    }
}

/// A place in a directory, after which a page begins. Its text is the cursor that clients get.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Position {
    /// After an entry, in the order of kinds and names.
    Sorted(FileKind, String),
    /// After a name, in the order of the storage.
    Unsorted(String),
}

impl std::fmt::Display for Position {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Sorted(FileKind::Directory, name) => write!(f, "d{name}"),
            Self::Sorted(FileKind::File, name) => write!(f, "f{name}"),
            Self::Unsorted(name) => write!(f, "u{name}"),
        }
    }
}

impl FromStr for Position {
    type Err = NotAPosition;

    fn from_str(text: &str) -> Result<Self, NotAPosition> {
        let name = || text[1..].to_owned();
        match text.as_bytes().first() {
            Some(b'd') => Ok(Self::Sorted(FileKind::Directory, name())),
            Some(b'f') => Ok(Self::Sorted(FileKind::File, name())),
            Some(b'u') => Ok(Self::Unsorted(name())),
            _ => Err(NotAPosition),
        }
    }
}

/// The error of a text that is not a [`Position`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be the cursor of an earlier page")]
pub struct NotAPosition;

/// Which part of a directory is listed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PageRequest {
    /// Where the page begins; `None` is the beginning of the directory.
    pub after: Option<Position>,
    /// Largest number of entries.
    pub limit: usize,
}

/// A part of a directory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FilePage {
    /// Entries, directories first and then by name (bytewise) if `sorted`.
    pub entries: Vec<FileEntry>,
    /// Where the next page begins; `None` at the end.
    pub next: Option<Position>,
    /// Whether the directory is sorted: one of more than [`MAX_SORTED`] entries need not be.
    pub sorted: bool,
    /// Entries of this page that have no place in it: links that lead nowhere or out, and names that are not UTF-8.
    pub skipped: u64,
}

impl FilePage {
    /// Cuts a page out of all entries of a directory.
    pub fn of_all(mut all: Vec<FileEntry>, request: &PageRequest, skipped: u64) -> Self {
        if let Some(after) = &request.after {
            all.retain(|entry| is_after(entry, after));
        }
        all.sort_unstable_by(compare);
        let has_more = all.len() > request.limit;
        all.truncate(request.limit);
        let position = |last: &FileEntry| Position::Sorted(last.kind, last.name.clone());
        Self {
            next: all.last().filter(|_| has_more).map(position),
            entries: all,
            sorted: true,
            skipped,
        }
    }
}

fn compare(a: &FileEntry, b: &FileEntry) -> Ordering {
    a.kind.cmp(&b.kind).then_with(|| a.name.cmp(&b.name))
}

/// Returns whether an entry comes after a place, in the order of a sorted directory.
fn is_after(entry: &FileEntry, after: &Position) -> bool {
    match after {
        Position::Sorted(kind, name) => (entry.kind, entry.name.as_str()) > (*kind, name.as_str()),
        Position::Unsorted(name) => entry.name.as_str() > name.as_str(),
    }
}

/// Which bytes of a file are read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReadRequest {
    /// First byte.
    pub offset: u64,
    /// Number of bytes; `None` reads to the end.
    pub length: Option<u64>,
    /// Validator that the file must have.
    pub etag: Option<String>,
    /// Size that the whole file must have; not compared if the storage gives none.
    pub size: Option<u64>,
}

/// What has to be at a path for a file to be published there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Condition {
    /// Anything: a file that is there is replaced.
    None,
    /// Nothing.
    Absent,
    /// The file with this validator.
    Version(String),
}

/// How much a deletion takes away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Deletion {
    /// A file or an empty directory.
    Single,
    /// A directory with all that is in it, too.
    Recursive,
}

/// Counts what long work has done; whoever shows it reads it meanwhile.
#[derive(Debug, Default)]
pub struct Progress {
    done: AtomicU64,
    total: OnceLock<u64>,
}

impl Progress {
    /// Adds to what is done.
    pub fn add(&self, done: u64) {
        self.done.fetch_add(done, atomic::Ordering::Relaxed);
    }

    /// Returns how much is done.
    pub fn done(&self) -> u64 {
        self.done.load(atomic::Ordering::Relaxed)
    }

    /// Sets how much there is to do, once it is known; the first value stays.
    pub fn set_total(&self, total: u64) {
        let _ = self.total.set(total);
    }

    /// Returns how much there is to do, if that is known.
    pub fn total(&self) -> Option<u64> {
        self.total.get().copied()
    }
}

/// What a backend can do with its files, besides listing and reading.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each says whether one thing can be done"
)]
pub struct TreeCapabilities {
    /// Whether a read may begin in the middle of a file without reading what is before.
    pub ranges: bool,
    /// Whether files can be written: there is a [`TreeMut`](crate::TreeMut), and no read-only mount.
    pub write: bool,
    /// Whether a directory is moved at once, and not entry by entry.
    pub rename: bool,
    /// Whether [`Condition`]s other than [`Condition::None`] are met exactly.
    pub conditional: bool,
}

/// The bytes of a file, in pieces. An error ends it; dropping it ends the read.
pub type ByteStream = BoxStream<'static, Result<Bytes, Error>>;

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(kind: FileKind, name: &str) -> FileEntry {
        FileEntry {
            kind,
            ..FileEntry::directory(name)
        }
    }

    #[test]
    fn pages_are_sorted_and_complete() {
        use FileKind::{Directory, File};
        let all = || {
            let names = [
                (File, "b"),
                (Directory, "z"),
                (File, "B"),
                (Directory, "ä"),
                (File, "a"),
            ];
            names.map(|(kind, name)| entry(kind, name)).to_vec()
        };
        let mut request = PageRequest {
            after: None,
            limit: 2,
        };
        let mut seen = Vec::new();
        loop {
            let page = FilePage::of_all(all(), &request, 0);
            seen.extend(page.entries.into_iter().map(|e| e.name));
            let Some(next) = page.next else { break };
            assert_eq!(next.to_string().parse(), Ok(next.clone()));
            request.after = Some(next);
        }
        assert_eq!(seen, ["z", "ä", "B", "a", "b"]);
    }

    #[test]
    fn what_is_not_a_position() {
        for text in ["", "x", "äb"] {
            assert_eq!(text.parse::<Position>(), Err(NotAPosition));
        }
    }
}
