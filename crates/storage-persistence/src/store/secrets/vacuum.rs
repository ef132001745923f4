//! A SQLite file without traces of what was deleted.
//!
//! A row that is replaced stays in the file's free space, and in the write-ahead log, until they are overwritten. So the
//! file is rebuilt once its secrets are encrypted with another key, and the log is emptied. `PRAGMA user_version`
//! says that this was done: a process that is killed in between, or that finds the file in use, leaves it to the next start.

use std::time::Duration;

use sea_orm::{ConnectionTrait, DatabaseTransaction, DbBackend, DbErr, Statement};
use tokio::time::{Instant, sleep};

use super::Store;
use crate::error::StoreError;
use crate::store::{WHOLE_DEADLINE, within};

/// What `PRAGMA user_version` is while a SQLite file may hold secrets of older keys.
const TRACES: i64 = 0;
/// What `PRAGMA user_version` is in a file without traces.
const CLEAN: i64 = 1;
/// How long readers that hold the log are waited for.
const PATIENCE: Duration = Duration::from_secs(5);
/// How often the log is tried meanwhile.
const RETRY_EVERY: Duration = Duration::from_millis(50);

const WHAT: &str = "removing traces of secrets from the file";

/// Says that a SQLite file may hold traces of secrets from now on; a part of the transaction that leaves them.
pub(super) async fn mark_traces(transaction: &DatabaseTransaction) -> Result<(), DbErr> {
    if transaction.get_database_backend() == DbBackend::Sqlite {
        let traces = format!("PRAGMA user_version = {TRACES}");
        transaction.execute_unprepared(&traces).await?;
    }
    Ok(())
}

impl Store {
    /// Removes traces of secrets from a SQLite file that may have some.
    pub(super) async fn vacuum_if_due(&self) -> Result<(), StoreError> {
        if self.direct.is_none() || self.number("PRAGMA user_version").await? != TRACES {
            return Ok(());
        }
        self.vacuum().await
    }

    /// Rebuilds a SQLite file without what was deleted, and empties its log. If others use the file
    /// meanwhile, they may be doing the same; if not, the next start does it, because the file is marked.
    pub(super) async fn vacuum(&self) -> Result<(), StoreError> {
        if self.direct.is_none() {
            return Ok(());
        }
        match self.rebuild().await {
            Err(StoreError::Unavailable(error)) => {
                tracing::warn!(%error, "the database's file is in use: traces of older secrets may stay in it until the next start");
                Ok(())
            }
            done => done,
        }
    }

    async fn rebuild(&self) -> Result<(), StoreError> {
        // As long as the file is large.
        within(WHOLE_DEADLINE, WHAT, self.db.execute_unprepared("VACUUM")).await?;
        let end = Instant::now() + PATIENCE;
        loop {
            // Readers make it answer 1, and another process that empties the log makes it fail.
            match self.number("PRAGMA wal_checkpoint(TRUNCATE)").await {
                Ok(0) => break,
                Ok(_) | Err(StoreError::Unavailable(_)) if Instant::now() < end => sleep(RETRY_EVERY).await,
                Ok(_) => {
                    return Err(StoreError::unavailable(
                        "another process reads its log".to_owned(),
                    ));
                }
                Err(error) => return Err(error),
            }
        }
        let clean = format!("PRAGMA user_version = {CLEAN}");
        self.run(WHAT, self.db.execute_unprepared(&clean)).await?;
        Ok(())
    }

    /// A number in the first row of what a statement gives; to empty the log takes as long as that is large.
    async fn number(&self, sql: &str) -> Result<i64, StoreError> {
        let statement = Statement::from_string(self.db.get_database_backend(), sql);
        within(WHOLE_DEADLINE, WHAT, async {
            let row = self.db.query_one_raw(statement).await?;
            let row = row.ok_or_else(|| DbErr::RecordNotFound(sql.to_owned()))?;
            Ok(i64::from(row.try_get_by_index::<i32>(0)?))
        })
        .await
    }
}
