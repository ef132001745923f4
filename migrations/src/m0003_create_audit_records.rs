//! The audit trail.
//!
//! Ids begin with the time (UUID version 7), so that the key alone gives the newest records, those since a time, and the
//! oldest ones, which are deleted when they are older than the trail is kept.

use sea_orm_migration::prelude::*;

const BACKEND_INDEX: &str = "audit_records_backend_idx";

pub(crate) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m0003_create_audit_records"
    }
}

#[derive(DeriveIden)]
enum AuditRecords {
    Table,
    Id,
    At,
    Actor,
    How,
    Role,
    Address,
    Action,
    Method,
    BackendId,
    BackendName,
    Fields,
    Status,
    Error,
    RequestId,
    Detail,
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut table = Table::create();
        table.table(AuditRecords::Table);
        table.col(ColumnDef::new(AuditRecords::Id).text().not_null().primary_key());
        table.col(ColumnDef::new(AuditRecords::At).big_integer().not_null());
        table.col(ColumnDef::new(AuditRecords::Action).text().not_null());
        table.col(ColumnDef::new(AuditRecords::Fields).text().not_null());
        table.col(ColumnDef::new(AuditRecords::Status).big_integer().null());
        for column in [
            AuditRecords::Actor,
            AuditRecords::How,
            AuditRecords::Role,
            AuditRecords::Address,
            AuditRecords::Method,
            AuditRecords::BackendId,
            AuditRecords::BackendName,
            AuditRecords::Error,
            AuditRecords::RequestId,
            AuditRecords::Detail,
        ] {
            table.col(ColumnDef::new(column).text().null());
        }
        manager.create_table(table).await?;
        let of_backend = Index::create()
            .name(BACKEND_INDEX)
            .table(AuditRecords::Table)
            .col(AuditRecords::BackendId)
            .col(AuditRecords::Id)
            .take();
        manager.create_index(of_backend).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .drop_table(Table::drop().table(AuditRecords::Table).take())
            .await
    }
}
