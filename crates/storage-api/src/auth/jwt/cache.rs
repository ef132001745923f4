//! Verified JSON Web Tokens: a signature costs far more than a hash.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use storage_domain::access::Actor;
use time::OffsetDateTime;

/// Largest number of tokens.
const MAX_ENTRIES: usize = 1024;

type Hash = [u8; 32];

/// Hashes of tokens, and whose they are.
#[derive(Default)]
pub(super) struct Cache(Mutex<HashMap<Hash, Entry>>);

/// Whose a token is, and until when.
pub(super) struct Entry {
    pub(super) actor: Actor,
    pub(super) until: OffsetDateTime,
}

impl Cache {
    pub(super) fn get(&self, hash: &Hash, now: OffsetDateTime) -> Option<Actor> {
        let entries = self.entries();
        let entry = entries.get(hash)?;
        (entry.until > now).then(|| entry.actor.clone())
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

    fn entries(&self) -> MutexGuard<'_, HashMap<Hash, Entry>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
