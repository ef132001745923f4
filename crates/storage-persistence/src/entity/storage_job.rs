//! The rows of `storage_jobs`.

use sea_orm::entity::prelude::*;

/// A row of `storage_jobs`.
#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "storage_jobs")]
pub struct Model {
    /// A `JobId`.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    /// The word of a `JobKind`.
    pub kind: String,
    pub backend_id: String,
    pub backend_name: String,
    pub subject: String,
    /// The word of a `JobState`.
    pub state: String,
    pub done: i64,
    pub total: Option<i64>,
    /// What `done` and `total` count.
    pub unit: String,
    /// Milliseconds since 1970 in UTC, as all times.
    pub started_at: i64,
    pub finished_at: Option<i64>,
    pub error: Option<String>,
    pub owner: String,
    pub heartbeat_at: i64,
    pub cancel_requested: bool,
}

#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
