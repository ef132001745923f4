//! Uploads under way, so that what a dead process left at a storage can be removed, and the hashes of files.
//!
//! A hash is found by a digest of backend, path and entity tag: paths are too long for an index of PostgreSQL.

use sea_orm_migration::prelude::*;

pub(crate) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m0009_keep_uploads"
    }
}

#[derive(DeriveIden)]
enum Backends {
    Table,
    Id,
}

#[derive(DeriveIden, Clone, Copy)]
enum Uploads {
    Table,
    Id,
    BackendId,
    Path,
    Record,
    Stored,
    Length,
    HashState,
    Condition,
    Expected,
    IsResumable,
    IsComplete,
    Owner,
    Heartbeat,
    CreatedAt,
    ExpiresAt,
}

#[derive(DeriveIden, Clone, Copy)]
enum FileHashes {
    Table,
    Id,
    BackendId,
    Sha256,
    CreatedAt,
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut table = Table::create();
        table.table(Uploads::Table);
        table.col(ColumnDef::new(Uploads::Id).text().not_null().primary_key());
        for column in [Uploads::BackendId, Uploads::Path, Uploads::Condition] {
            table.col(ColumnDef::new(column).text().not_null());
        }
        for column in [
            Uploads::Record,
            Uploads::HashState,
            Uploads::Expected,
            Uploads::Owner,
        ] {
            table.col(ColumnDef::new(column).text().null());
        }
        for column in [
            Uploads::Stored,
            Uploads::Heartbeat,
            Uploads::CreatedAt,
            Uploads::ExpiresAt,
        ] {
            table.col(ColumnDef::new(column).big_integer().not_null());
        }
        table.col(ColumnDef::new(Uploads::Length).big_integer().null());
        for column in [Uploads::IsResumable, Uploads::IsComplete] {
            table.col(ColumnDef::new(column).boolean().not_null());
        }
        table.foreign_key(&mut of_backend(Uploads::Table, Uploads::BackendId));
        manager.create_table(table).await?;
        let mut table = Table::create();
        table.table(FileHashes::Table);
        table.col(ColumnDef::new(FileHashes::Id).text().not_null().primary_key());
        for column in [FileHashes::BackendId, FileHashes::Sha256] {
            table.col(ColumnDef::new(column).text().not_null());
        }
        table.col(ColumnDef::new(FileHashes::CreatedAt).big_integer().not_null());
        table.foreign_key(&mut of_backend(FileHashes::Table, FileHashes::BackendId));
        manager.create_table(table).await?;
        // What is deleted with a backend, and the oldest hashes.
        let indexes = [
            index("uploads_backend_id")
                .table(Uploads::Table)
                .col(Uploads::BackendId)
                .take(),
            index("file_hashes_backend_id")
                .table(FileHashes::Table)
                .col(FileHashes::BackendId)
                .take(),
            index("file_hashes_created_at")
                .table(FileHashes::Table)
                .col(FileHashes::CreatedAt)
                .take(),
        ];
        for index in indexes {
            manager.create_index(index).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .drop_table(Table::drop().table(FileHashes::Table).take())
            .await?;
        manager
            .drop_table(Table::drop().table(Uploads::Table).take())
            .await
    }
}

/// Rows go with their backend.
fn of_backend(table: impl IntoIden + Copy, column: impl IntoIden) -> ForeignKeyCreateStatement {
    ForeignKey::create()
        .from(table.into_iden(), column)
        .to(Backends::Table, Backends::Id)
        .on_delete(ForeignKeyAction::Cascade)
        .take()
}

fn index(name: &str) -> IndexCreateStatement {
    Index::create().name(name).take()
}
