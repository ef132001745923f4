//! Reads on the thread that asks.
//!
//! The pool's driver gives each connection a thread of its own, to which a question goes, and from which every row comes
//! back by itself: a read of some 10 µs costs a dozen changes of threads. A read here costs none.
//! `docs/decisions/reads.md` has the figures, and says why a call that waits for a file may do so here.

use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rusqlite::types::Value;
use rusqlite::{Connection, Error, OpenFlags, Row, ffi, params_from_iter};
use sea_orm::Value as Given;

use super::CACHE_KIB;

/// How many connections that nobody uses are kept.
const MAX_IDLE: usize = 4;

/// Connections to a SQLite file that only read.
#[derive(Debug)]
pub(in crate::store) struct Reader {
    file: PathBuf,
    /// Those that nobody uses; the one that was used last is the next, for its pages are in the processor's caches.
    /// `None` once the store is closed.
    idle: Mutex<Option<Vec<Connection>>>,
}

impl Reader {
    /// Opens nothing yet.
    pub(super) fn new(file: PathBuf) -> Self {
        Self {
            file,
            idle: Mutex::new(Some(Vec::new())),
        }
    }

    /// Shows `take` each row that a statement gives; never waits for another process.
    ///
    /// # Errors
    /// Whatever SQLite says, maybe after some rows. The pool, which waits and has deadlines, may fare better.
    pub(in crate::store) fn each(
        &self,
        sql: &str,
        values: &[Given],
        mut take: impl FnMut(&Row<'_>),
    ) -> Result<(), Error> {
        let connection = self.connection()?;
        {
            let mut prepared = connection.prepare_cached(sql)?;
            let values = values.iter().map(value).collect::<Result<Vec<_>, _>>()?;
            let mut rows = prepared.query(params_from_iter(values))?;
            while let Some(row) = rows.next()? {
                take(row);
            }
        }
        self.put_back(connection);
        Ok(())
    }

    /// Closes the connections; those in use follow when they come back.
    pub(in crate::store) fn close(&self) {
        *self.idle() = None;
    }

    fn connection(&self) -> Result<Connection, Error> {
        let idle = self.idle().as_mut().map(Vec::pop);
        match idle {
            Some(Some(connection)) => Ok(connection),
            Some(None) => self.open(),
            None => Err(closed()),
        }
    }

    fn open(&self) -> Result<Connection, Error> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(&self.file, flags)?;
        connection.busy_timeout(Duration::ZERO)?;
        connection.pragma_update(None, "cache_size", -i64::from(CACHE_KIB))?;
        Ok(connection)
    }

    /// Only a connection that did not fail comes back.
    fn put_back(&self, connection: Connection) {
        if let Some(idle) = &mut *self.idle()
            && idle.len() < MAX_IDLE
        {
            idle.push(connection);
        }
    }

    fn idle(&self) -> MutexGuard<'_, Option<Vec<Connection>>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn closed() -> Error {
    Error::SqliteFailure(
        ffi::Error::new(ffi::SQLITE_MISUSE),
        Some("the store is closed".to_owned()),
    )
}

/// Returns a value as SQLite takes it. Statements of the store hold texts, whole numbers and truth values only.
pub(super) fn value(given: &Given) -> Result<Value, Error> {
    match given {
        Given::String(Some(text)) => Ok(Value::Text(text.as_str().to_owned())),
        Given::BigInt(Some(number)) => Ok(Value::Integer(*number)),
        Given::BigUnsigned(Some(number)) => Ok(Value::Integer(i64::try_from(*number).unwrap_or(i64::MAX))),
        Given::Bool(Some(flag)) => Ok(Value::Integer((*flag).into())),
        other if *other == other.as_null() => Ok(Value::Null),
        _ => Err(Error::ToSqlConversionFailure("a value of another type".into())),
    }
}
