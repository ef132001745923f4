//! Boot files on local disk: each is read once from its storage, and served without it from then on.
//!
//! What is served was confirmed to be the version that its metadata names. Nothing here touches the database, since each host has
//! a disk of its own.

mod check;
mod copy;
mod disk;
mod fill;
mod kept;
mod pin;
mod reader;
mod room;
mod serve;
mod source;
#[cfg(test)]
mod tests;
mod verify;

pub use self::disk::CacheError;
pub use self::pin::Pin;
pub(super) use self::reader::{Next, Reader};
pub(super) use self::source::{Place, Source};

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, ready};
use storage_backends::FileEntry;
use storage_domain::{BackendId, FilePath};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use self::check::Check;
use self::disk::Disk;
use self::fill::Fill;
use self::kept::Kept;

/// Files that are filled at once; further ones are read from their storage for each client.
const FILLS: usize = 8;
/// What each file counts besides its bytes, so that tiny files are bounded too.
const OVERHEAD: u64 = 64 * 1024;

/// Where boot files are kept, and how many.
#[derive(Debug, Clone)]
pub struct CacheSettings {
    /// The directory, which has to be there and private.
    pub directory: PathBuf,
    /// How many bytes are kept.
    pub bytes: u64,
    /// What is never evicted.
    pub pinned: Vec<Pin>,
}

/// The cache.
#[derive(Debug)]
pub(super) struct Cache {
    source: Arc<dyn Source>,
    disk: Disk,
    settings: CacheSettings,
    state: Mutex<State>,
    fills: Arc<Semaphore>,
    stop: CancellationToken,
    tasks: TaskTracker,
}

type Key = (BackendId, FilePath);

#[derive(Debug, Default)]
struct State {
    slots: HashMap<Key, Slot>,
    /// What is kept and filled, in bytes with their [`OVERHEAD`].
    used: u64,
}

/// What there is of a file.
#[derive(Debug, Default)]
struct Slot {
    held: Option<Held>,
    check: Option<Check>,
    /// When the storage was asked last.
    asked: Option<Instant>,
    /// Whether it confirmed what is held.
    is_confirmed: bool,
    /// Since when it says that there is no such file.
    missing: Option<Instant>,
}

/// The bytes of a file.
#[derive(Debug, Clone)]
enum Held {
    Kept(Arc<Kept>),
    Fill(Arc<Fill>),
}

impl Held {
    fn entry(&self) -> &FileEntry {
        match self {
            Self::Kept(kept) => &kept.meta.entry,
            Self::Fill(fill) => &fill.entry,
        }
    }

    fn config(&self) -> &str {
        match self {
            Self::Kept(kept) => &kept.meta.config,
            Self::Fill(fill) => &fill.place.backend.config,
        }
    }

    fn is_version(&self, entry: &FileEntry) -> bool {
        let own = self.entry();
        (&own.etag, own.size) == (&entry.etag, entry.size)
    }

    fn is(&self, fill: &Arc<Fill>) -> bool {
        matches!(self, Self::Fill(own) if Arc::ptr_eq(own, fill))
    }
}

impl State {
    /// Empties a slot: a fill ends, and what was kept is returned, to be removed from the disk.
    fn empty(&mut self, key: &Key) -> Option<Arc<Kept>> {
        match self.slots.remove(key)?.held? {
            Held::Kept(kept) => {
                self.used = self.used.saturating_sub(cost(kept.meta.size()));
                Some(kept)
            }
            Held::Fill(fill) => {
                fill.cancel.cancel();
                None
            }
        }
    }
}

impl Cache {
    /// Opens the directory, and takes up what is in it.
    ///
    /// # Errors
    /// [`CacheError`].
    pub(super) fn open(source: Arc<dyn Source>, settings: CacheSettings) -> Result<Arc<Self>, CacheError> {
        let disk = Disk::open(&settings.directory)?;
        let mut cache = Self {
            source,
            disk,
            settings,
            state: Mutex::default(),
            fills: Arc::new(Semaphore::new(FILLS)),
            stop: CancellationToken::new(),
            tasks: TaskTracker::new(),
        };
        cache.load()?;
        let cache = Arc::new(cache);
        if cache.disk.was_cut {
            cache.tasks.spawn(Arc::clone(&cache).scrub());
        }
        Ok(cache)
    }

    fn load(&mut self) -> Result<(), CacheError> {
        let directory = &self.settings.directory;
        let unusable = |source| CacheError::Unusable {
            directory: directory.clone(),
            source,
        };
        let mut found = self.disk.load().map_err(unusable)?;
        found.sort_by_key(|(_, _, used)| *used);
        let mut state = State::default();
        for (name, meta, used) in found {
            let Some(key) = meta.key() else {
                self.disk.remove(name);
                continue;
            };
            let is_pinned = self.is_pinned(&meta.name, &key.1);
            // Two of one file are there if a service ended between their change and the removal of the older one.
            if let Some(older) = state.empty(&key) {
                self.disk.remove(older.name);
            }
            state.used += cost(meta.size());
            let kept = Kept::new(name, meta, is_pinned, used, self.disk.was_cut);
            state.slots.entry(key).or_default().held = Some(Held::Kept(Arc::new(kept)));
        }
        self.state = Mutex::new(state);
        Ok(())
    }

    /// Ends fills and checks, and notes a clean end.
    pub(super) async fn close(&self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
        let is_unproven = |slot: &Slot| matches!(&slot.held, Some(Held::Kept(kept)) if kept.proof.is_due());
        if !self.state().slots.values().any(is_unproven) {
            self.disk.end();
        }
    }

    /// Forgets a file, or all that is below a directory, at once. The disk has forgotten it when the future ends.
    pub(super) fn forget(self: &Arc<Self>, backend: BackendId, path: &FilePath) -> BoxFuture<'static, ()> {
        let mut state = self.state();
        let is_of = |key: &&Key| key.0 == backend && (key.1 == *path || key.1.is_below(path));
        let keys: Vec<Key> = state.slots.keys().filter(is_of).cloned().collect();
        let gone: Vec<_> = keys.iter().filter_map(|key| state.empty(key)).collect();
        drop(state);
        if gone.is_empty() {
            return ready(()).boxed();
        }
        self.remove_later(gone).map(|_ended| ()).boxed()
    }

    /// Removes files from the disk, on a thread that may wait for it.
    fn remove_later(self: &Arc<Self>, gone: Vec<Arc<Kept>>) -> JoinHandle<()> {
        let cache = Arc::clone(self);
        self.tasks.spawn_blocking(move || cache.remove(&gone))
    }

    /// Drops a file that is damaged, if it is still the one that is kept.
    fn drop_damaged(&self, kept: &Arc<Kept>) {
        let Some(key) = kept.meta.key() else { return };
        let mut state = self.state();
        let held = state.slots.get(&key).and_then(|slot| slot.held.as_ref());
        if matches!(held, Some(Held::Kept(own)) if Arc::ptr_eq(own, kept)) {
            state.empty(&key);
            drop(state);
            tracing::warn!(
                backend.id = %key.0, path = %key.1,
                "a cached boot file is damaged; it is read from its storage again"
            );
            self.remove(std::slice::from_ref(kept));
        }
    }

    /// Removes files from the disk. Clients that read them go on.
    fn remove(&self, gone: &[Arc<Kept>]) {
        for kept in gone {
            self.disk.remove(kept.name);
        }
        if let Err(error) = self.disk.sync() {
            tracing::warn!(%error, "the removal of cached boot files may be lost if the power goes");
        }
    }

    fn is_pinned(&self, backend: &str, path: &FilePath) -> bool {
        self.settings.pinned.iter().any(|pin| pin.holds(backend, path))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a file of this size counts.
fn cost(size: u64) -> u64 {
    size.saturating_add(OVERHEAD)
}
