//! Which files of a backend machines that boot may read: the directory that holds them, null for none.

use sea_orm_migration::prelude::*;

pub(crate) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m0010_add_boot_path"
    }
}

#[derive(DeriveIden)]
enum Backends {
    Table,
    BootPath,
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let column = ColumnDef::new(Backends::BootPath).text().null().take();
        let table = Table::alter().table(Backends::Table).add_column(column).take();
        manager.alter_table(table).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::alter()
            .table(Backends::Table)
            .drop_column(Backends::BootPath)
            .take();
        manager.alter_table(table).await
    }
}
