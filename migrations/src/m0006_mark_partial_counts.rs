//! What the last count did not see, beside its figures: as JSON, null if it saw everything.

use sea_orm_migration::prelude::*;

pub(crate) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m0006_mark_partial_counts"
    }
}

#[derive(DeriveIden, Clone, Copy)]
enum Backends {
    Table,
    Incomplete,
    Skipped,
}

const COLUMNS: [Backends; 2] = [Backends::Incomplete, Backends::Skipped];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for column in COLUMNS {
            let column = ColumnDef::new(column).text().null().take();
            let table = Table::alter().table(Backends::Table).add_column(column).take();
            manager.alter_table(table).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for column in COLUMNS {
            let table = Table::alter().table(Backends::Table).drop_column(column).take();
            manager.alter_table(table).await?;
        }
        Ok(())
    }
}
