//! The rows of `audit_records`.

use sea_orm::entity::prelude::*;

/// A row of `audit_records`.
#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "audit_records")]
pub struct Model {
    /// An `AuditId`.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    /// Milliseconds since 1970 in UTC.
    pub at: i64,
    pub actor: Option<String>,
    pub how: Option<String>,
    /// The word of a `Role`.
    pub role: Option<String>,
    pub address: Option<String>,
    pub action: String,
    pub method: Option<String>,
    pub backend_id: Option<String>,
    pub backend_name: Option<String>,
    /// Names with commas between them.
    pub fields: String,
    pub status: Option<i64>,
    pub error: Option<String>,
    pub request_id: Option<String>,
    pub detail: Option<String>,
}

#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
