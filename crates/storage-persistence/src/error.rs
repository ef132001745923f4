//! Why the store could not do it.

use sea_orm::sqlx::Error as DriverError;
use sea_orm::{DbErr, RuntimeErr, SqlErr};
use storage_domain::BackendId;

use crate::keys::KeyError;

/// What went wrong in the store.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another backend has this name.
    #[error("another backend has this name")]
    NameTaken,
    /// There is no such backend.
    #[error("there is no such backend")]
    NotFound,
    /// The backend changed since it was read.
    #[error("the backend changed since it was read")]
    Changed,
    /// The row of a backend can't be read.
    #[error("the stored backend {id} can't be read: {reason}")]
    Unreadable {
        /// The backend.
        id: BackendId,
        /// Why, without a secret.
        reason: String,
    },
    /// The keys of the secrets are missing, or not the right ones.
    #[error("the keys can't be used")]
    Keys(#[from] KeyError),
    /// The setting of the database can't be used.
    #[error("the database can't be opened: {0}")]
    Settings(String),
    /// The database did not answer in time, or is gone.
    #[error("the database is not available")]
    Unavailable(#[source] DbErr),
    /// The database refused.
    #[error("the database refused: {what}")]
    Database {
        /// The unit of work.
        what: &'static str,
        /// What the database said.
        #[source]
        source: DbErr,
    },
}

/// How codes of PostgreSQL begin that say that the server is going, gone or full, or that others were first, and not that
/// the statement is bad: the classes "connection exception", "insufficient resources" and "operator intervention"; a server
/// that only reads, as a standby does; a transaction that failed or was idle for too long; one that could not be serialized,
/// or was in a deadlock; a lock that was not to be had.
const PASSING_POSTGRES_CODES: [&str; 9] = [
    "08", "53", "57", "25006", "25P02", "25P03", "40001", "40P01", "55P03",
];
/// Primary result codes of SQLite: busy, locked, full, can't open, I/O error.
const PASSING_SQLITE_CODES: [i32; 5] = [5, 6, 13, 14, 10];

impl StoreError {
    /// What a failed unit of work means.
    pub(crate) fn of(what: &'static str, source: DbErr) -> Self {
        if is_passing(&source) {
            Self::Unavailable(source)
        } else if is_name_taken(&source) {
            Self::NameTaken
        } else {
            Self::Database { what, source }
        }
    }

    /// What a failed write to a SQLite file means.
    pub(crate) fn of_sqlite(what: &'static str, error: &rusqlite::Error) -> Self {
        let source = DbErr::Exec(RuntimeErr::Internal(error.to_string()));
        match error.sqlite_error() {
            Some(code) if PASSING_SQLITE_CODES.contains(&(code.extended_code & 0xff)) => {
                Self::Unavailable(source)
            }
            _ => Self::of(what, source),
        }
    }

    /// The database did not answer in time.
    pub fn no_answer(what: &'static str) -> Self {
        Self::too_slow(what)
    }

    /// The database did not answer within the time that a unit of work may take.
    pub(crate) fn too_slow(what: &'static str) -> Self {
        Self::unavailable(format!("{what}: no answer in time"))
    }

    /// The database is not available, for this reason.
    pub(crate) fn unavailable(reason: String) -> Self {
        Self::Unavailable(DbErr::Conn(RuntimeErr::Internal(reason)))
    }
}

/// The names of the constraint: PostgreSQL's messages hold the index, SQLite's the column.
fn is_name_taken(error: &DbErr) -> bool {
    unique_violation(error)
        .is_some_and(|message| message.contains("backends_name_key") || message.contains("backends.name"))
}

/// Whether a row was refused because another one has a value that has to be unique.
pub(crate) fn is_unique_violation(error: &DbErr) -> bool {
    unique_violation(error).is_some()
}

fn unique_violation(error: &DbErr) -> Option<String> {
    match (error.sql_err(), error) {
        (Some(SqlErr::UniqueConstraintViolation(message)), _) => Some(message),
        // Of the driver that writes SQLite files.
        (_, DbErr::Exec(RuntimeErr::Internal(message))) => message
            .starts_with("UNIQUE constraint failed")
            .then(|| message.clone()),
        _ => None,
    }
}

fn is_passing(error: &DbErr) -> bool {
    match error {
        DbErr::ConnectionAcquire(_) | DbErr::Conn(_) => true,
        DbErr::Exec(RuntimeErr::SqlxError(e)) | DbErr::Query(RuntimeErr::SqlxError(e)) => {
            is_passing_driver_error(e)
        }
        _ => false,
    }
}

/// Whether the same call may well succeed later.
pub(crate) fn is_passing_driver_error(error: &DriverError) -> bool {
    match error {
        DriverError::Io(_)
        | DriverError::Tls(_)
        | DriverError::Protocol(_)
        | DriverError::PoolTimedOut
        | DriverError::PoolClosed
        | DriverError::WorkerCrashed => true,
        DriverError::Database(e) => {
            let code = e.code().unwrap_or_default();
            if e.try_downcast_ref::<sea_orm::sqlx::postgres::PgDatabaseError>()
                .is_some()
            {
                PASSING_POSTGRES_CODES
                    .iter()
                    .any(|passing| code.starts_with(passing))
            } else {
                code.parse::<i32>()
                    .is_ok_and(|c| PASSING_SQLITE_CODES.contains(&(c & 0xff)))
            }
        }
        _ => false,
    }
}
