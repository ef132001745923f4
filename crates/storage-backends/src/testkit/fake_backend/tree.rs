//! The files of a fake, in memory.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::stream;
use storage_domain::FilePath;

use super::FakeCalls;
use super::files::SharedFiles;
use crate::backend::Tree;
use crate::context::OpContext;
use crate::error::{Error, ErrorKind};
use crate::file_bytes::FileBytes;
use crate::files::{FileEntry, FileKind, FilePage, PageRequest, ReadRequest, TreeCapabilities};
use crate::scan::{ScanProgress, ScanReport};

/// Bytes in a piece of a read.
const PIECE_BYTES: usize = 4096;

#[derive(Debug)]
pub(super) struct FakeTree {
    pub(super) report: ScanReport,
    pub(super) delay: Duration,
    pub(super) refusal: Option<String>,
    pub(super) files: SharedFiles,
    /// Number of bytes after which a read breaks off.
    pub(super) breaks_after: Option<usize>,
    /// Whether a file that is read is replaced meanwhile.
    pub(super) replaces_read: bool,
    pub(super) calls: Arc<FakeCalls>,
}

#[async_trait]
impl Tree for FakeTree {
    async fn scan(&self, cx: &OpContext, progress: Arc<ScanProgress>) -> Result<ScanReport, Error> {
        self.calls.scans.fetch_add(1, Ordering::SeqCst);
        let _under_way = self.calls.begin();
        progress.set(self.report.files / 2, self.report.directories / 2);
        let work = async {
            tokio::time::sleep(self.delay).await;
            drop(self.calls.scanning.read().await);
        };
        cx.bound("the scan", work).await?;
        if let Some(reason) = self.refusal.clone() {
            return Err(Error::new(ErrorKind::NotListable, "the listing").with_source(reason));
        }
        progress.set(self.report.files, self.report.directories);
        Ok(self.report.clone())
    }

    fn capabilities(&self) -> TreeCapabilities {
        self.files.lock().capabilities()
    }

    async fn list(
        &self,
        _cx: &OpContext,
        directory: &FilePath,
        page: &PageRequest,
    ) -> Result<FilePage, Error> {
        let files = self.files.lock();
        if files.entry(directory)?.kind == FileKind::File {
            return Err(Error::new(ErrorKind::NotADirectory, "the listing"));
        }
        Ok(FilePage::of_all(files.within(directory), page, 0))
    }

    async fn stat(&self, _cx: &OpContext, path: &FilePath) -> Result<FileEntry, Error> {
        let files = self.files.lock();
        match files.stat_refusal.clone() {
            Some(kind) => Err(Error::new(kind, "the description").with_source("it was set up to fail")),
            None => files.entry(path),
        }
    }

    async fn read(
        &self,
        _cx: &OpContext,
        path: &FilePath,
        request: &ReadRequest,
    ) -> Result<FileBytes, Error> {
        let (entry, all) = self.files.lock().open(path)?;
        if self.replaces_read {
            let other = Bytes::from_static(b"replaced while it was read");
            self.files.lock().nodes.insert(path.to_string(), Some(other));
        }
        if request.etag.is_some() && request.etag != entry.etag {
            return Err(Error::new(ErrorKind::Changed, "the file"));
        }
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
        Ok(stream::iter(pieces.into_iter().chain(broken)).boxed().into())
    }
}
