//! What a copy reads.

use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use anyhow::{Context as _, anyhow};
use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use sha2::{Digest as _, Sha256};
use storage_backends::{ByteStream, Error, ErrorKind};
use storage_domain::FilePath;
use tokio::io::{AsyncReadExt as _, AsyncSeekExt as _, SeekFrom};

use super::api::Api;
use super::place::End;
use crate::exit::Failure;

/// Bytes that are read from a local file at once.
const PIECE_BYTES: usize = 256 * 1024;

/// A file, as it was when the copy began.
#[derive(Debug)]
pub(super) enum Source {
    Local {
        path: PathBuf,
        name: String,
        size: u64,
        /// Time of the last change, in nanoseconds.
        modified: u128,
    },
    Remote {
        backend: String,
        path: FilePath,
        size: Option<u64>,
        etag: Option<String>,
    },
}

impl Source {
    pub(super) async fn find(api: &Api, end: &End) -> Result<Self, Failure> {
        match end {
            End::Local(path) => Self::local(path).await,
            End::Remote(place, _) => {
                let backend = api.backend(&place.name).await?;
                let stat = api.stat(&backend, &place.path).await?;
                if stat["type"] == "directory" {
                    return Err(anyhow!("{} is a directory; name a file", place.path).into());
                }
                Ok(Self::Remote {
                    backend,
                    path: place.path.clone(),
                    size: stat["size"].as_u64(),
                    etag: stat["etag"].as_str().map(str::to_owned),
                })
            }
        }
    }

    async fn local(path: &Path) -> Result<Self, Failure> {
        let shown = path.display();
        let metadata = tokio::fs::metadata(path).await;
        let metadata = metadata.with_context(|| format!("{shown} can't be read"))?;
        let name = path.file_name().and_then(|name| name.to_str());
        let Some(name) = name.filter(|_| metadata.is_file()) else {
            return Err(anyhow!("{shown} is not a file with a name in UTF-8").into());
        };
        let modified = metadata.modified().ok();
        let modified = modified.and_then(|at| at.duration_since(UNIX_EPOCH).ok());
        Ok(Self::Local {
            path: path.to_owned(),
            name: name.to_owned(),
            size: metadata.len(),
            modified: modified.unwrap_or_default().as_nanos(),
        })
    }

    pub(super) fn name(&self) -> &str {
        match self {
            Self::Local { name, .. } => name,
            Self::Remote { path, .. } => path.name(),
        }
    }

    pub(super) fn size(&self) -> Option<u64> {
        match self {
            Self::Local { size, .. } => Some(*size),
            Self::Remote { size, .. } => *size,
        }
    }

    /// Returns what changes with the file's content; `None` if nothing does, so that no copy of it can be resumed.
    pub(super) fn version(&self) -> Option<String> {
        match self {
            Self::Local {
                path, size, modified, ..
            } => Some(format!(
                "{} {size} {modified}",
                path.canonicalize().ok()?.display()
            )),
            Self::Remote {
                backend, path, etag, ..
            } => Some(format!("{backend} {path} {}", etag.as_ref()?)),
        }
    }

    /// Reads from an offset to the end.
    pub(super) async fn read(&self, api: &Api, offset: u64) -> Result<ByteStream, Failure> {
        match self {
            Self::Local { path, .. } => {
                let shown = path.display();
                let file = tokio::fs::File::open(path).await;
                let mut file = file.with_context(|| format!("opening {shown} failed"))?;
                let found = file.seek(SeekFrom::Start(offset)).await;
                found.with_context(|| format!("reading {shown} failed"))?;
                Ok(stream::try_unfold(file, next).boxed())
            }
            Self::Remote {
                backend, path, etag, ..
            } => api.download(backend, path, offset, etag.as_deref()).await,
        }
    }
}

/// Returns a short name of a text that no other text has.
pub(super) fn fingerprint(text: &str) -> String {
    let hash: [u8; 32] = Sha256::digest(text).into();
    hash[..16]
        .iter()
        .fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

async fn next(mut file: tokio::fs::File) -> Result<Option<(Bytes, tokio::fs::File)>, Error> {
    let mut piece = Vec::with_capacity(PIECE_BYTES);
    let read = file.read_buf(&mut piece).await;
    read.map_err(|error| Error::new(ErrorKind::Kernel, "reading the file").with_source(error))?;
    Ok((!piece.is_empty()).then(|| (piece.into(), file)))
}
