//! Reads on the thread that asks.
//!
//! The pool's driver gives each connection a thread of its own, to which a question goes, and from which every row comes
//! back by itself: a read of some 10 µs costs a dozen changes of threads. A read here costs none.
//! `docs/decisions/reads.md` has the figures, and says why a call that waits for a file may do so here.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::types::Value;
use rusqlite::{Connection, Error, OpenFlags, Row, ffi, params_from_iter};
use sea_orm::Value as Given;

use crate::store::listing::Texts;

/// How many connections that nobody uses are kept.
const MAX_IDLE: usize = 4;
/// The page cache of a connection in KiB. Each commit empties it, and the kernel has the pages too.
const CACHE_KIB: u32 = 256;
/// The longest list that is kept with a connection, in bytes.
const MAX_KEPT_BYTES: usize = 1024 * 1024;
/// Another number after each commit of another connection, of this process or not (sqlite.org/pragma.html).
const DATA_VERSION: &str = "PRAGMA data_version";

/// Connections to a SQLite file that only read.
#[derive(Debug)]
pub(in crate::store) struct Reader {
    file: PathBuf,
    /// Those that nobody uses; the one that was used last is the next, for its pages are in the processor's caches.
    /// `None` once the store is closed.
    idle: Mutex<Option<Vec<Idle>>>,
}

/// A connection, and the last list that it read.
#[derive(Debug)]
struct Idle {
    connection: Connection,
    kept: Option<(Asked, Arc<Texts>)>,
}

/// A statement, and what [`DATA_VERSION`] was before it was carried out.
#[derive(Debug, PartialEq)]
struct Asked {
    data_version: i64,
    sql: String,
    values: Vec<Given>,
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
        take: impl FnMut(&Row<'_>),
    ) -> Result<(), Error> {
        let idle = self.take()?;
        each(&idle.connection, sql, values, take)?;
        self.put_back(idle);
        Ok(())
    }

    /// Returns the texts of the rows that a statement gives: those of the last time, if nothing was committed since.
    ///
    /// # Errors
    /// As [`Reader::each`].
    pub(in crate::store) fn texts(&self, sql: String, values: Vec<Given>) -> Result<Arc<Texts>, Error> {
        let mut idle = self.take()?;
        let data_version = idle
            .connection
            .prepare_cached(DATA_VERSION)?
            .query_row([], |row| row.get(0))?;
        let asked = Asked {
            data_version,
            sql,
            values,
        };
        let texts = match idle.kept.take() {
            Some((same, texts)) if same == asked => {
                idle.kept = Some((same, Arc::clone(&texts)));
                texts
            }
            stale => {
                drop(stale);
                let mut texts = Texts::default();
                each(&idle.connection, &asked.sql, &asked.values, |row| texts.add(row))?;
                let texts = texts.shared();
                let is_short = texts.complete_len().is_some_and(|len| len <= MAX_KEPT_BYTES);
                idle.kept = is_short.then(|| (asked, Arc::clone(&texts)));
                texts
            }
        };
        self.put_back(idle);
        Ok(texts)
    }

    /// Closes the connections; those in use follow when they come back.
    pub(in crate::store) fn close(&self) {
        *self.idle() = None;
    }

    fn take(&self) -> Result<Idle, Error> {
        let idle = self.idle().as_mut().map(Vec::pop);
        match idle {
            Some(Some(idle)) => Ok(idle),
            Some(None) => self.open(),
            None => Err(closed()),
        }
    }

    fn open(&self) -> Result<Idle, Error> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(&self.file, flags)?;
        connection.busy_timeout(Duration::ZERO)?;
        connection.pragma_update(None, "cache_size", -i64::from(CACHE_KIB))?;
        // Without it, a statement with `LIMIT ?` is prepared again each time that it is carried out.
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
        Ok(Idle {
            connection,
            kept: None,
        })
    }

    /// Only a connection that did not fail comes back.
    fn put_back(&self, connection: Idle) {
        if let Some(idle) = &mut *self.idle()
            && idle.len() < MAX_IDLE
        {
            idle.push(connection);
        }
    }

    fn idle(&self) -> MutexGuard<'_, Option<Vec<Idle>>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn each(
    connection: &Connection,
    sql: &str,
    values: &[Given],
    mut take: impl FnMut(&Row<'_>),
) -> Result<(), Error> {
    let mut prepared = connection.prepare_cached(sql)?;
    let values = values.iter().map(value).collect::<Result<Vec<_>, _>>()?;
    let mut rows = prepared.query(params_from_iter(values))?;
    while let Some(row) = rows.next()? {
        take(row);
    }
    Ok(())
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

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    #[test]
    fn a_list_is_read_once_between_two_commits() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("reader.db");
        let writer = Connection::open(&file).unwrap();
        writer.pragma_update(None, "journal_mode", "wal").unwrap();
        writer
            .execute_batch("CREATE TABLE texts (id, listed); INSERT INTO texts VALUES ('a', '2 1 {}')")
            .unwrap();
        let reader = Reader::new(file);
        let read = |sql: &str| reader.texts(sql.to_owned(), Vec::new()).unwrap();
        let all = "SELECT id, listed FROM texts";
        let first = read(all);
        let members = |texts: &Texts| texts.members(HashMap::new()).concat();
        assert_eq!(members(&first), b"{}");
        assert!(Arc::ptr_eq(&first, &read(all)), "it was read again");
        assert!(!Arc::ptr_eq(
            &first,
            &read("SELECT id, listed FROM texts LIMIT 1")
        ));
        writer
            .execute_batch("INSERT INTO texts VALUES ('b', '2 1 {}')")
            .unwrap();
        assert_eq!(members(&read(all)), b"{},{}");
        let pieces = read("SELECT id, '2 1 ' || hex(zeroblob(15000)) FROM texts").members(HashMap::new());
        assert_eq!(pieces.len(), 2, "they are in one buffer");
        let text = "0".repeat(30_000);
        assert_eq!(pieces.concat(), format!("{text},{text}").as_bytes());
        let long = "SELECT id, '2 1 ' || hex(zeroblob(600000)) FROM texts LIMIT 1";
        assert!(!Arc::ptr_eq(&read(long), &read(long)), "it takes too much memory");
    }
}
