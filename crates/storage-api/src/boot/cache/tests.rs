//! The cache over a source that does what a test wants.

mod fake;
mod fills;
mod restarts;
mod room;
mod stale;

use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::time::Duration;

use futures_util::StreamExt as _;
use sha2::{Digest as _, Sha256};
use storage_backends::{ErrorKind, FileBytes};
use storage_domain::FileHash;
use tempfile::TempDir;
use uuid::Uuid;

use self::fake::Fake;
use super::super::known::Known;
use super::super::origin::Origin;
use super::*;
use crate::http::download::FileRequest;

const MIB: usize = 1 << 20;
/// Bytes in a piece.
const PIECE: usize = 64 * 1024;
const PATH: &str = "/boot/linux";

fn hash_of(content: &[u8]) -> FileHash {
    <[u8; 32]>::from(Sha256::digest(content)).into()
}

/// So many bytes, which differ at each place.
fn content(bytes: usize) -> Vec<u8> {
    (0..bytes)
        .map(|n| u8::try_from((n % 251 + n / 65_536) % 256).unwrap())
        .collect()
}

/// What a client got.
#[derive(Debug, PartialEq, Eq)]
enum Got {
    Whole(Vec<u8>, Origin),
    /// So many bytes, and then the connection ended.
    Short(Vec<u8>),
    Refused(u16),
}

/// A cache, and the storage behind it.
struct Lab {
    fake: Fake,
    home: TempDir,
    settings: CacheSettings,
    backend: Arc<Known>,
    cache: Arc<Cache>,
}

impl Lab {
    fn new() -> Self {
        Self::with(256 * MIB as u64, &[])
    }

    fn with(bytes: u64, pinned: &[&str]) -> Self {
        let (fake, home) = (Fake::new(), tempfile::tempdir().unwrap());
        let settings = CacheSettings {
            directory: home.path().to_owned(),
            bytes,
            pinned: pinned.iter().map(|pin| pin.parse().unwrap()).collect(),
        };
        let backend = Known {
            id: BackendId::generate(),
            name: "images".parse().unwrap(),
            boot_path: Some(FilePath::root()),
            config: "first".to_owned(),
        };
        Self {
            cache: Cache::open(Arc::new(fake.clone()), settings.clone()).unwrap(),
            backend: Arc::new(backend),
            fake,
            home,
            settings,
        }
    }

    /// Opens the directory once more, after a clean end or without one.
    async fn restart(&mut self, is_clean: bool) {
        if is_clean {
            self.cache.close().await;
        }
        self.cache = Cache::open(Arc::new(self.fake.clone()), self.settings.clone()).unwrap();
    }

    fn place(&self, path: &str) -> Place {
        Place {
            backend: Arc::clone(&self.backend),
            path: path.parse().unwrap(),
        }
    }

    async fn get(&self, path: &str) -> Got {
        self.ask(path, None).await
    }

    async fn ask(&self, path: &str, range: Option<&str>) -> Got {
        self.request(path, true, range).await
    }

    async fn request(&self, path: &str, is_get: bool, range: Option<&str>) -> Got {
        let range = range.map(str::to_owned);
        let asked = FileRequest::new(is_get, |name| range.clone().filter(|_| name == "range"));
        let opened = self.cache.download(&self.place(path), &asked).await;
        let (file, reader, origin) = match opened {
            Ok(opened) => opened,
            Err(error) => return Got::Refused(error.0.code.status()),
        };
        let mut got = Vec::new();
        let whole = match (reader, file.bytes) {
            (Some(reader), _) => read_all(reader, &mut got).await,
            (None, Some(bytes)) => collect(bytes, &mut got).await,
            (None, None) => true,
        };
        if whole {
            Got::Whole(got, origin)
        } else {
            Got::Short(got)
        }
    }

    /// Waits until a file is kept.
    async fn kept(&self, path: &str) {
        self.until(path, |held| matches!(held, Some(Held::Kept(_)))).await;
    }

    /// Returns a file that is kept.
    fn now_kept(&self, path: &str) -> Arc<Kept> {
        let state = self.cache.state();
        match &state.slots[&self.place(path).key()].held {
            Some(Held::Kept(kept)) => Arc::clone(kept),
            other => panic!("{other:?}"),
        }
    }

    /// Waits for a state of a file.
    async fn until(&self, path: &str, is_there: impl Fn(Option<&Held>) -> bool) {
        let key = self.place(path).key();
        until(|| {
            let state = self.cache.state();
            is_there(state.slots.get(&key).and_then(|slot| slot.held.as_ref()))
        })
        .await;
    }

    /// Names of the files on disk, without the marker.
    fn names(&self) -> Vec<String> {
        names(self.home.path())
    }
}

fn names(directory: &Path) -> Vec<String> {
    let names = std::fs::read_dir(directory).unwrap();
    let mut names: Vec<_> = names
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name != "running")
        .collect();
    names.sort();
    names
}

/// Waits for a state, while other tasks go on.
async fn until(is_there: impl Fn() -> bool) {
    let end = std::time::Instant::now() + Duration::from_secs(20);
    while !is_there() {
        assert!(std::time::Instant::now() < end, "not in time");
        tokio::task::yield_now().await;
    }
}

async fn read_all(mut reader: Reader, got: &mut Vec<u8>) -> bool {
    loop {
        match reader.next().await {
            Ok(Next::Part(file, at, length)) => {
                let mut part = vec![0; usize::try_from(length).unwrap()];
                file.read_exact_at(&mut part, at).unwrap();
                got.extend(part);
                reader.advance(length);
            }
            Ok(Next::Rest(bytes)) => return collect(bytes, got).await,
            Ok(Next::End) => return true,
            Err(_) => return false,
        }
    }
}

async fn collect(mut bytes: FileBytes, got: &mut Vec<u8>) -> bool {
    while let Some(piece) = bytes.next().await {
        match piece {
            Ok(piece) => got.extend(piece),
            Err(_) => return false,
        }
    }
    true
}
