//! The bytes of a file on disk for one client, also while the file grows.

use std::fs::File;
use std::io::{self, IoSliceMut};
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;
use std::time::Duration;

use rustix::io::{ReadWriteFlags, preadv2};
use storage_backends::{Error, ErrorKind, FileBytes, ReadRequest};
use tokio::sync::watch;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::fill::{End, Fill, Progress};
use super::kept::Kept;
use super::source::failure;
use crate::service::AppError;

/// The most bytes that one client gets before others have their turn.
const TURN: u64 = 1 << 20;
/// How many bytes lie between two that are asked for to see whether all are in memory.
const PROBE: u64 = 128 * 1024;
/// How long a fill may give nothing: longer than the storage may, so that its own error comes first.
const SILENT: Duration = Duration::from_secs(90);

/// The bytes that one client gets.
#[derive(Debug)]
pub(in crate::boot) struct Reader {
    bytes: Bytes,
    at: u64,
    end: u64,
}

#[derive(Debug)]
enum Bytes {
    /// It is held as long as it is open.
    Kept(Arc<File>, Arc<Kept>),
    Fill(Arc<Fill>, watch::Receiver<Progress>),
}

/// What comes next.
pub(in crate::boot) enum Next {
    /// So many bytes of a file, from an offset on. They are in memory.
    Part(Arc<File>, u64, u64),
    /// All that is left, from the storage.
    Rest(FileBytes),
    /// Nothing.
    End,
}

impl Reader {
    /// Reads from a file that is kept.
    pub(super) fn of(file: File, kept: Arc<Kept>, wanted: &ReadRequest) -> Self {
        let size = kept.meta.size();
        Self::new(Bytes::Kept(Arc::new(file), kept), wanted, size)
    }

    /// Reads from a file that is filled.
    pub(super) fn following(fill: Arc<Fill>, wanted: &ReadRequest) -> Self {
        let (size, progress) = (fill.size(), fill.progress.subscribe());
        Self::new(Bytes::Fill(fill, progress), wanted, size)
    }

    fn new(bytes: Bytes, wanted: &ReadRequest, size: u64) -> Self {
        let end = wanted.length.map_or(size, |length| wanted.offset + length);
        Self {
            bytes,
            at: wanted.offset,
            end: end.min(size),
        }
    }

    /// Waits for the first byte; returns whether there is one to be had here.
    ///
    /// # Errors
    /// Those of the storage.
    pub(super) async fn ready(&mut self) -> Result<bool, AppError> {
        Ok(self.at == self.end || self.good().await?.is_some())
    }

    /// Waits for what comes next.
    ///
    /// # Errors
    /// Those of the storage, and of the disk.
    pub(in crate::boot) async fn next(&mut self) -> Result<Next, AppError> {
        if self.at == self.end {
            return Ok(Next::End);
        }
        match (self.good().await?, &self.bytes) {
            (Some((file, good)), _) => {
                let length = (good.min(self.end) - self.at).min(TURN);
                warm(&file, self.at, length).await?;
                Ok(Next::Part(file, self.at, length))
            }
            (None, Bytes::Fill(fill, _)) => {
                let rest = fill.rest(self.at, self.end);
                Ok(Next::Rest(fill.source.open(&fill.place, rest).await?))
            }
            (None, Bytes::Kept(..)) => Ok(Next::End),
        }
    }

    /// Notes that so many bytes were sent.
    pub(in crate::boot) fn advance(&mut self, bytes: u64) {
        self.at += bytes;
    }

    /// Waits until the next byte can be read; returns the file, and where it ends now. `None` if the disk does not get it.
    async fn good(&mut self) -> Result<Option<(Arc<File>, u64)>, AppError> {
        let (fill, progress) = match &mut self.bytes {
            Bytes::Kept(file, kept) => return Ok(Some((Arc::clone(file), kept.meta.size()))),
            Bytes::Fill(fill, progress) => (fill, progress),
        };
        loop {
            let Progress { good, end } = progress.borrow_and_update().clone();
            if let Some(file) = fill.file.get().filter(|_| good > self.at) {
                return Ok(Some((Arc::clone(file), good)));
            }
            match end {
                Some(End::Broken(error)) => return Err(error),
                Some(End::Left | End::Whole) => return Ok(None),
                None => {}
            }
            if !matches!(timeout(SILENT, progress.changed()).await, Ok(Ok(()))) {
                return Err(failure(ErrorKind::Timeout, "the fill of the file is silent"));
            }
        }
    }
}

/// Has a part of a file in memory, so that whoever sends it does not wait for the disk.
async fn warm(file: &Arc<File>, at: u64, length: u64) -> Result<(), AppError> {
    if is_warm(file, at, length) {
        return Ok(());
    }
    let file = Arc::clone(file);
    let read = move || {
        let mut buffer = vec![0; usize::try_from(PROBE).unwrap_or(4096)];
        let (mut at, end) = (at, at + length);
        while at < end {
            match file.read_at(&mut buffer, at)? {
                0 => return Err(io::Error::from(io::ErrorKind::UnexpectedEof)),
                read => at += read as u64,
            }
        }
        Ok(())
    };
    let read = spawn_blocking(read).await;
    let failed = |error| AppError::Files(Arc::new(Error::kernel("reading the cached file", error)));
    read.map_err(|_| AppError::Task("the read of the cache"))?
        .map_err(failed)
}

/// Returns whether a part of a file is in memory, as far as some of its bytes say.
fn is_warm(file: &File, at: u64, length: u64) -> bool {
    let last = at + length - 1;
    (at..last)
        .step_by(usize::try_from(PROBE).unwrap_or(4096))
        .chain([last])
        .all(|byte| {
            let mut buffer = [0];
            let read = preadv2(
                file,
                &mut [IoSliceMut::new(&mut buffer)],
                byte,
                ReadWriteFlags::NOWAIT,
            );
            read == Ok(1)
        })
}
