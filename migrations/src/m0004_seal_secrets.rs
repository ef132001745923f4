//! Which keys secrets are sealed with.
//!
//! `secret_keys` names the keys that rows may be sealed with, and which of them is the present one: names only, never a key.
//! `backends.secret_key` names the key of a row's secrets; null where the row has none, or where they are not sealed yet.
//! That it refers to `secret_keys` is what a rotation stands on: a key that a row still uses can't be taken away, and no
//! row can be written with one that was. The rows themselves are sealed by the program, which has the key.

use sea_orm_migration::prelude::*;

/// At most one key is the present one, whatever two first starts do.
const ONE_CURRENT: &str =
    "CREATE UNIQUE INDEX secret_keys_current_key ON secret_keys (is_current) WHERE is_current";
/// Counts a key's rows, and lets the database look for them when a key goes.
const BY_KEY: &str = "backends_secret_key_idx";

pub(crate) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m0004_seal_secrets"
    }
}

#[derive(DeriveIden)]
enum SecretKeys {
    Table,
    Id,
    IsCurrent,
    CreatedAt,
}

#[derive(DeriveIden)]
enum Backends {
    Table,
    SecretKey,
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let keys = Table::create()
            .table(SecretKeys::Table)
            .col(ColumnDef::new(SecretKeys::Id).text().not_null().primary_key())
            .col(ColumnDef::new(SecretKeys::IsCurrent).boolean().not_null())
            .col(ColumnDef::new(SecretKeys::CreatedAt).big_integer().not_null())
            .take();
        manager.create_table(keys).await?;
        let connection = manager.get_connection();
        connection.execute_unprepared(ONE_CURRENT).await?;
        // Not by the builder: SQLite takes a reference only as a part of the column.
        connection
            .execute_unprepared(
                "ALTER TABLE backends ADD COLUMN secret_key TEXT NULL REFERENCES secret_keys (id)",
            )
            .await?;
        let by_key = Index::create()
            .name(BY_KEY)
            .table(Backends::Table)
            .col(Backends::SecretKey)
            .take();
        manager.create_index(by_key).await
    }

    /// Leaves sealed secrets as they are: an older program can't read the rows that have some.
    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let by_key = Index::drop().name(BY_KEY).table(Backends::Table).to_owned();
        manager.drop_index(by_key).await?;
        let column = Table::alter()
            .table(Backends::Table)
            .drop_column(Backends::SecretKey)
            .take();
        manager.alter_table(column).await?;
        manager
            .drop_table(Table::drop().table(SecretKeys::Table).take())
            .await
    }
}
