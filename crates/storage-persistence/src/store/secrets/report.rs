//! Which keys there are.

use super::Store;
use crate::error::StoreError;
use crate::keys::{KeyId, KeySource};

/// The keys by their names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyReport {
    /// The keys, those of the database first.
    pub keys: Vec<KeyUse>,
}

/// A key, and who has and uses it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyUse {
    /// Its name.
    pub id: KeyId,
    /// Whether new secrets are encrypted with it.
    pub is_current: bool,
    /// Whether it was found where keys are looked for.
    pub is_here: bool,
    /// How many rows are encrypted with it.
    pub rows: u64,
}

impl Store {
    /// Returns which keys the database knows and uses, and which are at `source`; changes nothing.
    ///
    /// # Errors
    /// [`StoreError::Keys`] where the place can't be read; one that is not there has no keys.
    pub async fn key_report(&self, source: &KeySource) -> Result<KeyReport, StoreError> {
        let here: Vec<KeyId> = match source.load() {
            Ok(ring) => ring.ids().cloned().collect(),
            Err(crate::keys::KeyError::Missing { .. }) => Vec::new(),
            Err(error) => return Err(error.into()),
        };
        let (known, used) = (self.known_keys().await?, self.used_keys().await?);
        let rows = |id: &KeyId| {
            used.iter()
                .find(|(used, _)| used == id)
                .map_or(0, |(_, rows)| *rows)
        };
        let mut keys: Vec<KeyUse> = known
            .into_iter()
            .map(|key| KeyUse {
                is_here: here.contains(&key.id),
                rows: rows(&key.id),
                is_current: key.is_current,
                id: key.id,
            })
            .collect();
        for id in here {
            if keys.iter().all(|key| key.id != id) {
                keys.push(KeyUse {
                    is_current: false,
                    is_here: true,
                    rows: 0,
                    id,
                });
            }
        }
        Ok(KeyReport { keys })
    }
}
