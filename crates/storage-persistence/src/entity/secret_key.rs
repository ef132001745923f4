//! The names of the keys that secrets are sealed with.

use sea_orm::entity::prelude::*;

/// A row of `secret_keys`.
#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "secret_keys")]
pub struct Model {
    /// A key's name, never a key.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    /// Whether it is the present key: one at most is.
    pub is_current: bool,
    /// Milliseconds since 1970 in UTC.
    pub created_at: i64,
}

#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
