//! Filling a file: once, for all who ask for it meanwhile.

use std::io;
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use futures_util::{FutureExt as _, StreamExt as _};
use sha2::{Digest as _, Sha256};
use storage_backends::ErrorKind;
use storage_domain::FileHash;
use time::OffsetDateTime;
use tokio::runtime::Handle;
use tokio::time::Instant;
use uuid::Uuid;

use super::disk::Meta;
use super::fill::{End, Fill};
use super::kept::Kept;
use super::source::{changed, failure};
use super::{Cache, Held, cost};
use crate::chain::Chain;
use crate::service::AppError;

/// The last bytes of a file, which nobody gets before all of it was confirmed.
const TAIL: u64 = 64 * 1024;
/// After how many bytes those who follow are woken, if the storage has more at once.
const STEP: u64 = 256 * 1024;
/// How long a fill that nobody follows goes on, if it is not far: boot loaders read a file by many requests.
const DESERTED: Duration = Duration::from_secs(10);

impl Cache {
    /// Fills a file. Blocks until it is kept, or is not to be.
    pub(super) fn fill(&self, fill: &Arc<Fill>) {
        let (name, cost) = (Uuid::now_v7(), cost(fill.size()));
        let is_reserved = self.reserve(fill.size());
        let copied = if is_reserved {
            self.copy(fill, name)
        } else {
            Err(End::Left)
        };
        let is_kept = match copied {
            Ok(hash) => {
                fill.publish(fill.size(), Some(End::Whole));
                hash.is_some_and(|hash| self.keep(fill, name, hash))
            }
            Err(end) => {
                self.end(fill, end);
                false
            }
        };
        if !is_kept {
            self.leave(fill);
            self.disk.remove(name);
            if is_reserved {
                let mut state = self.state();
                state.used = state.used.saturating_sub(cost);
            }
        }
    }

    /// Ends a fill that comes to nothing.
    pub(super) fn end(&self, fill: &Arc<Fill>, end: End) {
        if let End::Broken(error) = &end {
            let (backend, path) = (fill.place.backend.id, &fill.place.path);
            tracing::debug!(backend.id = %backend, path = %path, error = %Chain(error), "a boot file was not cached");
        }
        // First, so that whoever comes now does not find it.
        self.leave(fill);
        fill.publish(fill.good(), Some(end));
    }

    /// Takes a fill out of its slot.
    fn leave(&self, fill: &Arc<Fill>) {
        let (mut state, key) = (self.state(), fill.place.key());
        let held = state.slots.get(&key).and_then(|slot| slot.held.as_ref());
        if held.is_some_and(|held| held.is(fill)) {
            state.slots.remove(&key);
        }
    }

    /// Copies the bytes to the disk; returns their hash if they may be kept.
    fn copy(&self, fill: &Fill, name: Uuid) -> Result<Option<FileHash>, End> {
        let data = self.disk.create(name).map_err(|error| unwritten(&error))?;
        let data = Arc::clone(fill.file.get_or_init(|| Arc::new(data)));
        let (size, source) = (fill.size(), &fill.source);
        let expected = Handle::current().block_on(source.hash(&fill.place, &fill.entry));
        let mut bytes = fill.wait(source.open(&fill.place, fill.rest(0, size)))?;
        let (mut written, mut digest, mut deserted) = (0, Sha256::new(), None);
        loop {
            let good = written.min(size.saturating_sub(TAIL));
            let piece = if let Some(piece) = bytes.next().now_or_never() {
                piece
            } else {
                fill.publish(good, None);
                fill.wait(bytes.next().map(Ok))?
            };
            let Some(piece) = piece else { break };
            let piece = piece.map_err(|error| AppError::Files(Arc::new(error)))?;
            let after = written + piece.len() as u64;
            if after > size {
                return Err(failure(ErrorKind::Server, "the file is longer than it was").into());
            }
            let write = || data.write_all_at(&piece, written);
            let again = |error: io::Error| {
                if self.make_room(size - written) {
                    write()
                } else {
                    Err(error)
                }
            };
            write().or_else(again).map_err(|error| unwritten(&error))?;
            digest.update(&piece);
            written = after;
            if good >= fill.good() + STEP {
                fill.publish(good, None);
            }
            if fill.cancel.is_cancelled() || self.is_deserted(fill, written, &mut deserted) {
                return Err(changed().into());
            }
        }
        if written < size {
            return Err(failure(ErrorKind::Server, "the file is shorter than it was").into());
        }
        let hash = FileHash::from(<[u8; 32]>::from(digest.finalize()));
        Ok(fill.confirm(hash, expected)?.then_some(hash))
    }

    /// Returns whether nobody waits for a fill any more that is not far.
    fn is_deserted(&self, fill: &Fill, written: u64, since: &mut Option<Instant>) -> bool {
        if fill.progress.receiver_count() > 0 {
            *since = None;
            return false;
        }
        let place = &fill.place;
        let for_long = since.get_or_insert_with(Instant::now).elapsed() >= DESERTED;
        for_long && written <= fill.size() / 4 && !self.is_pinned(place.backend.name.as_str(), &place.path)
    }

    /// Keeps a file, unless it was forgotten meanwhile; returns whether it is kept.
    fn keep(&self, fill: &Arc<Fill>, name: Uuid, hash: FileHash) -> bool {
        let place = &fill.place;
        let meta = Meta {
            backend: place.backend.id,
            name: place.backend.name.to_string(),
            config: place.backend.config.clone(),
            path: place.path.to_string(),
            entry: fill.entry.clone(),
            sha256: hash.to_string(),
            filled_at: OffsetDateTime::now_utc(),
        };
        let Some(data) = fill.file.get() else { return false };
        let prepared = data.sync_all().and_then(|()| self.disk.prepare(name, &meta));
        let kept = prepared.and_then(|()| {
            let mut state = self.state();
            let slot = state.slots.get_mut(&place.key());
            let Some(slot) = slot.filter(|slot| slot.held.as_ref().is_some_and(|held| held.is(fill))) else {
                return Ok(false);
            };
            // Under the lock, so that nothing forgets it in between.
            self.disk.commit(name)?;
            let is_pinned = self.is_pinned(&meta.name, &place.path);
            let kept = Kept::new(name, meta, is_pinned, SystemTime::now(), false);
            slot.held = Some(Held::Kept(Arc::new(kept)));
            drop(state);
            if let Err(error) = self.disk.sync() {
                tracing::warn!(%error, "a cached boot file may be lost if the power goes");
            }
            Ok(true)
        });
        kept.unwrap_or_else(|error| {
            tracing::warn!(%error, "a boot file could not be kept on disk");
            false
        })
    }
}

/// What a disk that can't be written to means.
fn unwritten(error: &io::Error) -> End {
    tracing::warn!(%error, "the boot cache can't be written to; files are read from their storage");
    End::Left
}
