//! The keys of the store: which it has, which the database wants, and what happens when they change.

mod report;
mod reset;
mod rotate;
mod rows;
pub(super) mod table;
mod vacuum;

use std::sync::{Arc, PoisonError, RwLock};

use tokio::sync::Mutex;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use zeroize::Zeroizing;

pub use self::report::{KeyReport, KeyUse};
pub use self::reset::{Dropped, Reset};
pub use self::rotate::{Rotated, Rotation};
use super::Store;
use crate::error::StoreError;
use crate::keys::{KeyError, KeyId, KeyRing, KeySource, SecretKey};

/// Times that keys are looked for, each of which a rotation may spoil.
const MAX_LOOKS: usize = 3;

/// The keys that all clones of a store share.
#[derive(Debug, Default)]
pub(crate) struct Keyring {
    held: RwLock<Option<Arc<Held>>>,
    /// One task at a time reads the keys again, and the others take what it found.
    reloading: Mutex<()>,
}

/// The keys at one moment.
#[derive(Debug)]
pub(crate) struct Held {
    pub(crate) ring: KeyRing,
    /// The present key, as the database has it: what is written is encrypted with it.
    current: KeyId,
    source: KeySource,
}

impl Held {
    /// The present key.
    pub(super) fn key(&self) -> Option<&SecretKey> {
        self.ring.get(self.current.as_str())
    }
}

impl Keyring {
    /// The keys, once there are some.
    pub(super) fn held(&self) -> Option<Arc<Held>> {
        self.held.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn hold(&self, held: Held) -> Arc<Held> {
        let held = Arc::new(held);
        *self.held.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&held));
        held
    }
}

impl Store {
    /// Returns the keys of signed links, the present one first; none before [`Store::unlock`].
    pub fn link_keys(&self) -> Vec<Zeroizing<[u8; 32]>> {
        let held = self.keyring.held();
        held.map(|held| held.ring.of_links(&held.current))
            .unwrap_or_default()
    }

    /// Gives the store its keys: checks that they are those of the database, or makes the first one its key. Renders rows that an
    /// earlier release wrote. The schema has to be up to date. Several processes may do so at once.
    ///
    /// # Errors
    /// [`StoreError::Keys`] if the keys are missing or are not the database's; and the database's own.
    pub async fn unlock(&self, source: KeySource) -> Result<(), StoreError> {
        self.take_keys(source).await?;
        self.render_missing().await;
        self.vacuum_if_due().await
    }

    /// The keys of the database, held from now on; registers the newest if the database has none.
    async fn take_keys(&self, source: KeySource) -> Result<Arc<Held>, StoreError> {
        repeated(|| self.look_for_keys(&source)).await
    }

    async fn look_for_keys(&self, source: &KeySource) -> Result<Arc<Held>, StoreError> {
        let known = self.known_keys().await?;
        let ring = match known.first() {
            None => source.load_or_make()?,
            Some(first) => source.load().map_err(|error| lost(source, error, &first.id))?,
        };
        let current = match known.iter().find(|key| key.is_current) {
            Some(current) => current.id.clone(),
            None => self.register(ring.newest()).await?,
        };
        let used: Vec<KeyId> = self.used_keys().await?.into_iter().map(|(id, _)| id).collect();
        for id in [&current].into_iter().chain(&used) {
            if !ring.has(id) {
                return Err(wanted(source, &ring, id).into());
            }
        }
        if *ring.newest() != current {
            tracing::info!(newest = %ring.newest(), present = %current, "a newer key is there and not yet in use: `keys rotate` changes over to it");
        }
        Ok(self.keyring.hold(Held {
            ring,
            current,
            source: source.clone(),
        }))
    }

    /// Returns keys other than `held`, if there are some by now: the file may have changed, and the present key too.
    pub(super) async fn newer_keys(&self, held: Option<&Arc<Held>>) -> Result<Option<Arc<Held>>, StoreError> {
        const WHAT: &str = "reading the keys again";
        let Some(held) = held else { return Ok(None) };
        let reload = timeout(self.deadline, self.reload_keys(held)).await;
        reload.unwrap_or_else(|_| Err(StoreError::too_slow(WHAT)))
    }

    async fn reload_keys(&self, held: &Arc<Held>) -> Result<Option<Arc<Held>>, StoreError> {
        let _reloading = self.keyring.reloading.lock().await;
        if let Some(now) = self.keyring.held()
            && !Arc::ptr_eq(&now, held)
        {
            return Ok(Some(now));
        }
        repeated(|| self.look_again(held)).await
    }

    async fn look_again(&self, held: &Held) -> Result<Option<Arc<Held>>, StoreError> {
        let source = held.source.clone();
        // A file system may hang, and the caller may be a web thread.
        let loaded = spawn_blocking(move || source.load().map(|ring| (source, ring))).await;
        let (source, ring) = loaded.map_err(|error| StoreError::unavailable(error.to_string()))??;
        let current = self
            .run("reading the present key", table::current(&self.db))
            .await?;
        let current = current.unwrap_or_else(|| held.current.clone());
        if !ring.has(&current) {
            return Err(wanted(&source, &ring, &current).into());
        }
        if current == held.current && ring.ids().eq(held.ring.ids()) {
            return Ok(None);
        }
        tracing::info!(key = %current, "the keys of the database's secrets were changed: using the new ones");
        Ok(Some(self.keyring.hold(Held {
            ring,
            current,
            source,
        })))
    }

    /// Returns the keys to repeat a write with that failed because its key is not the present one any more.
    ///
    /// # Errors
    /// `error`, if it is another one.
    pub(super) async fn keys_after(
        &self,
        held: Option<Arc<Held>>,
        error: StoreError,
    ) -> Result<Arc<Held>, StoreError> {
        if !matches!(error, StoreError::Keys(KeyError::Superseded { .. })) {
            return Err(error);
        }
        self.newer_keys(held.as_ref()).await?.ok_or(error)
    }
}

/// Looks for keys, and once more if one is missing: a rotation may end between the look at the database and that at the file,
/// whichever comes first, and then the file lacks a key that is not wanted any more, or not wanted yet.
async fn repeated<T, F>(look: impl Fn() -> F) -> Result<T, StoreError>
where
    F: Future<Output = Result<T, StoreError>>,
{
    for _ in 1..MAX_LOOKS {
        match look().await {
            Err(StoreError::Keys(KeyError::Wanted { .. })) => {}
            done => return done,
        }
    }
    look().await
}

/// The error if no key is there, but the database wants this one.
fn lost(source: &KeySource, error: KeyError, wanted: &KeyId) -> KeyError {
    match error {
        KeyError::Missing { .. } => KeyError::Wanted {
            wanted: wanted.clone(),
            searched: format!("{} is not there", source.place()),
        },
        other => other,
    }
}

fn wanted(source: &KeySource, ring: &KeyRing, wanted: &KeyId) -> KeyError {
    KeyError::Wanted {
        wanted: wanted.clone(),
        searched: format!("{} holds {} only", source.place(), ring.listed()),
    }
}

#[cfg(test)]
mod tests;
