//! A storage that does what a test wants.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use storage_backends::{Error, ErrorKind, FileBytes, FileEntry, FileKind, ReadRequest};
use storage_domain::{ByteCount, FileHash, FilePath};
use tokio::sync::Semaphore;

use super::super::source::{Place, Source, changed};
use super::{PIECE, hash_of};
use crate::service::AppError;

/// Files, and how their storage behaves.
#[derive(Debug)]
pub(super) struct Storage {
    files: Mutex<HashMap<FilePath, Bytes>>,
    /// How every question fails, and every piece from now on.
    failure: Mutex<Option<ErrorKind>>,
    /// The hash that every file has to have.
    pub(super) expected: Mutex<Option<FileHash>>,
    /// Pieces that may come.
    pub(super) pieces: Semaphore,
    /// Questions that may be answered.
    pub(super) answers: Semaphore,
    stats: AtomicUsize,
    opens: AtomicUsize,
}

#[derive(Debug, Clone)]
pub(super) struct Fake(pub(super) Arc<Storage>);

impl Fake {
    pub(super) fn new() -> Self {
        Self(Arc::new(Storage {
            files: Mutex::default(),
            failure: Mutex::default(),
            expected: Mutex::default(),
            pieces: Semaphore::new(Semaphore::MAX_PERMITS),
            answers: Semaphore::new(Semaphore::MAX_PERMITS),
            stats: AtomicUsize::new(0),
            opens: AtomicUsize::new(0),
        }))
    }

    pub(super) fn put(&self, path: &str, content: &[u8]) {
        let content = Bytes::copy_from_slice(content);
        self.0
            .files
            .lock()
            .unwrap()
            .insert(path.parse().unwrap(), content);
    }

    pub(super) fn fail(&self, kind: Option<ErrorKind>) {
        *self.0.failure.lock().unwrap() = kind;
    }

    /// From now on pieces come when they are let.
    pub(super) fn hold_pieces(&self) {
        self.0.pieces.forget_permits(usize::MAX);
    }

    pub(super) fn let_pieces(&self, number: usize) {
        self.0.pieces.add_permits(number);
    }

    pub(super) fn opens(&self) -> usize {
        self.0.opens.load(Ordering::SeqCst)
    }

    pub(super) fn stats(&self) -> usize {
        self.0.stats.load(Ordering::SeqCst)
    }
}

impl Storage {
    fn failure(&self) -> Result<(), Error> {
        match self.failure.lock().unwrap().clone() {
            Some(kind) => Err(Error::new(kind, "the storage")),
            None => Ok(()),
        }
    }

    fn find(&self, path: &FilePath) -> Result<(FileEntry, Bytes), Error> {
        self.failure()?;
        let content = self.files.lock().unwrap().get(path).cloned();
        let content = content.ok_or_else(|| Error::new(ErrorKind::NotFound, "the file"))?;
        let entry = FileEntry {
            name: path.name().to_owned(),
            kind: FileKind::File,
            size: Some(ByteCount::saturating(content.len() as u64)),
            modified_at: None,
            etag: Some(hash_of(&content).to_string()),
        };
        Ok((entry, content))
    }
}

fn files(error: Error) -> AppError {
    AppError::Files(Arc::new(error))
}

#[async_trait]
impl Source for Fake {
    async fn stat(&self, place: &Place) -> Result<FileEntry, AppError> {
        self.0.stats.fetch_add(1, Ordering::SeqCst);
        self.0.answers.acquire().await.unwrap().forget();
        Ok(self.0.find(&place.path).map_err(files)?.0)
    }

    async fn open(&self, place: &Place, wanted: ReadRequest) -> Result<FileBytes, AppError> {
        self.0.opens.fetch_add(1, Ordering::SeqCst);
        let (entry, content) = self.0.find(&place.path).map_err(files)?;
        if wanted.etag != entry.etag {
            return Err(changed());
        }
        let first = usize::try_from(wanted.offset).unwrap();
        let end = wanted
            .length
            .map_or(content.len(), |length| first + usize::try_from(length).unwrap());
        let part = content.slice(first..end);
        let pieces: Vec<Bytes> = part.chunks(PIECE).map(|piece| part.slice_ref(piece)).collect();
        let storage = Arc::clone(&self.0);
        let pieces = stream::iter(pieces).then(move |piece| {
            let storage = Arc::clone(&storage);
            async move {
                storage.pieces.acquire().await.unwrap().forget();
                storage.failure().map(|()| piece)
            }
        });
        Ok(pieces.boxed().into())
    }

    async fn hash(&self, _place: &Place, _entry: &FileEntry) -> Option<FileHash> {
        *self.0.expected.lock().unwrap()
    }
}
