//! A file that is filled, and how far that is.

use std::fs::File;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use storage_backends::{ErrorKind, FileEntry, ReadRequest};
use storage_domain::{ByteCount, FileHash};
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::source::{Place, Source, changed, failure};
use crate::service::AppError;

/// How long the storage may give nothing.
const SILENT: Duration = Duration::from_secs(30);

/// A file that is filled.
#[derive(Debug)]
pub(super) struct Fill {
    pub(super) source: Arc<dyn Source>,
    pub(super) place: Place,
    pub(super) entry: FileEntry,
    pub(super) cancel: CancellationToken,
    pub(super) progress: watch::Sender<Progress>,
    /// There once a byte may be served.
    pub(super) file: OnceLock<Arc<File>>,
}

/// How far a fill is.
#[derive(Debug, Clone, Default)]
pub(super) struct Progress {
    /// Number of bytes that may be served.
    pub(super) good: u64,
    /// How it ended, if it did.
    pub(super) end: Option<End>,
}

/// How a fill can end.
#[derive(Debug, Clone)]
pub(super) enum End {
    /// All of the file may be served.
    Whole,
    /// What the disk does not have each client has to read from the storage.
    Left,
    /// There is no more of this file.
    Broken(AppError),
}

impl From<AppError> for End {
    fn from(error: AppError) -> Self {
        Self::Broken(error)
    }
}

impl Fill {
    pub(super) fn new(
        source: Arc<dyn Source>,
        place: &Place,
        entry: &FileEntry,
        cancel: CancellationToken,
    ) -> Arc<Self> {
        Arc::new(Self {
            source,
            place: place.clone(),
            entry: entry.clone(),
            cancel,
            progress: watch::Sender::default(),
            file: OnceLock::new(),
        })
    }

    pub(super) fn size(&self) -> u64 {
        self.entry.size.map_or(0, ByteCount::get)
    }

    /// Returns how many bytes may be served.
    pub(super) fn good(&self) -> u64 {
        self.progress.borrow().good
    }

    /// Returns what to ask the storage for from a byte on.
    pub(super) fn rest(&self, offset: u64, end: u64) -> ReadRequest {
        ReadRequest {
            offset,
            length: Some(end - offset),
            etag: self.entry.etag.clone(),
            size: Some(self.size()),
        }
    }

    pub(super) fn publish(&self, good: u64, end: Option<End>) {
        self.progress.send_replace(Progress { good, end });
    }

    /// Waits for the storage, as long as it may be silent and nobody ends the fill.
    pub(super) fn wait<T>(&self, work: impl Future<Output = Result<T, AppError>>) -> Result<T, AppError> {
        let bounded = async {
            let silent = || failure(ErrorKind::Timeout, "the storage is silent");
            tokio::select! {
                () = self.cancel.cancelled() => Err(changed()),
                done = timeout(SILENT, work) => done.unwrap_or_else(|_| Err(silent())),
            }
        };
        Handle::current().block_on(bounded)
    }

    /// Confirms that the bytes are those of the file that was described; returns whether they may be kept.
    pub(super) fn confirm(&self, found: FileHash, expected: Option<FileHash>) -> Result<bool, End> {
        match expected {
            Some(hash) if hash == found => return Ok(true),
            Some(hash) => {
                let (backend, path) = (self.place.backend.id, &self.place.path);
                tracing::warn!(
                    backend.id = %backend, path = %path, %found, expected = %hash,
                    "a boot file has not the SHA-256 that it had when it was written; nobody gets all of it"
                );
                return Err(failure(ErrorKind::Server, "its SHA-256 is not the one that is known").into());
            }
            None => {}
        }
        // Not every storage notices a change while it is read.
        match self.wait(self.source.stat(&self.place)) {
            Ok(now) if (&now.etag, now.size) == (&self.entry.etag, self.entry.size) => Ok(true),
            Ok(_) => Err(changed().into()),
            Err(_) if self.cancel.is_cancelled() => Err(changed().into()),
            Err(_) => Ok(false),
        }
    }
}
