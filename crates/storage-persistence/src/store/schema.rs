//! The schema: brought up to date, and checked.

use std::time::Duration;

use sea_orm::{
    ConnectionTrait, DatabaseTransaction, DbBackend, DbErr, SqliteTransactionMode, TransactionOptions,
    TransactionTrait,
};
use sea_orm_migration::MigratorTrait;
use storage_migrations::Migrator;

use super::{Store, WHOLE_DEADLINE, within};
use crate::error::StoreError;

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
        within(WHOLE_DEADLINE, WHAT, self.migrate_locked()).await
    }

    /// The migrator takes no lock; the transaction around all of it has one.
    async fn migrate_locked(&self) -> Result<(), DbErr> {
        let transaction = self.begin_patient().await?;
        Migrator::up(&transaction, None).await?;
        transaction.commit().await
    }

    /// A transaction of which there is one at a time: SQLite's is the only writer from its first statement on, and
    /// PostgreSQL's has an advisory lock, which ends with it.
    pub(super) async fn begin_locked(&self) -> Result<DatabaseTransaction, DbErr> {
        let transaction = self.begin().await?;
        lock(&transaction).await?;
        Ok(transaction)
    }

    /// The same, for work that may wait for [`WHOLE_DEADLINE`].
    pub(super) async fn begin_patient(&self) -> Result<DatabaseTransaction, DbErr> {
        let transaction = self.begin().await?;
        if transaction.get_database_backend() == DbBackend::Postgres {
            transaction
                .execute_unprepared("SET LOCAL statement_timeout = 0")
                .await?;
        }
        lock(&transaction).await?;
        Ok(transaction)
    }

    /// A transaction that writes: SQLite's waits for its turn here, and not in the middle.
    ///
    /// # Cancel safety
    /// It goes on to its end where nobody waits for it any more, and is rolled back. PostgreSQL's driver does not know
    /// of a transaction whose beginning was dropped half way, so that its connection would come back to the pool
    /// with it open: what is written there afterwards would be answered as written, and never be.
    pub(super) async fn begin(&self) -> Result<DatabaseTransaction, DbErr> {
        let options = TransactionOptions {
            sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
            ..TransactionOptions::default()
        };
        let db = self.db.clone();
        let begin = async move { db.begin_with_options(options).await };
        tokio::spawn(begin)
            .await
            .unwrap_or_else(|error| Err(DbErr::Custom(error.to_string())))
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

async fn lock(transaction: &DatabaseTransaction) -> Result<(), DbErr> {
    if transaction.get_database_backend() == DbBackend::Postgres {
        let lock = format!("SELECT pg_advisory_xact_lock({LOCK_KEY})");
        transaction.execute_unprepared(&lock).await?;
    }
    Ok(())
}
