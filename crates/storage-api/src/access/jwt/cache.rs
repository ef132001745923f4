//! The JSON Web Tokens that were found good: a signature costs far more than a hash.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use storage_domain::access::Actor;
use time::OffsetDateTime;

/// How many are kept.
const MAX_ENTRIES: usize = 1024;

type Hash = [u8; 32];

/// Hashes of whole tokens, and who they are.
#[derive(Default)]
pub(super) struct Cache(Mutex<HashMap<Hash, Entry>>);

/// Who a token is.
pub(super) struct Entry {
    pub(super) actor: Actor,
    pub(super) until: OffsetDateTime,
    /// Of the keys that it was checked with: it is of use with no others.
    pub(super) generation: u64,
}

impl Cache {
    pub(super) fn get(&self, hash: &Hash, generation: u64, now: OffsetDateTime) -> Option<Actor> {
        let entries = self.entries();
        let entry = entries.get(hash)?;
        (entry.generation == generation && entry.until > now).then(|| entry.actor.clone())
    }

    pub(super) fn put(&self, hash: Hash, entry: Entry, now: OffsetDateTime) {
        let mut entries = self.entries();
        if entries.len() >= MAX_ENTRIES {
            entries.retain(|_, known| known.until > now);
        }
        if entries.len() >= MAX_ENTRIES {
            entries.clear();
        }
        entries.insert(hash, entry);
    }

    pub(super) fn clear(&self) {
        self.entries().clear();
    }

    fn entries(&self) -> MutexGuard<'_, HashMap<Hash, Entry>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
