//! The keys of the store: which it has, which the database wants, and what happens when they change.

mod plain;
mod report;
mod reseal;
mod reset;
mod rotate;
mod rows;
mod scrub;
mod table;

use std::sync::{Arc, PoisonError, RwLock};

use tokio::sync::Mutex;

pub use self::report::{KeyReport, KeyUse};
pub use self::reset::{Dropped, Reset};
pub use self::rotate::{Rotated, Rotation};
use super::Store;
use crate::error::{StoreError, is_key_gone};
use crate::keys::{KeyError, KeyId, KeyRing, KeySource, SecretKey};

/// The keys that a store was given.
#[derive(Debug, Default)]
pub(crate) struct Vault {
    held: RwLock<Option<Arc<Held>>>,
    /// One looks for new keys at a time, and the others take what it found.
    looking: Mutex<()>,
}

/// The keys at one moment.
#[derive(Debug)]
pub(crate) struct Held {
    pub(crate) ring: KeyRing,
    /// The present key, as the database has it: what is written is sealed with it.
    current: KeyId,
    source: KeySource,
}

impl Held {
    /// The present key.
    pub(super) fn key(&self) -> Option<&SecretKey> {
        self.ring.get(self.current.as_str())
    }
}

impl Vault {
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
    /// Gives the store its keys: checks that they are those of the database, or makes the first one its key. Then
    /// seals secrets that an earlier release left as they were. The schema has to be up to date.
    ///
    /// Several processes may do so at once. One that is killed leaves nothing that the next start does not finish.
    ///
    /// # Errors
    /// [`StoreError::Keys`] where the keys are missing or are not the database's; and the database's own.
    pub async fn unlock(&self, source: KeySource) -> Result<(), StoreError> {
        self.take_keys(source).await?;
        self.seal_plain().await?;
        self.scrub_where_due().await
    }

    /// The keys of the database, held from now on; registers the newest where the database has none.
    async fn take_keys(&self, source: KeySource) -> Result<Arc<Held>, StoreError> {
        let known = self.known_keys().await?;
        let ring = match known.first() {
            None => source.load_or_make()?,
            Some(first) => source.load().map_err(|error| lost(&source, error, &first.id))?,
        };
        let current = match known.iter().find(|key| key.is_current) {
            Some(current) => current.id.clone(),
            None => self.register(ring.newest()).await?,
        };
        let used: Vec<KeyId> = self.used_keys().await?.into_iter().map(|(id, _)| id).collect();
        for id in [&current].into_iter().chain(&used) {
            if !ring.has(id) {
                return Err(wanted(&source, &ring, id).into());
            }
        }
        if *ring.newest() != current {
            tracing::info!(newest = %ring.newest(), present = %current, "a newer key is there and not yet in use: `keys rotate` changes over to it");
        }
        Ok(self.vault.hold(Held {
            ring,
            current,
            source,
        }))
    }

    /// Keys other than `held`, where there are some by now: the file may have changed, and the present key too.
    pub(super) async fn newer_keys(&self, held: Option<&Arc<Held>>) -> Result<Option<Arc<Held>>, StoreError> {
        let Some(held) = held else { return Ok(None) };
        let _looking = self.vault.looking.lock().await;
        if let Some(now) = self.vault.held()
            && !Arc::ptr_eq(&now, held)
        {
            return Ok(Some(now));
        }
        let ring = held.source.load()?;
        let current = self.present_key().await?.unwrap_or_else(|| held.current.clone());
        if !ring.has(&current) {
            return Err(wanted(&held.source, &ring, &current).into());
        }
        if current == held.current && ring.ids().eq(held.ring.ids()) {
            return Ok(None);
        }
        tracing::info!(key = %current, "the keys of the database's secrets were changed: using the new ones");
        let source = held.source.clone();
        Ok(Some(self.vault.hold(Held {
            ring,
            current,
            source,
        })))
    }

    /// After a write that failed because its key was taken away meanwhile: the keys to repeat it with.
    ///
    /// # Errors
    /// `error`, where it is another one.
    pub(super) async fn keys_after(
        &self,
        held: Option<Arc<Held>>,
        error: StoreError,
    ) -> Result<Arc<Held>, StoreError> {
        if !matches!(&error, StoreError::Database { source, .. } if is_key_gone(source)) {
            return Err(error);
        }
        let newer = self.newer_keys(held.as_ref()).await?;
        newer.ok_or(error)
    }

    /// The keys.
    fn keys(&self) -> Result<Arc<Held>, StoreError> {
        Ok(self.vault.held().ok_or(KeyError::Locked)?)
    }
}

/// No key is there, yet the database wants this one.
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
        searched: format!("{} holds {} only", source.place(), ring.told()),
    }
}
