//! What a fake holds: files, directories, and uploads that are not published.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use storage_domain::{ByteCount, FilePath, IgnoredDirectories};
use time::OffsetDateTime;
use time::macros::datetime;

use crate::error::{Error, ErrorKind};
use crate::files::{FileEntry, FileKind, TreeCapabilities, is_shown};

/// Time of the last change of every file.
const MODIFIED_AT: OffsetDateTime = datetime!(2020-01-01 00:00 UTC);

/// The files of a fake, which its uploads hold too.
#[derive(Debug, Default, Clone)]
pub(super) struct SharedFiles(Arc<Mutex<Files>>);

impl SharedFiles {
    pub(super) fn lock(&self) -> MutexGuard<'_, Files> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Debug, Default)]
pub(super) struct Files {
    /// Contents by path; `None` is a directory.
    pub(super) nodes: BTreeMap<String, Option<Bytes>>,
    /// Contents of what is not published, by its record.
    pub(super) uploads: BTreeMap<String, Vec<u8>>,
    /// Uploads that began.
    pub(super) begun: u64,
    pub(super) writable: bool,
    /// How every call that would change something fails.
    pub(super) refusal: Option<ErrorKind>,
    /// How every description fails.
    pub(super) stat_refusal: Option<ErrorKind>,
    /// Whether the answer to the next publication is lost, and descriptions fail from then on.
    pub(super) loses_publication: bool,
    /// Bytes that can be written before the storage is full.
    pub(super) space: Option<u64>,
    /// How long each entry that is deleted or moved, and each piece that is written, takes.
    pub(super) pace: Duration,
    pub(super) is_unconditional: bool,
}

impl Files {
    pub(super) fn capabilities(&self) -> TreeCapabilities {
        let write = self.writable && self.refusal != Some(ErrorKind::ReadOnly);
        TreeCapabilities {
            ranges: true,
            write,
            rename: write,
            conditional: write && !self.is_unconditional,
        }
    }

    pub(super) fn entry(&self, path: &FilePath) -> Result<FileEntry, Error> {
        let directory = FileEntry::directory(path.name());
        match self.nodes.get(path.as_str()) {
            Some(Some(content)) => Ok(FileEntry {
                kind: FileKind::File,
                size: Some(ByteCount::saturating(content.len() as u64)),
                modified_at: Some(MODIFIED_AT),
                etag: Some(format!("{:x}", fnv(content))),
                ..directory
            }),
            Some(None) => Ok(directory),
            None if path.is_root() => Ok(directory),
            None => Err(Error::new(ErrorKind::NotFound, "the file")),
        }
    }

    /// Returns a file and its content.
    pub(super) fn open(&self, path: &FilePath) -> Result<(FileEntry, Bytes), Error> {
        let entry = self.entry(path)?;
        let content = self.nodes.get(path.as_str()).cloned().flatten();
        let content = content.ok_or_else(|| Error::new(ErrorKind::NotAFile, "the file"))?;
        Ok((entry, content))
    }

    /// Returns the entries of a directory.
    pub(super) fn within(&self, directory: &FilePath) -> Vec<FileEntry> {
        let paths = self.below(directory);
        let own = paths
            .iter()
            .filter(|path| path.parent().as_ref() == Some(directory));
        own.filter_map(|path| self.entry(path).ok()).collect()
    }

    /// Returns what is in a directory, at any depth; a directory comes before what is in it.
    pub(super) fn below(&self, directory: &FilePath) -> Vec<FilePath> {
        let paths = self.nodes.keys().filter_map(|key| key.parse().ok());
        paths.filter(|path: &FilePath| path.is_below(directory)).collect()
    }

    /// Makes the directories above a path that are missing.
    pub(super) fn make_parents(&mut self, path: &FilePath) -> Result<(), Error> {
        let parents: Vec<_> = std::iter::successors(path.parent(), FilePath::parent).collect();
        for parent in parents.iter().rev().filter(|parent| !parent.is_root()) {
            if self.nodes.entry(parent.to_string()).or_default().is_some() {
                return Err(Error::new(ErrorKind::NotADirectory, "the directory above"));
            }
        }
        Ok(())
    }
}

/// Fails if this path may not be changed, whoever asks.
pub(super) fn allow(path: &FilePath, kind: FileKind, step: &'static str) -> Result<(), Error> {
    if path.is_root() || !is_shown(path, kind, &IgnoredDirectories::default()) {
        return Err(Error::new(ErrorKind::Refused, step));
    }
    Ok(())
}

/// Returns a number that differs for different contents, as far as tests are concerned (FNV-1a).
fn fnv(content: &[u8]) -> u64 {
    content.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}
