//! A SQLite file.

mod reader;
mod writer;

pub(super) use reader::Reader;
pub(super) use writer::Writer;

use std::borrow::Cow;
use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::errno::Errno;
use nix::unistd::{AccessFlags, eaccess, geteuid};
use percent_encoding::percent_decode_str;
use sea_orm::sqlx::sqlite::{
    SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePool, SqlitePoolOptions,
    SqliteSynchronous,
};
use sea_orm::sqlx::{ConnectOptions, Connection, Error as DriverError};
use sea_orm::{DatabaseConnection, DbErr, RuntimeErr, SqlxSqliteConnector};
use tokio::time::{Instant, sleep};

use super::StoreSettings;
use crate::error::{StoreError, is_passing_driver_error};

/// Readers don't wait for the writer, and there is only one writer: more connections cost memory and win nothing.
const MAX_CONNECTIONS: u32 = 4;
/// Connections beyond the first are closed after this time without work.
const IDLE_TIMEOUT: Duration = Duration::from_secs(30);
/// The page cache of a connection in KiB. The whole database is seldom larger.
const CACHE_KIB: u32 = 512;
/// The file holds secrets.
const FILE_MODE: u32 = 0o600;
/// How often a first start that meets another one looks again.
const RETRY_EVERY: Duration = Duration::from_millis(20);

/// What follows `sqlite:` in a URL.
struct Location {
    /// `None` is a database in memory.
    file: Option<PathBuf>,
    /// `mode=ro`.
    read_only: bool,
    /// Not `mode=rw`.
    create: bool,
}

/// What reads and writes a file without the pool.
#[derive(Debug)]
pub(super) struct Direct {
    pub(super) reader: Reader,
    pub(super) writer: Writer,
}

/// Opens the file that `rest` (the URL without `sqlite:`) names.
pub(super) async fn connect(
    rest: &str,
    settings: &StoreSettings,
) -> Result<(DatabaseConnection, Option<Direct>), StoreError> {
    let location = Location::parse(rest)?;
    let base = SqliteConnectOptions::new()
        .foreign_keys(true)
        .busy_timeout(settings.acquire_timeout)
        .read_only(location.read_only)
        .pragma("cache_size", format!("-{CACHE_KIB}"))
        // What is deleted or replaced does not stay in the file's free space.
        .pragma("secure_delete", "ON")
        .disable_statement_logging();
    let Some(file) = &location.file else {
        return Ok((in_memory(base, settings), None));
    };
    prepare_file(file, &location)?;
    // FULL syncs the log at every commit: what was acknowledged survives a power cut. WAL's usual NORMAL syncs it at
    // checkpoints only, and would lose the last seconds.
    let mut options = base.filename(file).synchronous(SqliteSynchronous::Full);
    if !location.read_only {
        options = options.journal_mode(SqliteJournalMode::Wal);
    }
    try_once(file, &options, settings.acquire_timeout).await?;
    let pool = SqlitePoolOptions::new()
        .max_connections(settings.max_connections.clamp(1, MAX_CONNECTIONS))
        .min_connections(1)
        .acquire_timeout(settings.acquire_timeout)
        .idle_timeout(IDLE_TIMEOUT)
        .max_lifetime(None)
        .test_before_acquire(false)
        .after_release(|connection, _| Box::pin(is_clean(connection)))
        .connect_lazy_with(options);
    let direct = Direct {
        reader: Reader::new(file.clone()),
        writer: Writer::start(file.clone(), settings.acquire_timeout)?,
    };
    Ok((SqlxSqliteConnector::from_sqlx_sqlite_pool(pool), Some(direct)))
}

/// Whether a connection is in no transaction, as far as its driver knows; else it is closed.
///
/// SQLite ends a transaction by itself where its commit meets a full disk. The driver's rollback fails then, and it takes
/// the connection's next transaction for one within another; where that one fails, it stays open. What is written on
/// the connection from then on would be answered as written and never be, and nobody else could write.
async fn is_clean(connection: &mut SqliteConnection) -> Result<bool, DriverError> {
    // A rollback may be under way.
    connection.ping().await?;
    Ok(!connection.is_in_transaction())
}

/// One connection that is never closed, for the database ends with it.
fn in_memory(base: SqliteConnectOptions, settings: &StoreSettings) -> DatabaseConnection {
    let pool: SqlitePool = SqlitePoolOptions::new()
        .max_connections(1)
        .min_connections(1)
        .acquire_timeout(settings.acquire_timeout)
        .idle_timeout(None)
        .max_lifetime(None)
        .test_before_acquire(false)
        .connect_lazy_with(base.in_memory(true));
    SqlxSqliteConnector::from_sqlx_sqlite_pool(pool)
}

impl Location {
    fn parse(rest: &str) -> Result<Self, StoreError> {
        let rest = rest.strip_prefix("//").unwrap_or(rest);
        let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
        let mut location = Self {
            file: None,
            read_only: false,
            create: true,
        };
        let mut in_memory = path == ":memory:";
        for parameter in query.split('&').filter(|p| !p.is_empty()) {
            match parameter {
                "mode=rwc" => {}
                "mode=rw" => location.create = false,
                "mode=ro" => (location.create, location.read_only) = (false, true),
                "mode=memory" => in_memory = true,
                _ => {
                    return Err(bad(
                        "after the ? of its URL, only mode=rwc, mode=rw and mode=ro are known",
                    ));
                }
            }
        }
        if !in_memory {
            location.file = Some(decode(path)?);
        }
        Ok(location)
    }
}

/// The file's path. It is percent-encoded, for a URL ends at `?`.
fn decode(path: &str) -> Result<PathBuf, StoreError> {
    let path = percent_decode_str(path)
        .decode_utf8()
        .map_err(|_| bad("the path in its URL is not UTF-8"))?;
    if path.is_empty() || path.contains('\0') {
        return Err(bad(
            "its URL must name a file, such as sqlite:///var/lib/pureboot/storage.db",
        ));
    }
    Ok(PathBuf::from(path.into_owned()))
}

fn bad(sentence: &str) -> StoreError {
    StoreError::Settings(sentence.to_owned())
}

/// Creates the file where it is missing; nobody but its owner may read it, whatever the umask. SQLite gives the
/// files beside it (`-wal`, `-shm`) the same mode.
fn prepare_file(file: &Path, location: &Location) -> Result<(), StoreError> {
    let shown = file.display();
    let sentence = |what: &str| StoreError::Settings(format!("{shown} {what}"));
    if let Some(dir) = file.parent().filter(|d| !d.as_os_str().is_empty())
        && !dir.is_dir()
    {
        return Err(StoreError::Settings(format!(
            "the directory {} does not exist; create it, or name another file",
            dir.display()
        )));
    }
    if location.create {
        let new = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(FILE_MODE)
            .open(file);
        match new {
            Ok(_) => {}
            Err(e) if e.kind() == ErrorKind::AlreadyExists => {}
            Err(e) => return Err(sentence(&format!("can't be created: {e}"))),
        }
    }
    check_access(file, location.read_only)?;
    match fs::metadata(file) {
        Ok(meta) if !meta.is_file() => Err(sentence("is not a file")),
        Ok(meta) if location.read_only || meta.permissions().mode() & 0o7777 == FILE_MODE => Ok(()),
        // Looked at only here, before SQLite has the file: its locks end when this process closes the file once.
        Ok(_) if !is_database(file) => Err(sentence("is no SQLite database")),
        Ok(_) => {
            make_private(file);
            Ok(())
        }
        Err(e) if e.kind() == ErrorKind::NotFound => Err(sentence("does not exist")),
        Err(e) => Err(sentence(&format!("can't be read: {e}"))),
    }
}

/// Names a file of the database that this process may not use, and its owner: all that SQLite says is that it can't open it.
fn check_access(file: &Path, read_only: bool) -> Result<(), StoreError> {
    let mut wanted = AccessFlags::R_OK;
    if !read_only {
        wanted |= AccessFlags::W_OK;
    }
    for suffix in ["", "-wal", "-shm"] {
        let mut path = file.as_os_str().to_owned();
        path.push(suffix);
        let path = PathBuf::from(path);
        if eaccess(&path, wanted) != Err(Errno::EACCES) {
            continue;
        }
        let (shown, me) = (path.display(), geteuid());
        return Err(StoreError::Settings(match fs::metadata(&path) {
            Ok(meta) if meta.uid() != me.as_raw() => format!(
                "{shown} belongs to user {}, and this process runs as user {me}. Give it the file: chown {me} {shown}",
                meta.uid()
            ),
            Ok(meta) => format!(
                "{shown} is closed to its own user (mode {:04o}). Open it: chmod 0600 {shown}",
                meta.permissions().mode() & 0o7777
            ),
            Err(error) => format!("{shown} can't be read: {error}"),
        }));
    }
    Ok(())
}

/// Whether a file is empty or begins as SQLite's do: the mode of any other one, named by mistake, is none of ours to
/// change. One that can't be read is SQLite's to explain.
fn is_database(file: &Path) -> bool {
    let mut head = Vec::with_capacity(MAGIC.len());
    let read = File::open(file).and_then(|f| f.take(MAGIC.len() as u64).read_to_end(&mut head));
    read.is_err() || head.is_empty() || head == MAGIC
}

/// Takes a file that others may read away from them. It still works where that is not allowed.
fn make_private(file: &Path) {
    match fs::set_permissions(file, fs::Permissions::from_mode(FILE_MODE)) {
        Ok(()) => tracing::info!(file = %file.display(), "the database holds secrets: its mode is 0600 now"),
        Err(error) => {
            tracing::warn!(file = %file.display(), %error, "the database holds secrets and others may read it");
        }
    }
}

/// Opens the file once, for a good message, and to switch it to WAL. Two first starts can meet at that switch, where
/// SQLite does not wait: so it is tried again.
async fn try_once(file: &Path, options: &SqliteConnectOptions, within: Duration) -> Result<(), StoreError> {
    let deadline = Instant::now() + within;
    loop {
        let opened = match options.connect().await {
            Ok(connection) => connection.close().await,
            Err(error) => Err(error),
        };
        match opened {
            Ok(()) => return Ok(()),
            Err(error) if is_passing_driver_error(&error) && Instant::now() < deadline => {
                sleep(RETRY_EVERY).await;
            }
            Err(error) => return Err(explain(file, error)),
        }
    }
}

/// How a database's file begins.
const MAGIC: &[u8] = b"SQLite format 3\0";
/// SQLite's primary result code for a file that is none of its own.
const NOT_A_DATABASE: &str = "26";

fn explain(file: &Path, error: DriverError) -> StoreError {
    let code = error
        .as_database_error()
        .and_then(|e| e.code().map(Cow::into_owned));
    if code.as_deref() == Some(NOT_A_DATABASE) {
        return StoreError::Settings(format!("{} is no SQLite database", file.display()));
    }
    if is_passing_driver_error(&error) {
        return StoreError::Unavailable(DbErr::Conn(RuntimeErr::SqlxError(error.into())));
    }
    StoreError::Settings(format!("{}: {error}", file.display()))
}
