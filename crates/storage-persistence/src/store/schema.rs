//! The schema: brought up to date, and checked.

use std::time::Duration;

use sea_orm::{
    ConnectionTrait, DatabaseTransaction, DbBackend, DbErr, SqliteTransactionMode, TransactionOptions,
    TransactionTrait,
};
use sea_orm_migration::MigratorTrait;
use storage_migrations::Migrator;

use super::Store;
use crate::error::StoreError;

/// How long migrations may take, the wait for another process that migrates included.
const MIGRATION_DEADLINE: Duration = Duration::from_mins(5);
/// How long `/readyz` waits.
const READY_DEADLINE: Duration = Duration::from_secs(2);
/// The key of the advisory lock: any number that no other program on the server uses ("pbstore1" in ASCII).
const LOCK_KEY: i64 = 0x7062_7374_6f72_6531;

impl Store {
    /// Brings the schema up to date. Several processes may do so at once: one does, the others wait for it.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], and [`StoreError::Database`] where a newer release has been here.
    pub async fn migrate(&self) -> Result<(), StoreError> {
        const WHAT: &str = "migrating the schema";
        match tokio::time::timeout(MIGRATION_DEADLINE, self.migrate_locked()).await {
            Ok(result) => result.map_err(|error| StoreError::of(WHAT, error)),
            Err(_) => Err(StoreError::too_slow(WHAT)),
        }
    }

    /// The migrator takes no lock; the transaction around all of it has one.
    async fn migrate_locked(&self) -> Result<(), DbErr> {
        let transaction = self.begin_locked().await?;
        Migrator::up(&transaction, None).await?;
        transaction.commit().await
    }

    /// A transaction of which there is one at a time: SQLite's is the only writer from its first statement on, and
    /// PostgreSQL's has an advisory lock, which ends with it.
    pub(super) async fn begin_locked(&self) -> Result<DatabaseTransaction, DbErr> {
        let transaction = self.begin().await?;
        if transaction.get_database_backend() == DbBackend::Postgres {
            let lock = format!("SELECT pg_advisory_xact_lock({LOCK_KEY})");
            transaction.execute_unprepared(&lock).await?;
        }
        Ok(transaction)
    }

    /// A transaction that writes: SQLite's waits for its turn here, and not in the middle.
    pub(super) async fn begin(&self) -> Result<DatabaseTransaction, DbErr> {
        let options = TransactionOptions {
            sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
            ..TransactionOptions::default()
        };
        self.db.begin_with_options(options).await
    }

    /// Whether the database answers and its schema is up to date; for `/readyz`.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], and [`StoreError::Database`] where a newer release has been here.
    pub async fn ready(&self) -> Result<(), StoreError> {
        const WHAT: &str = "checking the schema";
        let pending = Migrator::get_pending_migrations_read_only(&self.db);
        match tokio::time::timeout(READY_DEADLINE, pending).await {
            Ok(Ok(pending)) if pending.is_empty() => Ok(()),
            Ok(Ok(pending)) => Err(StoreError::Unavailable(DbErr::Migration(format!(
                "the schema lacks {} migrations; run migrate",
                pending.len()
            )))),
            Ok(Err(error)) => Err(StoreError::of(WHAT, error)),
            Err(_) => Err(StoreError::too_slow(WHAT)),
        }
    }
}
