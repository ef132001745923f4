//! The files of a fake, in memory.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::stream;
use storage_domain::{ByteCount, FilePath};
use time::OffsetDateTime;
use time::macros::datetime;

use super::FakeCalls;
use crate::backend::Tree;
use crate::context::OpContext;
use crate::error::{Error, ErrorKind};
use crate::files::{ByteStream, FileEntry, FileKind, FilePage, PageRequest, ReadRequest, TreeCapabilities};
use crate::scan::{ScanProgress, ScanReport};

/// Bytes in a piece of a read.
const PIECE_BYTES: usize = 4096;
/// Time of the last change of every file.
const MODIFIED_AT: OffsetDateTime = datetime!(2020-01-01 00:00 UTC);

#[derive(Debug)]
pub(super) struct FakeTree {
    pub(super) report: ScanReport,
    pub(super) delay: Duration,
    pub(super) refusal: Option<String>,
    /// Contents by path; a directory is there if a file is below it.
    pub(super) files: Mutex<BTreeMap<String, Bytes>>,
    /// Number of bytes after which a read breaks off.
    pub(super) breaks_after: Option<usize>,
    pub(super) calls: Arc<FakeCalls>,
}

impl FakeTree {
    fn files(&self) -> MutexGuard<'_, BTreeMap<String, Bytes>> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn entry(&self, path: &FilePath) -> Result<FileEntry, Error> {
        let files = self.files();
        if let Some(content) = files.get(path.as_str()) {
            return Ok(FileEntry {
                kind: FileKind::File,
                size: Some(ByteCount::saturating(content.len() as u64)),
                modified_at: Some(MODIFIED_AT),
                etag: Some(format!("{:x}", fnv(content))),
                ..FileEntry::directory(path.name())
            });
        }
        let is_directory = path.is_root() || files.keys().any(|key| is_below(key, path));
        if is_directory {
            return Ok(FileEntry::directory(path.name()));
        }
        Err(Error::new(ErrorKind::NotFound, "the file"))
    }
}

/// Returns a number that differs for different contents, as far as tests are concerned (FNV-1a).
fn fnv(content: &[u8]) -> u64 {
    content.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

fn is_below(key: &str, directory: &FilePath) -> bool {
    let rest = key.strip_prefix(directory.as_str().trim_end_matches('/'));
    rest.is_some_and(|rest| rest.starts_with('/'))
}

#[async_trait]
impl Tree for FakeTree {
    async fn scan(&self, cx: &OpContext, progress: Arc<ScanProgress>) -> Result<ScanReport, Error> {
        self.calls.scans.fetch_add(1, Ordering::SeqCst);
        let _under_way = self.calls.begin();
        if let Some(reason) = self.refusal.clone() {
            return Err(Error::new(ErrorKind::NotListable, "the listing").with_source(reason));
        }
        progress.set(self.report.files / 2, self.report.directories / 2);
        cx.bound("the scan", tokio::time::sleep(self.delay)).await?;
        progress.set(self.report.files, self.report.directories);
        Ok(self.report.clone())
    }

    fn capabilities(&self) -> TreeCapabilities {
        TreeCapabilities {
            ranges: true,
            ..TreeCapabilities::default()
        }
    }

    async fn list(
        &self,
        _cx: &OpContext,
        directory: &FilePath,
        page: &PageRequest,
    ) -> Result<FilePage, Error> {
        if self.entry(directory)?.kind == FileKind::File {
            return Err(Error::new(ErrorKind::NotADirectory, "the listing"));
        }
        let start = directory.as_str().trim_end_matches('/').len() + 1;
        let mut names: Vec<String> = self
            .files()
            .keys()
            .filter(|key| is_below(key, directory))
            .filter_map(|key| Some(key.get(start..)?.split('/').next()?.to_owned()))
            .collect();
        names.dedup();
        let entries = names
            .iter()
            .filter_map(|name| self.entry(&directory.join(name).ok()?).ok());
        Ok(FilePage::of_all(entries.collect(), page, 0))
    }

    async fn stat(&self, _cx: &OpContext, path: &FilePath) -> Result<FileEntry, Error> {
        self.entry(path)
    }

    async fn read(
        &self,
        _cx: &OpContext,
        path: &FilePath,
        request: &ReadRequest,
    ) -> Result<ByteStream, Error> {
        let entry = self.entry(path)?;
        if entry.kind == FileKind::Directory {
            return Err(Error::new(ErrorKind::NotAFile, "the file"));
        }
        if request.etag.is_some() && request.etag != entry.etag {
            return Err(Error::new(ErrorKind::Changed, "the file"));
        }
        let all = self.files().get(path.as_str()).cloned().unwrap_or_default();
        let at = |offset: u64| usize::try_from(offset).unwrap_or(usize::MAX).min(all.len());
        let end = request
            .length
            .map_or(all.len(), |length| at(request.offset.saturating_add(length)));
        let part = all.slice(at(request.offset).min(end)..end);
        let kept = self
            .breaks_after
            .map_or(part.len(), |after| after.min(part.len()));
        let pieces: Vec<_> = part[..kept]
            .chunks(PIECE_BYTES)
            .map(|piece| Ok(part.slice_ref(piece)))
            .collect();
        let broken = (kept < part.len()).then(|| Err(Error::new(ErrorKind::Server, "the read")));
        Ok(stream::iter(pieces.into_iter().chain(broken)).boxed())
    }
}
