//! The rows of `uploads`.

use sea_orm::entity::prelude::*;

/// A row of `uploads`.
#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "uploads")]
pub struct Model {
    /// An `UploadId`.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    pub backend_id: String,
    /// A `FilePath`.
    pub path: String,
    /// What the storage needs to take the upload up or to remove it.
    pub record: Option<String>,
    /// Number of bytes whose hash is `hash_state`.
    pub stored: i64,
    pub length: Option<i64>,
    pub hash_state: Option<String>,
    /// The condition under which it is published, in words of the caller.
    pub condition: String,
    /// A `FileHash` that the content has to have.
    pub expected: Option<String>,
    pub is_resumable: bool,
    pub is_complete: bool,
    /// The process that writes it; `None` if none does.
    pub owner: Option<String>,
    /// Milliseconds since 1970 in UTC, as all times.
    pub heartbeat: i64,
    pub created_at: i64,
    pub expires_at: i64,
}

#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
