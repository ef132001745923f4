//! The hashes of files that were uploaded.
//!
//! A hash belongs to a version of a file, which its entity tag names: of a file that was replaced none is found.

use std::collections::HashMap;

use sea_orm::sea_query::OnConflict;
use sea_orm::{
    ActiveModelTrait, ColumnTrait, EntityTrait, IntoActiveModel, PaginatorTrait, QueryFilter, QueryOrder,
    QuerySelect, QueryTrait,
};
use sha2::{Digest, Sha256};
use storage_domain::access::AuditRecord;
use storage_domain::{BackendId, FileHash, FilePath};
use time::OffsetDateTime;

use super::Store;
use super::write::Write;
use crate::convert;
use crate::entity::file_hash::{Column, Entity, Model};
use crate::error::StoreError;

/// How many hashes are kept; beyond it the oldest go.
pub const MAX_HASHES: u64 = 100_000;
/// How many are deleted at once.
const BATCH: u64 = 1000;

/// A version of a file.
#[derive(Debug, Clone, Copy)]
pub struct Content<'a> {
    /// The backend that holds it.
    pub backend: BackendId,
    /// Where it is.
    pub path: &'a FilePath,
    /// Its strong validator.
    pub etag: &'a str,
}

impl Content<'_> {
    fn key(&self) -> String {
        let mut digest = Sha256::new();
        // No part holds a NUL.
        for part in [&self.backend.to_string(), self.path.as_str(), self.etag] {
            digest.update(part);
            digest.update([0]);
        }
        FileHash::from(<[u8; 32]>::from(digest.finalize())).to_string()
    }
}

impl Store {
    /// Keeps the hash of a file. The record, if there is one, is part of the same transaction.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]; [`StoreError::Database`] also if the backend is gone.
    pub async fn keep_hash(
        &self,
        content: Content<'_>,
        hash: &FileHash,
        record: Option<&AuditRecord>,
    ) -> Result<(), StoreError> {
        let row = Model {
            id: content.key(),
            backend_id: content.backend.to_string(),
            sha256: hash.to_string(),
            created_at: convert::to_millis(OffsetDateTime::now_utc()),
        };
        let known = OnConflict::column(Column::Id)
            .update_columns([Column::Sha256, Column::CreatedAt])
            .to_owned();
        let insert = Entity::insert(row.into_active_model().reset_all())
            .on_conflict(known)
            .into_query();
        let write = Write {
            record: record.cloned(),
            ..self.statement(&insert)
        };
        self.write("keeping a hash", write).await.map(drop)
    }

    /// Returns the hashes of these files, in their order.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] and [`StoreError::Database`].
    pub async fn hashes(&self, contents: &[Content<'_>]) -> Result<Vec<Option<FileHash>>, StoreError> {
        if contents.is_empty() {
            return Ok(Vec::new());
        }
        let keys: Vec<String> = contents.iter().map(Content::key).collect();
        let query = Entity::find().filter(Column::Id.is_in(&keys));
        let rows = self.run("looking for hashes", query.all(&self.db)).await?;
        let known: HashMap<String, String> = rows.into_iter().map(|row| (row.id, row.sha256)).collect();
        Ok(keys.iter().map(|key| known.get(key)?.parse().ok()).collect())
    }

    /// Deletes the oldest hashes beyond `most`, some at a time; returns how many it deleted.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] and [`StoreError::Database`].
    pub async fn prune_hashes(&self, most: u64) -> Result<u64, StoreError> {
        const WHAT: &str = "deleting old hashes";
        let count = self.run(WHAT, Entity::find().count(&self.db)).await?;
        let surplus = count.saturating_sub(most).min(BATCH);
        if surplus == 0 {
            return Ok(0);
        }
        let oldest = Entity::find()
            .select_only()
            .column(Column::Id)
            .order_by_asc(Column::CreatedAt)
            .limit(surplus)
            .into_tuple::<String>();
        let ids = self.run(WHAT, oldest.all(&self.db)).await?;
        let delete = Entity::delete_many().filter(Column::Id.is_in(ids)).into_query();
        Ok(self.write(WHAT, self.statement(&delete)).await?.rows)
    }
}
