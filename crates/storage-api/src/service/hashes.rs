//! The hashes of files: of those that were written, and of those that a client wants to know.

use std::sync::Arc;

use futures_util::StreamExt as _;
use sha2::{Digest as _, Sha256};
use storage_backends::{Error, ErrorKind, FileEntry, FileKind, OpContext, Progress, ReadRequest};
use storage_domain::{BackendId, ByteCount, FileHash, FilePath, Job, JobKind};
use storage_persistence::{Content, Store, StoreError};

use super::files::files;
use super::{App, AppError, Permit};
use crate::chain::Chain;

const STEP: &str = "the hash";

impl App {
    /// Reads a file and keeps its hash, as a job that `subject` names. If the file changes meanwhile, the job fails and
    /// nothing is kept.
    ///
    /// # Errors
    /// Those of [`App::list_files`]; [`ErrorKind::NotAFile`] in [`AppError::Files`]; [`AppError::TooManyChanges`].
    pub async fn hash_file(
        self: &Arc<Self>,
        id: BackendId,
        path: FilePath,
        subject: String,
    ) -> Result<Box<Job>, AppError> {
        // Mounts what is not mounted, and refuses what can be refused at once.
        let there = self.stat_file(id, path.clone(), Permit::none()).await?;
        if there.kind == FileKind::Directory {
            return Err(files(Error::new(ErrorKind::NotAFile, STEP)));
        }
        let begun = self.supervisor.begin_change(id, JobKind::Hash).await?;
        let (backend, _) = self.with_files(id).await?;
        let app = Arc::clone(self);
        let work = |cx: OpContext, progress: Arc<Progress>| async move {
            let hash = Box::pin(app.keep_hash_of(id, &path, &progress));
            let hashed = cx.bound(STEP, hash).await;
            hashed.map_err(files)?.map(|()| progress.done())
        };
        let change = self.supervisor.change_files(begun, &backend, subject, work).await;
        change?.into_job()
    }

    async fn keep_hash_of(
        &self,
        id: BackendId,
        path: &FilePath,
        progress: &Progress,
    ) -> Result<(), AppError> {
        let stat = || self.stat_file(id, path.clone(), Permit::none());
        let FileEntry { size, etag, .. } = stat().await?;
        let Some(etag) = etag else {
            let reason = "The storage has no validator for this file, so that a hash could be that of another version; make its server send an ETag";
            return Err(files(Error::new(ErrorKind::Refused, STEP).with_source(reason)));
        };
        if let Some(size) = size {
            progress.set_total(size.get());
        }
        let hash = self.read_hash(id, path, (Some(&etag), size), progress).await?;
        // Not every storage notices a change while it is read.
        if stat().await?.etag.as_ref() != Some(&etag) {
            return Err(files(Error::new(ErrorKind::Changed, STEP)));
        }
        let content = Content {
            backend: id,
            path,
            etag: &etag,
        };
        Ok(self.supervisor.store.keep_hash(content, &hash, None).await?)
    }

    /// Reads all of a file for its hash. It has this validator and this size, as far as they are known.
    pub(super) async fn read_hash(
        &self,
        id: BackendId,
        path: &FilePath,
        (etag, size): (Option<&String>, Option<ByteCount>),
        progress: &Progress,
    ) -> Result<FileHash, AppError> {
        let request = ReadRequest {
            offset: 0,
            length: None,
            etag: etag.cloned(),
            size: size.map(ByteCount::get),
        };
        let mut content = self.read_file(id, path.clone(), request, Permit::none()).await?;
        let mut digest = Sha256::new();
        while let Some(piece) = content.next().await {
            let piece = piece.map_err(files)?;
            digest.update(&piece);
            progress.add(piece.len() as u64);
        }
        Ok(<[u8; 32]>::from(digest.finalize()).into())
    }

    /// Returns the hash of a file, if it is known.
    ///
    /// # Errors
    /// [`AppError::Store`].
    pub async fn hash_of(
        &self,
        id: BackendId,
        path: &FilePath,
        entry: &FileEntry,
    ) -> Result<Option<FileHash>, AppError> {
        let Some(etag) = &entry.etag else { return Ok(None) };
        let content = Content {
            backend: id,
            path,
            etag,
        };
        let hashes = self.supervisor.store.hashes(&[content]).await?;
        Ok(hashes.first().copied().flatten())
    }

    /// Returns the hashes of the entries of a directory, in their order, by one question to the database.
    pub(super) async fn hashes_of(
        &self,
        id: BackendId,
        directory: &FilePath,
        entries: &[FileEntry],
    ) -> Result<Vec<Option<FileHash>>, AppError> {
        let version = |entry: &FileEntry| Some((directory.join(&entry.name).ok()?, entry.etag.clone()?));
        let versions: Vec<Option<(FilePath, String)>> = entries.iter().map(version).collect();
        let asked = versions.iter().flatten().map(|(path, etag)| Content {
            backend: id,
            path,
            etag,
        });
        let found = self.supervisor.store.hashes(&asked.collect::<Vec<_>>()).await?;
        let mut found = found.into_iter();
        let hash = |version: &Option<_>| version.as_ref().and_then(|_| found.next().flatten());
        Ok(versions.iter().map(hash).collect())
    }
}

/// Keeps the hash of a version of a file, if it is known, for the path that the file was moved to. If it has another entity tag
/// there, nobody finds that hash.
pub(super) async fn move_hash(store: &Store, id: BackendId, (from, to): (&FilePath, &FilePath), etag: &str) {
    let at = |path| Content {
        backend: id,
        path,
        etag,
    };
    let moved = async {
        if let Some(Some(hash)) = store.hashes(&[at(from)]).await?.first() {
            store.keep_hash(at(to), hash, None).await?;
        }
        Ok::<_, StoreError>(())
    };
    if let Err(error) = moved.await {
        tracing::warn!(backend.id = %id, path = %to, error = %Chain(&error), "the hash of a file that was moved could not be kept");
    }
}
