//! The rows, as the database holds them: plain columns, which `convert` checks one by one.
#![expect(
    unreachable_pub,
    reason = "the derive makes public items; the module is private"
)]

pub(crate) mod access_token;
pub(crate) mod audit_record;
pub(crate) mod file_hash;
pub(crate) mod secret_key;
pub(crate) mod storage_job;
pub(crate) mod upload;

use sea_orm::entity::prelude::*;

/// A row of `backends`.
#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "backends")]
pub struct Model {
    /// A UUID in lower case with hyphens.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    /// Unique, compared exactly.
    pub name: String,
    /// [`crate::convert::fold`] of the name.
    pub name_folded: String,
    /// The word of a `BackendKind`.
    pub kind: String,
    /// JSON, with sealed secrets.
    pub config: String,
    /// Counts the configs.
    pub revision: i64,
    /// Counts all changes.
    pub version: i64,
    /// The word of a `BackendStatus`.
    pub status: String,
    /// `None` means not measured, as in the three that follow.
    pub used_bytes: Option<i64>,
    pub total_bytes: Option<i64>,
    pub file_count: Option<i64>,
    pub template_count: Option<i64>,
    /// Milliseconds since 1970 in UTC, as all times.
    pub tested_at: Option<i64>,
    pub test_message: Option<String>,
    pub created_at: i64,
    pub updated_at: i64,
    /// The key of the secrets; `None` where there are none, or where they are not sealed yet.
    pub secret_key: Option<String>,
    /// Identity of what the last test found; `None` if a program that did not know it stored the test.
    pub test_finding: Option<i64>,
    /// What the last count could not read, as JSON.
    pub incomplete: Option<String>,
    /// What the last count left out on purpose, as JSON.
    pub skipped: Option<String>,
    /// [`crate::convert::listed::render`] of the backend; `None` if it has to be rendered.
    pub listed: Option<String>,
    /// A `FilePath`.
    pub boot_path: Option<String>,
}

#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
