//! The rows of `file_hashes`.

use sea_orm::entity::prelude::*;

/// A row of `file_hashes`.
#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "file_hashes")]
pub struct Model {
    /// A digest of backend, path and entity tag.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    pub backend_id: String,
    /// A `FileHash`.
    pub sha256: String,
    /// Milliseconds since 1970 in UTC, as all times.
    pub created_at: i64,
}

#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
