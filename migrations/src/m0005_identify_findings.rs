//! The identity of what the last test found, beside its message.
//!
//! `backends.test_finding` is null for tests of an earlier program; the next scheduled check of such a backend stores it.

use sea_orm_migration::prelude::*;

pub(crate) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m0005_identify_findings"
    }
}

#[derive(DeriveIden)]
enum Backends {
    Table,
    TestFinding,
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let column = Table::alter()
            .table(Backends::Table)
            .add_column(ColumnDef::new(Backends::TestFinding).big_integer().null())
            .take();
        manager.alter_table(column).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let column = Table::alter()
            .table(Backends::Table)
            .drop_column(Backends::TestFinding)
            .take();
        manager.alter_table(column).await
    }
}
