//! Uploads under way.
//!
//! The process that writes one owns its row, and shows by a heartbeat that it lives. What a dead process left is claimed by
//! another one, which removes it from the storage and then deletes the row.

use std::time::Duration;

use sea_orm::sea_query::Expr;
use sea_orm::{
    ActiveModelTrait, ColumnTrait, Condition, EntityTrait, IntoActiveModel, PaginatorTrait, QueryFilter,
    QueryOrder, QuerySelect, QueryTrait,
};
use storage_domain::{BackendId, FileHash, FilePath, UploadId};
use time::OffsetDateTime;

use super::Store;
use crate::convert;
use crate::entity::upload::{Column, Entity, Model};
use crate::error::StoreError;

/// How old a heartbeat is when another process may go on with an upload.
pub const LEASE: Duration = Duration::from_secs(30);
/// How old a heartbeat is when what was written is removed.
pub const ABANDONED_AFTER: Duration = Duration::from_mins(10);

/// An upload, as the database knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredUpload {
    /// What finds it.
    pub id: UploadId,
    /// The backend that takes the file.
    pub backend: BackendId,
    /// Where the file will be.
    pub path: FilePath,
    /// What the storage needs to take it up or to remove it; `None` if nothing is there.
    pub record: Option<String>,
    /// Number of bytes that are stored for sure, and of which `hash_state` is the hash.
    pub stored: u64,
    /// Length of the file, if it is known.
    pub length: Option<u64>,
    /// State of the hash after `stored` bytes, in the caller's form; `None` for that of no bytes.
    pub hash_state: Option<String>,
    /// Condition under which it is published, in the caller's form.
    pub condition: String,
    /// Hash that the content has to have.
    pub expected: Option<FileHash>,
    /// Whether it goes on after its client hung up, until it expires.
    pub is_resumable: bool,
    /// Whether the file is published.
    pub is_complete: bool,
    /// When it was begun.
    pub created_at: OffsetDateTime,
    /// When it ends, if it is resumable.
    pub expires_at: OffsetDateTime,
}

impl Store {
    /// Stores an upload that `owner` writes; `None` if nobody does yet.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]; [`StoreError::Database`] also if the backend is gone.
    pub async fn add_upload(&self, upload: &StoredUpload, owner: Option<&str>) -> Result<(), StoreError> {
        let row = write(upload, owner).into_active_model().reset_all();
        let insert = Entity::insert(row).into_query();
        let write = self.statement(&insert);
        self.write("storing an upload", write).await.map(drop)
    }

    /// Returns an upload of a backend.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn upload(&self, backend: BackendId, id: UploadId) -> Result<StoredUpload, StoreError> {
        let find = Entity::find()
            .filter(Column::Id.eq(id.to_string()))
            .filter(Column::BackendId.eq(backend.to_string()));
        let row = self.run("reading an upload", find.one(&self.db)).await?;
        row.and_then(read).ok_or(StoreError::NotFound)
    }

    /// Returns the uploads of a backend.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] and [`StoreError::Database`].
    pub async fn uploads_of(&self, backend: BackendId) -> Result<Vec<StoredUpload>, StoreError> {
        const WHAT: &str = "reading a backend's uploads";
        let find = Entity::find().filter(Column::BackendId.eq(backend.to_string()));
        if !self.any(WHAT, find.clone()).await? {
            return Ok(Vec::new());
        }
        let rows = self.run(WHAT, find.all(&self.db)).await?;
        Ok(rows.into_iter().filter_map(read).collect())
    }

    /// Returns how many uploads there are.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] and [`StoreError::Database`].
    pub async fn count_uploads(&self) -> Result<u64, StoreError> {
        self.run("counting uploads", Entity::find().count(&self.db)).await
    }

    /// Stores how far an upload is, if `owner` still owns it; returns whether it does. It belongs to nobody afterwards if
    /// `release`.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] and [`StoreError::Database`].
    pub async fn keep_upload(
        &self,
        upload: &StoredUpload,
        owner: &str,
        release: bool,
    ) -> Result<bool, StoreError> {
        let row = write(upload, Some(owner).filter(|_| !release));
        let update = Entity::update_many()
            .col_expr(Column::Record, Expr::value(row.record))
            .col_expr(Column::Stored, Expr::value(row.stored))
            .col_expr(Column::Length, Expr::value(row.length))
            .col_expr(Column::HashState, Expr::value(row.hash_state))
            .col_expr(Column::Expected, Expr::value(row.expected))
            .col_expr(Column::IsComplete, Expr::value(row.is_complete))
            .col_expr(Column::Owner, Expr::value(row.owner))
            .col_expr(Column::Heartbeat, Expr::value(row.heartbeat))
            .filter(Column::Id.eq(row.id))
            .filter(Column::Owner.eq(owner))
            .into_query();
        let write = self.statement(&update);
        Ok(self.write("storing an upload's progress", write).await?.rows > 0)
    }

    /// Makes `owner` the owner of an upload that nobody else writes: one of its own, one without an owner, or one whose
    /// heartbeat is older than `lease`. Returns whether it is.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] and [`StoreError::Database`].
    pub async fn claim_upload(&self, id: UploadId, owner: &str, lease: Duration) -> Result<bool, StoreError> {
        let now = OffsetDateTime::now_utc();
        let is_free = Condition::any()
            .add(Column::Owner.is_null())
            .add(Column::Owner.eq(owner))
            .add(Column::Heartbeat.lt(convert::to_millis(now - lease)));
        let update = Entity::update_many()
            .col_expr(Column::Owner, Expr::value(Some(owner)))
            .col_expr(Column::Heartbeat, Expr::value(convert::to_millis(now)))
            .filter(Column::Id.eq(id.to_string()))
            .filter(is_free)
            .into_query();
        let write = self.statement(&update);
        Ok(self.write("claiming an upload", write).await?.rows > 0)
    }

    /// Shows that `owner` lives, for all uploads that it owns.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] and [`StoreError::Database`].
    pub async fn beat_uploads(&self, owner: &str) -> Result<(), StoreError> {
        let now = convert::to_millis(OffsetDateTime::now_utc());
        let update = Entity::update_many()
            .col_expr(Column::Heartbeat, Expr::value(now))
            .filter(Column::Owner.eq(owner))
            .into_query();
        let write = self.statement(&update);
        self.write("keeping uploads alive", write).await.map(drop)
    }

    /// Returns uploads that are to be removed, the oldest first, at most `limit`: those whose heartbeat is older than
    /// [`ABANDONED_AFTER`] at `now`, and which are not resumable or have expired.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] and [`StoreError::Database`].
    pub async fn left_uploads(
        &self,
        now: OffsetDateTime,
        limit: u64,
    ) -> Result<Vec<StoredUpload>, StoreError> {
        let is_over = Condition::any()
            .add(Column::IsResumable.eq(false))
            .add(Column::ExpiresAt.lt(convert::to_millis(now)));
        let find = Entity::find()
            .filter(Column::Heartbeat.lt(convert::to_millis(now - ABANDONED_AFTER)))
            .filter(is_over)
            .order_by_asc(Column::Heartbeat)
            .limit(limit);
        let rows = self.run("looking for old uploads", find.all(&self.db)).await?;
        Ok(rows.into_iter().filter_map(read).collect())
    }

    /// Deletes an upload that `owner` owns.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] and [`StoreError::Database`].
    pub async fn delete_upload(&self, id: UploadId, owner: &str) -> Result<(), StoreError> {
        let delete = Entity::delete_many()
            .filter(Column::Id.eq(id.to_string()))
            .filter(Column::Owner.eq(owner))
            .into_query();
        let write = self.statement(&delete);
        self.write("deleting an upload", write).await.map(drop)
    }
}

fn number(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

fn write(upload: &StoredUpload, owner: Option<&str>) -> Model {
    Model {
        id: upload.id.to_string(),
        backend_id: upload.backend.to_string(),
        path: upload.path.to_string(),
        record: upload.record.clone(),
        stored: number(upload.stored),
        length: upload.length.map(number),
        hash_state: upload.hash_state.clone(),
        condition: upload.condition.clone(),
        expected: upload.expected.map(|hash| hash.to_string()),
        is_resumable: upload.is_resumable,
        is_complete: upload.is_complete,
        owner: owner.map(str::to_owned),
        heartbeat: convert::to_millis(OffsetDateTime::now_utc()),
        created_at: convert::to_millis(upload.created_at),
        expires_at: convert::to_millis(upload.expires_at),
    }
}

/// A row; `None` if it can't be read. A hash that can't be read must not become "any".
fn read(row: Model) -> Option<StoredUpload> {
    let expected = match row.expected {
        Some(text) => Some(text.parse().ok()?),
        None => None,
    };
    let length = match row.length {
        Some(length) => Some(u64::try_from(length).ok()?),
        None => None,
    };
    Some(StoredUpload {
        id: row.id.parse().ok()?,
        backend: row.backend_id.parse().ok()?,
        path: row.path.parse().ok()?,
        record: row.record,
        stored: u64::try_from(row.stored).ok()?,
        length,
        hash_state: row.hash_state,
        condition: row.condition,
        expected,
        is_resumable: row.is_resumable,
        is_complete: row.is_complete,
        created_at: convert::from_millis(row.created_at)?,
        expires_at: convert::from_millis(row.expires_at)?,
    })
}
