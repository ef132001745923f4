//! A new key, and every secret encrypted with it, in one transaction.
//!
//! The key file is written before the transaction and trimmed after it. A rotation that is killed leaves the old key in use, with
//! the new one in front of it in the file, as [`Rotation::Prepare`] does: the next rotation uses that key. Or it leaves
//! the new key in use, with the old one behind it in the file: the next rotation removes that.
//!
//! A service at work waits for the transaction with what it writes, and reads the file again if it meets a key that it lacks.

use sea_orm::DbErr;
use storage_domain::access::AuditRecord;

use super::rows::{self, Rows};
use super::{Held, Store, table, vacuum};
use crate::error::StoreError;
use crate::keys::{KeyError, KeyId, KeyRing, KeySource};
use crate::store::{WHOLE_DEADLINE, audit, within};

const WHAT: &str = "encrypting secrets with a new key";

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
    /// Whether the key was there already, and none was made.
    pub is_resumed: bool,
    /// How many rows were encrypted with it.
    pub rows: u64,
    /// How many rows have secrets that can't be decrypted, and stay as they are.
    pub unopened: u64,
}

impl Store {
    /// Rotates the keys: makes a new one, unless the newest is not in use yet, and encrypts every secret with it. The service
    /// may run meanwhile. The record, if there is one, is completed with what was done and is part of the transaction.
    ///
    /// # Errors
    /// [`StoreError::Keys`]: [`KeyError::Fixed`], [`KeyError::Full`], [`KeyError::Busy`] and [`KeyError::Superseded`];
    /// the database's own.
    pub async fn rotate(
        &self,
        source: &KeySource,
        rotation: Rotation,
        record: Option<AuditRecord>,
    ) -> Result<Rotated, StoreError> {
        let _lock = source.lock()?;
        let held = self.take_keys(source.clone()).await?;
        let is_resumed = *held.ring.newest() != held.current;
        let ring = if is_resumed {
            held.ring.clone()
        } else {
            self.add_key(&held).await?
        };
        let key = ring.newest().clone();
        let mut rows = Rows::default();
        match rotation {
            Rotation::Prepare => self.record_prepared(&key, record).await,
            Rotation::Whole => {
                rows = self.change_over(&held.current, &ring, record).await?;
                self.trim(source).await?;
                self.take_keys(source.clone()).await?;
                self.vacuum().await?;
            }
        }
        Ok(Rotated {
            key,
            is_resumed,
            rows: rows.encrypted,
            unopened: rows.unopened,
        })
    }

    /// Puts a new key in front of those that are in use; the others are what rotations left that were killed.
    async fn add_key(&self, held: &Held) -> Result<KeyRing, StoreError> {
        let used = self.used_keys().await?.into_iter().map(|(id, _)| id);
        let used: Vec<KeyId> = used.chain([held.current.clone()]).collect();
        let left = held.ring.only(&used);
        let ring = left.as_ref().unwrap_or(&held.ring).with_new()?;
        held.source.replace(&ring)?;
        Ok(ring)
    }

    async fn record_prepared(&self, key: &KeyId, record: Option<AuditRecord>) {
        let Some(mut record) = record else { return };
        record.detail = Some(format!("key {key} prepared"));
        // The file is changed already, and that is not undone.
        if let Err(error) = self.add_audit(&[record]).await {
            tracing::warn!(%error, "the audit trail could not be written");
        }
    }

    /// Makes the newest key of the ring the present one, if `old` still is, and encrypts every secret with it.
    async fn change_over(
        &self,
        old: &KeyId,
        ring: &KeyRing,
        record: Option<AuditRecord>,
    ) -> Result<Rows, StoreError> {
        let changed = within(WHOLE_DEADLINE, WHAT, self.try_change_over(old, ring, record)).await?;
        Ok(changed.map_err(|now| KeyError::Superseded { now })?)
    }

    /// The transaction; `Err` holds the present key if it is not `old`.
    async fn try_change_over(
        &self,
        old: &KeyId,
        ring: &KeyRing,
        record: Option<AuditRecord>,
    ) -> Result<Result<Rows, KeyId>, DbErr> {
        let transaction = self.begin_patient().await?;
        table::keep_writers_away(&transaction).await?;
        match table::current(&transaction).await? {
            Some(now) if now != *old => return Ok(Err(now)),
            _ => table::make_current(&transaction, ring.newest()).await?,
        }
        let rows = rows::re_encrypt(&transaction, ring).await?;
        table::forget_unused(&transaction).await?;
        vacuum::mark_traces(&transaction).await?;
        if let Some(mut record) = record {
            record.detail = Some(format!("key {}, {} backends", ring.newest(), rows.encrypted));
            audit::add_all_to(&transaction, &[record]).await?;
        }
        transaction.commit().await?;
        Ok(Ok(rows))
    }

    /// Leaves only the keys in the file that the database knows.
    async fn trim(&self, source: &KeySource) -> Result<(), StoreError> {
        let ring = source.load()?;
        let known = self.known_keys().await?.into_iter().map(|key| key.id);
        let known: Vec<KeyId> = known.collect();
        if source.changeable().is_some()
            && let Some(left) = ring.only(&known)
            && left.ids().count() < ring.ids().count()
        {
            source.replace(&left)?;
        }
        Ok(())
    }
}
