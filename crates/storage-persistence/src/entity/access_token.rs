//! The rows of `access_tokens`.

use sea_orm::entity::prelude::*;

/// A row of `access_tokens`.
#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "access_tokens")]
pub struct Model {
    /// A `TokenId`.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    /// A `TokenName`, unique among those that are not revoked.
    pub name: String,
    /// The word of a `Role`.
    pub role: String,
    /// A `TokenHash`.
    pub hash: String,
    /// Milliseconds since 1970 in UTC, as all times.
    pub created_at: i64,
    pub expires_at: Option<i64>,
    pub revoked_at: Option<i64>,
    pub last_used_at: Option<i64>,
}

#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
