//! A new key, and all secrets sealed anew with it.
//!
//! Each step leaves a state that the service works with and that another run goes on from:
//!
//! 1. The new key is in the file, in front of the old ones; the database knows nothing of it.
//! 2. The database calls it the present key; the old one stays known, for rows still use it.
//! 3. Row by row is sealed anew. A service that meets such a row reads the file again.
//! 4. In one transaction that keeps writers away, the last rows are sealed and the old key is forgotten. A service that
//!    would still seal with it is refused by the reference from rows to known keys, and reads the file again.
//! 5. The old key goes out of the file.

use sea_orm::{ColumnTrait, ConnectionTrait, DatabaseTransaction, DbBackend, DbErr};
use serde_json::{Map, Value};
use storage_domain::BackendConfig;
use storage_domain::access::AuditRecord;

use super::rows::{self, BATCH, Batch};
use super::{Held, Store, table};
use crate::entity::Column;
use crate::error::StoreError;
use crate::keys::{KeyError, KeyId, KeyRing, KeySource, SecretKey};
use crate::sealing::{self, Sealed};
use crate::store::audit;

/// How far a rotation goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rotation {
    /// To its end.
    Whole,
    /// Up to the new key in the file, so that the file can be copied to other hosts first.
    Prepare,
}

/// What a rotation did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rotated {
    /// The present key, or the one that will be.
    pub key: KeyId,
    /// Whether this run went on from one that was broken off, or from a key that was there already.
    pub is_resumed: bool,
    /// How many rows were sealed anew.
    pub rows: u64,
    /// How many rows have secrets that can't be opened, and stay as they are.
    pub unopened: u64,
}

/// How often all rows are gone through before writers are kept away.
const PASSES: u32 = 3;
const WHAT: &str = "sealing secrets with a new key";

impl Store {
    /// Rotates the keys: makes a new one, unless the newest is not in use yet, and seals everything with it. The
    /// service may run meanwhile. After [`Store::unlock`] with the same source. The record, where there is one, is
    /// completed with what was done, and is part of the transaction that forgets the old keys.
    ///
    /// # Errors
    /// [`StoreError::Keys`]: [`KeyError::Fixed`], [`KeyError::Busy`] and [`KeyError::Overtaken`]; the database's own.
    pub async fn rotate(
        &self,
        source: &KeySource,
        rotation: Rotation,
        mut record: Option<AuditRecord>,
    ) -> Result<Rotated, StoreError> {
        let _lock = source.lock()?;
        let held = self.take_keys(source.clone()).await?;
        let is_resumed = *held.ring.newest() != held.current || self.is_unfinished(&held).await?;
        if !is_resumed {
            source.replace(&held.ring.with_new()?)?;
        }
        let ring = source.load()?;
        let mut rotated = Rotated {
            key: ring.newest().clone(),
            is_resumed,
            rows: 0,
            unopened: 0,
        };
        if rotation == Rotation::Prepare {
            if let Some(mut record) = record.take() {
                record.detail = Some(format!("key {} prepared", rotated.key));
                // The file is changed already, and that is not undone.
                if let Err(error) = self.add_audit(&[record]).await {
                    tracing::warn!(%error, "the audit trail could not be written");
                }
            }
            return Ok(rotated);
        }
        self.change_over(&held.current, &rotated.key).await?;
        let held = self.take_keys(source.clone()).await?;
        for _ in 0..PASSES {
            let sealed = self.pass(&held).await?;
            rotated.rows += sealed;
            if sealed < BATCH {
                break;
            }
        }
        self.finish(&held, &mut rotated, record).await?;
        self.trim(source, &ring).await?;
        self.scrub().await?;
        Ok(rotated)
    }

    /// Whether an older key is still known, or still in a file that only the program changes.
    async fn is_unfinished(&self, held: &Held) -> Result<bool, StoreError> {
        let is_known = self.known_keys().await?.len() > 1;
        Ok(is_known || (held.ring.ids().count() > 1 && held.source.changeable().is_some()))
    }

    /// Makes `new` the present key, where `old` still is.
    async fn change_over(&self, old: &KeyId, new: &KeyId) -> Result<(), StoreError> {
        let now = self
            .run(WHAT, async {
                let transaction = self.begin_locked().await?;
                let known = table::known(&transaction).await?;
                let now = known.into_iter().find(|key| key.is_current).map(|key| key.id);
                if now.as_ref() == Some(old) && old != new {
                    table::make_current(&transaction, new).await?;
                }
                transaction.commit().await?;
                Ok(now)
            })
            .await?;
        match now {
            Some(now) if now != *old => Err(KeyError::Overtaken { now }.into()),
            _ => Ok(()),
        }
    }

    /// Seals all rows anew that have an older key, a batch at a time; tells how many.
    async fn pass(&self, held: &Held) -> Result<u64, StoreError> {
        let (mut after, mut sealed) = (String::new(), 0);
        loop {
            let batch = self
                .run(WHAT, async {
                    let transaction = self.begin_locked().await?;
                    let batch = reseal(&transaction, held, &after).await?;
                    transaction.commit().await?;
                    Ok(batch)
                })
                .await?;
            sealed += batch.sealed;
            match batch.last {
                Some(last) => after = last,
                None => return Ok(sealed),
            }
        }
    }

    /// Seals what is left, keeps writers away meanwhile, and forgets the keys that nothing uses any more. Adds how many
    /// rows were sealed, and how many could not be.
    async fn finish(
        &self,
        held: &Held,
        rotated: &mut Rotated,
        record: Option<AuditRecord>,
    ) -> Result<(), StoreError> {
        self.run(WHAT, async {
            let transaction = self.begin_locked().await?;
            if transaction.get_database_backend() == DbBackend::Postgres {
                let lock = "LOCK TABLE backends IN SHARE ROW EXCLUSIVE MODE";
                transaction.execute_unprepared(lock).await?;
            }
            let mut after = String::new();
            while let batch = reseal(&transaction, held, &after).await?
                && let Some(last) = batch.last
            {
                after = last;
                rotated.rows += batch.sealed;
                rotated.unopened += batch.unopened;
            }
            table::forget_unused(&transaction).await?;
            if let Some(mut record) = record {
                record.detail = Some(format!("key {}, {} backends", rotated.key, rotated.rows));
                audit::add_to(&transaction, &record).await?;
            }
            transaction.commit().await
        })
        .await
    }

    /// Leaves only the keys in the file that the database knows.
    async fn trim(&self, source: &KeySource, ring: &KeyRing) -> Result<(), StoreError> {
        let known: Vec<KeyId> = self.known_keys().await?.into_iter().map(|key| key.id).collect();
        if source.changeable().is_some()
            && let Some(left) = ring.only(&known)
            && left.ids().count() < ring.ids().count()
        {
            source.replace(&left)?;
            self.take_keys(source.clone()).await?;
        }
        Ok(())
    }
}

/// Seals a batch of rows anew; one that can't be opened stays as it is.
async fn reseal(transaction: &DatabaseTransaction, held: &Held, after: &str) -> Result<Batch, DbErr> {
    let mut batch = Batch::default();
    let older = Column::SecretKey.ne(held.current.as_str());
    for (id, text) in rows::after(transaction, older, after).await? {
        if let Some(config) = held.key().and_then(|key| resealed(key, &held.ring, &id, &text)) {
            let key = held.current.as_str();
            batch.sealed += rows::set_config(transaction, &id, &text, config, key).await?;
        } else {
            batch.unopened += 1;
            tracing::warn!(
                backend.id = id,
                "the secrets of a backend can't be opened, and stay as they are"
            );
        }
        batch.last = Some(id);
    }
    Ok(batch)
}

fn resealed(key: &SecretKey, ring: &KeyRing, id: &str, text: &str) -> Option<String> {
    let mut members: Map<String, Value> = serde_json::from_str(text).ok()?;
    for field in BackendConfig::SECRET_FIELDS {
        let Some(value) = members.get(field) else { continue };
        let secret = Sealed::parse(value)?.open(ring, id, field).ok()?;
        members.insert(field.to_owned(), sealing::seal(key, id, field, &secret).ok()?);
    }
    Some(Value::Object(members).to_string())
}
