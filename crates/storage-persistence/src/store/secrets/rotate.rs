//! A new key, and all secrets sealed anew with it.
//!
//! Each step leaves a state that the service works with and that another run goes on from:
//!
//! 1. The new key is in the file, in front of the old ones; the database knows nothing of it.
//! 2. The database calls it the present key; the old one stays known, for rows still use it.
//! 3. Row by row is sealed anew. A service that meets such a row reads the file again.
//! 4. In one transaction that keeps writers away, the last rows are sealed and the old key is forgotten. A service that
//!    would still seal with it is refused by the reference from rows to known keys, and reads the file again; so is one
//!    from step 2 on, for what it writes names a key only while that is the present one.
//! 5. The old key goes out of the file.
//!
//! A rotation is broken off where the newest key is not the present one, or where a row of an older key can still be
//! opened: another run goes on with that key. A row that can't be opened keeps its own key known, and holds up nothing.

use sea_orm::DbErr;
use storage_domain::access::{AuditId, AuditRecord};

use super::reseal::{self, WHAT};
use super::{Held, Store, scrub, table};
use crate::error::StoreError;
use crate::keys::{KeyError, KeyId, KeySource};
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
    /// Whether this run made no key, and went on to one that was there already.
    pub is_resumed: bool,
    /// How many rows were sealed anew.
    pub rows: u64,
    /// How many rows have secrets that can't be opened, and stay as they are.
    pub unopened: u64,
}

impl Store {
    /// Rotates the keys: makes a new one, unless the newest is not in use yet or not all is sealed with it that can be,
    /// and seals everything with it. The service may run meanwhile. After [`Store::unlock`] with the same source. The
    /// record, where there is one, is completed with what was done, and is part of the transaction that forgets the old
    /// keys.
    ///
    /// [`Rotation::Prepare`] makes a key unless the newest is not in use yet, and first finishes what is to be finished.
    ///
    /// # Errors
    /// [`StoreError::Keys`]: [`KeyError::Fixed`], [`KeyError::Full`], [`KeyError::Busy`] and [`KeyError::Overtaken`];
    /// the database's own.
    pub async fn rotate(
        &self,
        source: &KeySource,
        rotation: Rotation,
        record: Option<AuditRecord>,
    ) -> Result<Rotated, StoreError> {
        let _lock = source.lock()?;
        let rotated = self.rotate_alone(source, rotation, record).await?;
        match rotation {
            Rotation::Whole => self.scrub().await?,
            Rotation::Prepare => self.scrub_where_due().await?,
        }
        Ok(rotated)
    }

    async fn rotate_alone(
        &self,
        source: &KeySource,
        rotation: Rotation,
        mut record: Option<AuditRecord>,
    ) -> Result<Rotated, StoreError> {
        let held = self.take_keys(source.clone()).await?;
        let mut rotated = Rotated {
            key: held.ring.newest().clone(),
            is_resumed: true,
            rows: 0,
            unopened: 0,
        };
        if rotated.key == held.current {
            let is_finished = self.settle(&held, &mut rotated, &mut record).await?;
            if is_finished && rotation == Rotation::Whole {
                return Ok(rotated);
            }
            let ring = source.load()?.with_new()?;
            source.replace(&ring)?;
            (rotated.key, rotated.is_resumed) = (ring.newest().clone(), false);
        }
        if rotation == Rotation::Prepare {
            self.tell_prepared(&rotated.key, record).await;
            return Ok(rotated);
        }
        self.change_over(&held.current, &rotated.key).await?;
        let held = self.take_keys(source.clone()).await?;
        rotated.rows = self.passes(&held).await?;
        self.finish(&held, &mut rotated, record).await?;
        Ok(rotated)
    }

    /// Where the newest key is in use: ends what a run that was broken off left, and tells whether that was a rotation.
    /// It was none where only keys are left over that no row uses, or rows that can't be opened; but a place that can't be
    /// changed from here can have no new key, and those left over are all that there is to do.
    async fn settle(
        &self,
        held: &Held,
        rotated: &mut Rotated,
        record: &mut Option<AuditRecord>,
    ) -> Result<bool, StoreError> {
        let (known, used) = (self.known_keys().await?, self.used_keys().await?);
        let is_fixed = held.source.changeable().is_none();
        let is_known = |id: &KeyId| known.iter().any(|key| key.id == *id);
        if known.len() == 1 && (is_fixed || held.ring.ids().all(is_known)) {
            return Ok(false);
        }
        rotated.rows = self.passes(held).await?;
        let is_used = |id: &KeyId| *id == held.current || used.iter().any(|(used, _)| used == id);
        let is_left = !known.iter().all(|key| is_used(&key.id));
        let is_rotation = rotated.rows > 0 || (is_fixed && is_left);
        let ended = record.clone().filter(|_| is_rotation);
        if let Some(next) = record {
            // What follows is another thing to tell.
            next.id = AuditId::generate();
        }
        self.finish(held, rotated, ended).await?;
        Ok(is_rotation)
    }

    async fn tell_prepared(&self, key: &KeyId, record: Option<AuditRecord>) {
        let Some(mut record) = record else { return };
        record.detail = Some(format!("key {key} prepared"));
        // The file is changed already, and that is not undone.
        if let Err(error) = self.add_audit(&[record]).await {
            tracing::warn!(%error, "the audit trail could not be written");
        }
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

    /// Seals what is left, keeps writers away meanwhile, and forgets the keys that nothing uses any more, in the file
    /// too. Adds how many rows were sealed, and tells how many could not be.
    async fn finish(
        &self,
        held: &Held,
        rotated: &mut Rotated,
        record: Option<AuditRecord>,
    ) -> Result<(), StoreError> {
        let (rows, unopened) = self
            .run(WHAT, self.forget_older(held, rotated, record))
            .await?
            .map_err(|now| KeyError::Overtaken { now })?;
        (rotated.rows, rotated.unopened) = (rows, unopened);
        self.trim(&held.source).await
    }

    /// The transaction of it: how many rows were sealed in all, and how many could not be; or the present key, where
    /// somebody else changed it meanwhile.
    async fn forget_older(
        &self,
        held: &Held,
        rotated: &Rotated,
        record: Option<AuditRecord>,
    ) -> Result<Result<(u64, u64), KeyId>, DbErr> {
        let transaction = self.begin_locked().await?;
        table::keep_writers_away(&transaction).await?;
        let known = table::known(&transaction).await?;
        if let Some(other) = known
            .into_iter()
            .find(|key| key.is_current && key.id != held.current)
        {
            return Ok(Err(other.id));
        }
        let (mut after, mut rows, mut unopened) = (String::new(), rotated.rows, 0);
        while let batch = reseal::batch(&transaction, held, &after).await?
            && let Some(last) = batch.last
        {
            after = last;
            rows += batch.sealed;
            unopened += batch.unopened.len() as u64;
            for id in batch.unopened {
                tracing::warn!(
                    backend.id = id,
                    "the secrets of a backend can't be opened, and stay as they are"
                );
            }
        }
        table::forget_unused(&transaction).await?;
        scrub::mark_traces(&transaction).await?;
        if let Some(mut record) = record {
            record.detail = Some(format!("key {}, {rows} backends", rotated.key));
            audit::add_to(&transaction, &record).await?;
        }
        transaction.commit().await?;
        Ok(Ok((rows, unopened)))
    }

    /// Leaves only the keys in the file that the database knows.
    async fn trim(&self, source: &KeySource) -> Result<(), StoreError> {
        let ring = source.load()?;
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
