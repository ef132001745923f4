//! Long work on backends, which clients watch and cancel.
//!
//! Ids begin with the time (UUID version 7). A job has one writer, the process that does it; others only set
//! `cancel_requested`. Finished jobs are kept for a week, so that the key is the only index that is needed.

use sea_orm_migration::prelude::*;

pub(crate) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m0008_create_storage_jobs"
    }
}

#[derive(DeriveIden)]
enum StorageJobs {
    Table,
    Id,
    Kind,
    BackendId,
    BackendName,
    Subject,
    State,
    Done,
    Total,
    Unit,
    StartedAt,
    FinishedAt,
    Error,
    Owner,
    HeartbeatAt,
    CancelRequested,
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut table = Table::create();
        table.table(StorageJobs::Table);
        table.col(ColumnDef::new(StorageJobs::Id).text().not_null().primary_key());
        for column in [
            StorageJobs::Kind,
            StorageJobs::BackendId,
            StorageJobs::BackendName,
            StorageJobs::Subject,
            StorageJobs::State,
            StorageJobs::Unit,
            StorageJobs::Owner,
        ] {
            table.col(ColumnDef::new(column).text().not_null());
        }
        for column in [
            StorageJobs::Done,
            StorageJobs::StartedAt,
            StorageJobs::HeartbeatAt,
        ] {
            table.col(ColumnDef::new(column).big_integer().not_null());
        }
        for column in [StorageJobs::Total, StorageJobs::FinishedAt] {
            table.col(ColumnDef::new(column).big_integer().null());
        }
        table.col(ColumnDef::new(StorageJobs::Error).text().null());
        table.col(ColumnDef::new(StorageJobs::CancelRequested).boolean().not_null());
        manager.create_table(table).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .drop_table(Table::drop().table(StorageJobs::Table).take())
            .await
    }
}
