//! The hashes of files that were uploaded.

use storage_backends::FileEntry;
use storage_domain::{BackendId, FileHash, FilePath};
use storage_persistence::{Content, Store, StoreError};

use super::{App, AppError};
use crate::chain::Chain;

impl App {
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
