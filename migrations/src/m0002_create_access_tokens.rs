//! The access tokens: of each only a hash, and what people have to know of it.
//!
//! Names are unique among the tokens that are not revoked, so that a token can be replaced by one of the same name. The
//! index that says so is partial, which both databases know in the same words.

use sea_orm_migration::prelude::*;

const NAME_UNIQUE: &str =
    "CREATE UNIQUE INDEX access_tokens_name_key ON access_tokens (name) WHERE revoked_at IS NULL";

pub(crate) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m0002_create_access_tokens"
    }
}

#[derive(DeriveIden)]
enum AccessTokens {
    Table,
    Id,
    Name,
    Role,
    Hash,
    CreatedAt,
    ExpiresAt,
    RevokedAt,
    LastUsedAt,
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut table = Table::create();
        table.table(AccessTokens::Table);
        table.col(ColumnDef::new(AccessTokens::Id).text().not_null().primary_key());
        for column in [AccessTokens::Name, AccessTokens::Role, AccessTokens::Hash] {
            table.col(ColumnDef::new(column).text().not_null());
        }
        table.col(ColumnDef::new(AccessTokens::CreatedAt).big_integer().not_null());
        for column in [
            AccessTokens::ExpiresAt,
            AccessTokens::RevokedAt,
            AccessTokens::LastUsedAt,
        ] {
            table.col(ColumnDef::new(column).big_integer().null());
        }
        manager.create_table(table).await?;
        manager.get_connection().execute_unprepared(NAME_UNIQUE).await?;
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager
            .drop_table(Table::drop().table(AccessTokens::Table).take())
            .await
    }
}
