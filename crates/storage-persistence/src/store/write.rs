//! Writes: each one statement, and the audit record of what it changes, in one transaction.

use sea_orm::{ConnectionTrait, DatabaseTransaction, DbErr, Statement, StatementBuilder};
use storage_domain::access::AuditRecord;

use super::secrets::table;
use super::{Store, audit};
use crate::error::StoreError;
use crate::keys::{KeyError, KeyId};

/// A statement that writes, and what belongs to its transaction.
pub(super) struct Write {
    pub(super) statement: Statement,
    /// The key that encrypts the statement's secrets: it has to be the present one.
    pub(super) key: Option<KeyId>,
    /// Stored if the statement changes a row.
    pub(super) record: Option<AuditRecord>,
    /// Whether the statement returns the name of a backend, for the record.
    pub(super) returns_name: bool,
}

/// What a write did.
#[derive(Debug)]
pub(super) struct Written {
    /// How many rows it changed.
    pub(super) rows: u64,
    /// The name that it returned.
    pub(super) name: Option<String>,
}

/// The present key, if it is not that of the write.
pub(super) struct Superseded(pub(super) Option<KeyId>);

impl Write {
    /// Returns the record of what the write did, if there is one to store.
    pub(super) fn record_of(&self, written: &Written) -> Option<AuditRecord> {
        let mut record = self.record.clone().filter(|_| written.rows > 0)?;
        if self.returns_name {
            record.backend_name.clone_from(&written.name);
        }
        Some(record)
    }

    /// Checks that the key is still the present one.
    pub(super) fn check_key(&self, present: Option<&KeyId>) -> Result<(), Superseded> {
        match &self.key {
            Some(key) if present != Some(key) => Err(Superseded(present.cloned())),
            _ => Ok(()),
        }
    }
}

impl From<Superseded> for StoreError {
    fn from(Superseded(now): Superseded) -> Self {
        now.map_or(KeyError::Locked, |now| KeyError::Superseded { now })
            .into()
    }
}

impl Store {
    /// Returns a write of this statement.
    pub(super) fn statement(&self, statement: &impl StatementBuilder) -> Write {
        Write {
            statement: statement.build(&self.db.get_database_backend()),
            key: None,
            record: None,
            returns_name: false,
        }
    }

    /// Carries out a write; returns after its commit.
    pub(super) async fn write(&self, what: &'static str, write: Write) -> Result<Written, StoreError> {
        let Some(direct) = &self.direct else {
            return Ok(self.run(what, self.write_by_pool(write)).await??);
        };
        match tokio::time::timeout(self.deadline, direct.writer.write(what, write)).await {
            Ok(written) => written,
            Err(_) => Err(StoreError::too_slow(what)),
        }
    }

    async fn write_by_pool(&self, write: Write) -> Result<Result<Written, Superseded>, DbErr> {
        if write.key.is_none() && write.record.is_none() {
            return execute(&self.db, &write).await.map(Ok);
        }
        let transaction = self.begin().await?;
        if write.key.is_some() {
            table::keep_current(&transaction).await?;
            if let Err(superseded) = write.check_key(table::current(&transaction).await?.as_ref()) {
                return Ok(Err(superseded));
            }
        }
        let written = execute(&transaction, &write).await?;
        store_record(&transaction, &write, &written).await?;
        transaction.commit().await?;
        Ok(Ok(written))
    }
}

async fn execute(db: &impl ConnectionTrait, write: &Write) -> Result<Written, DbErr> {
    let statement = write.statement.clone();
    if write.returns_name {
        let row = db.query_one_raw(statement).await?;
        return Ok(Written {
            rows: u64::from(row.is_some()),
            name: row.and_then(|row| row.try_get_by_index(0).ok()),
        });
    }
    let done = db.execute_raw(statement).await?;
    Ok(Written {
        rows: done.rows_affected(),
        name: None,
    })
}

async fn store_record(
    transaction: &DatabaseTransaction,
    write: &Write,
    written: &Written,
) -> Result<(), DbErr> {
    let Some(record) = write.record_of(written) else {
        return Ok(());
    };
    transaction.execute(&audit::upsert(&record)).await.map(drop)
}
