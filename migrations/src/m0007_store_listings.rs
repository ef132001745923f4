//! What a list shows of each backend, as the program renders it when it writes the row: to list a thousand backends, their
//! texts are copied and nothing is parsed.
//!
//! `backends.listed` is null if the row has to be rendered: one of an earlier program, until the next start, or one that was
//! changed without this column, with the database's own tools or by an earlier program. A trigger sees to that. A
//! rotation changes the key of a row, not its version, and nothing that a list shows.

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::DatabaseBackend;

const SQLITE: &str = "CREATE TRIGGER backends_listed AFTER UPDATE ON backends \
    WHEN NEW.listed IS OLD.listed AND NEW.listed IS NOT NULL \
    AND (NEW.secret_key IS OLD.secret_key OR NEW.version IS NOT OLD.version) \
    BEGIN UPDATE backends SET listed = NULL WHERE id = NEW.id; END";
const POSTGRES: &str = "CREATE FUNCTION backends_listed() RETURNS trigger LANGUAGE plpgsql AS \
    $$ BEGIN NEW.listed := NULL; RETURN NEW; END $$; \
    CREATE TRIGGER backends_listed BEFORE UPDATE ON backends FOR EACH ROW \
    WHEN (NEW.listed IS NOT DISTINCT FROM OLD.listed AND (NEW.secret_key IS NOT DISTINCT FROM OLD.secret_key \
    OR NEW.version IS DISTINCT FROM OLD.version)) \
    EXECUTE FUNCTION backends_listed()";

pub(crate) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &'static str {
        "m0007_store_listings"
    }
}

#[derive(DeriveIden)]
enum Backends {
    Table,
    Listed,
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let column = ColumnDef::new(Backends::Listed).text().null().take();
        let table = Table::alter().table(Backends::Table).add_column(column).take();
        manager.alter_table(table).await?;
        let trigger = match manager.get_database_backend() {
            DatabaseBackend::Postgres => POSTGRES,
            _ => SQLITE,
        };
        manager.get_connection().execute_unprepared(trigger).await?;
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let connection = manager.get_connection();
        if manager.get_database_backend() == DatabaseBackend::Postgres {
            // Its trigger goes with it.
            connection
                .execute_unprepared("DROP FUNCTION backends_listed() CASCADE")
                .await?;
        } else {
            connection
                .execute_unprepared("DROP TRIGGER backends_listed")
                .await?;
        }
        let column = Table::alter()
            .table(Backends::Table)
            .drop_column(Backends::Listed)
            .take();
        manager.alter_table(column).await
    }
}
