//! The JSON Web Tokens that were found good: a signature costs far more than a hash.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use storage_domain::access::Actor;
use time::OffsetDateTime;

/// How many are kept.
const MAX_ENTRIES: usize = 1024;

type Hash = [u8; 32];

/// Hashes of whole tokens, and who they are until when.
#[derive(Default)]
pub(super) struct Cache(Mutex<HashMap<Hash, (Actor, OffsetDateTime)>>);

impl Cache {
    pub(super) fn get(&self, hash: &Hash, now: OffsetDateTime) -> Option<Actor> {
        let entries = self.entries();
        let (actor, until) = entries.get(hash)?;
        (*until > now).then(|| actor.clone())
    }

    pub(super) fn put(&self, hash: Hash, actor: Actor, until: OffsetDateTime, now: OffsetDateTime) {
        let mut entries = self.entries();
        if entries.len() >= MAX_ENTRIES {
            entries.retain(|_, (_, until)| *until > now);
        }
        if entries.len() >= MAX_ENTRIES {
            entries.clear();
        }
        entries.insert(hash, (actor, until));
    }

    pub(super) fn clear(&self) {
        self.entries().clear();
    }

    fn entries(&self) -> MutexGuard<'_, HashMap<Hash, (Actor, OffsetDateTime)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
