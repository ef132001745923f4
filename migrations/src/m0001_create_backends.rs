//! The registered backends.
//!
//! Ids are text, for people read them in both databases. Times are milliseconds since 1970 in UTC, for SQLite has no
//! type for times that sorts. Configs are JSON text, for a stored text must come back unchanged, and a row whose text
//! is broken must still be one that can be selected. `name_folded` is the name for searches without regard to case:
//! the databases fold differently, so the program does it.

use sea_orm_migration::prelude::*;

const NAME_UNIQUE: &str = "backends_name_key";
const CREATED_AT_INDEX: &str = "backends_created_at_idx";

pub(crate) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m0001_create_backends"
    }
}

#[derive(DeriveIden)]
enum Backends {
    Table,
    Id,
    Name,
    NameFolded,
    Kind,
    Config,
    Revision,
    Version,
    Status,
    UsedBytes,
    TotalBytes,
    FileCount,
    TemplateCount,
    TestedAt,
    TestMessage,
    CreatedAt,
    UpdatedAt,
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut table = Table::create();
        table.table(Backends::Table);
        table.col(ColumnDef::new(Backends::Id).text().not_null().primary_key());
        for column in [
            Backends::Name,
            Backends::NameFolded,
            Backends::Kind,
            Backends::Config,
            Backends::Status,
        ] {
            table.col(ColumnDef::new(column).text().not_null());
        }
        for column in [
            Backends::Revision,
            Backends::Version,
            Backends::CreatedAt,
            Backends::UpdatedAt,
        ] {
            table.col(ColumnDef::new(column).big_integer().not_null());
        }
        for column in [
            Backends::UsedBytes,
            Backends::TotalBytes,
            Backends::FileCount,
            Backends::TemplateCount,
            Backends::TestedAt,
        ] {
            table.col(ColumnDef::new(column).big_integer().null());
        }
        table.col(ColumnDef::new(Backends::TestMessage).text().null());
        manager.create_table(table).await?;

        let unique_name = Index::create()
            .name(NAME_UNIQUE)
            .table(Backends::Table)
            .col(Backends::Name)
            .unique()
            .take();
        manager.create_index(unique_name).await?;
        let oldest_first = Index::create()
            .name(CREATED_AT_INDEX)
            .table(Backends::Table)
            .col(Backends::CreatedAt)
            .col(Backends::Id)
            .take();
        manager.create_index(oldest_first).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .drop_table(Table::drop().table(Backends::Table).take())
            .await
    }
}
