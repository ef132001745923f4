//! One public method a unit of work.

mod audit;
mod backends;
mod hashes;
mod jobs;
mod list;
mod listing;
mod postgres;
mod reads;
mod schema;
mod secrets;
mod sqlite;
mod tested;
mod tokens;
mod uploads;
mod write;

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use sea_orm::{DatabaseConnection, DbErr};
use storage_domain::{
    Backend, BackendConfig, BackendId, BackendKind, BackendName, BackendStatus, FilePath, LastTest, Stats,
};

pub use self::audit::{AuditFilter, AuditPage, MAX_AUDIT_BATCH};
pub use self::hashes::{Content, MAX_HASHES};
pub use self::jobs::{JobFilter, JobPage};
pub use self::listing::Listing;
pub use self::reads::Shown;
use self::secrets::Keyring;
pub use self::secrets::{Dropped, KeyReport, KeyUse, Reset, Rotated, Rotation};
use self::sqlite::Direct;
pub use self::tokens::{MAX_TOKENS, NewToken, TokenError};
pub use self::uploads::{ABANDONED_AFTER, LEASE, StoredUpload};
use crate::error::StoreError;

/// How the database is reached.
#[derive(Clone)]
pub struct StoreSettings {
    /// `sqlite://FILE` or `postgres://…`; may hold a password, which no error and no log shows.
    pub url: String,
    /// How many connections may be open at once; SQLite takes no more than a few of them.
    pub max_connections: u32,
    /// How long a unit of work waits for a connection.
    pub acquire_timeout: Duration,
}

impl StoreSettings {
    /// The schemes of a URL that names a SQLite file.
    pub const SQLITE_SCHEME: &'static str = "sqlite:";
    /// The schemes of a URL that names a PostgreSQL server.
    pub const POSTGRES_SCHEMES: [&'static str; 2] = ["postgres://", "postgresql://"];
}

/// Shows no password: of a PostgreSQL URL, nothing at all.
impl fmt::Debug for StoreSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_file = self.url.starts_with(Self::SQLITE_SCHEME);
        f.debug_struct("StoreSettings")
            .field("url", if is_file { &self.url } else { &"[redacted]" })
            .field("max_connections", &self.max_connections)
            .field("acquire_timeout", &self.acquire_timeout)
            .finish()
    }
}

/// A backend that is to be created.
#[derive(Debug, Clone)]
pub struct NewBackend {
    /// Its name.
    pub name: BackendName,
    /// Its config.
    pub config: BackendConfig,
    /// The directory whose files machines that boot may read.
    pub boot_path: Option<FilePath>,
}

/// Which backends a list holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BackendFilter {
    /// Only of this kind.
    pub kind: Option<BackendKind>,
    /// Only with this status.
    pub status: Option<BackendStatus>,
    /// Only those whose name contains this text, in any case.
    pub name_contains: Option<String>,
    /// At most so many.
    pub limit: Option<u64>,
    /// Without the first so many.
    pub offset: u64,
}

/// A row that can't be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnreadableBackend {
    /// The backend's id, where at least that can be read.
    pub id: Option<BackendId>,
    /// Why, without a secret.
    pub reason: String,
    /// Whether only a key is missing, which may be there by now.
    pub(crate) lacks_key: bool,
}

/// A page of a list, the oldest backend first.
#[derive(Debug, Default)]
pub struct BackendPage {
    /// The backends; their configs have no secrets, which a list does not open.
    pub backends: Vec<Backend>,
    /// The rows of this page that can't be read.
    pub unreadable: Vec<UnreadableBackend>,
    /// How many backends match in all, unreadable ones included.
    pub total: u64,
}

/// What a test or a scan found; what is `None` leaves the stored value as it is.
#[derive(Debug, Clone, Default)]
pub struct Measurement {
    /// The new status.
    pub status: Option<BackendStatus>,
    /// The test that gave it.
    pub last_test: Option<LastTest>,
    /// What was measured.
    pub stats: Stats,
}

/// How long a unit of work may take once it has a connection. A statement takes milliseconds; what takes longer waits
/// for a server that hangs.
const WORK_DEADLINE: Duration = Duration::from_secs(10);
/// How long work on all rows may take, the wait for another process that does such work included.
const WHOLE_DEADLINE: Duration = Duration::from_mins(5);
/// How long the end waits for connections.
const CLOSE_DEADLINE: Duration = Duration::from_secs(2);

/// The store. Cheap to clone; all clones share one pool of connections.
///
/// # Cancel safety
/// Dropping the future of a write before it ends leaves open whether it was done; it is never done by half.
#[derive(Debug, Clone)]
pub struct Store {
    db: DatabaseConnection,
    /// For a SQLite file.
    direct: Option<Arc<Direct>>,
    /// Empty until [`Store::unlock`].
    keyring: Arc<Keyring>,
    deadline: Duration,
}

impl Store {
    /// Opens the database; a SQLite file is created where it is missing, with mode 0600. Does not migrate. Until it is
    /// given keys ([`Store::unlock`]), it reads and writes only backends without secrets.
    ///
    /// # Errors
    /// [`StoreError::Settings`] and [`StoreError::Unavailable`].
    pub async fn connect(settings: &StoreSettings) -> Result<Self, StoreError> {
        let url = settings.url.as_str();
        let (db, direct) = if let Some(file) = url.strip_prefix(StoreSettings::SQLITE_SCHEME) {
            sqlite::connect(file, settings).await?
        } else if StoreSettings::POSTGRES_SCHEMES.iter().any(|s| url.starts_with(s)) {
            (postgres::connect(settings).await?, None)
        } else {
            return Err(StoreError::Settings(
                "its URL must begin with sqlite:// or postgres://".to_owned(),
            ));
        };
        let deadline = settings.acquire_timeout.saturating_add(WORK_DEADLINE);
        Ok(Self {
            db,
            direct: direct.map(Arc::new),
            keyring: Arc::default(),
            deadline,
        })
    }

    /// Closes the pool; gives up connections that don't come back from a server that is silent.
    pub async fn close(self) {
        if let Some(direct) = &self.direct {
            direct.reader.close();
            let ended = tokio::time::timeout(CLOSE_DEADLINE, direct.writer.close()).await;
            if ended.is_err() {
                tracing::warn!("a write to the database does not end: it is given up");
            }
        }
        match tokio::time::timeout(CLOSE_DEADLINE, self.db.close()).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                tracing::warn!(%error, "the database's connections could not be closed in order");
            }
            Err(_) => tracing::warn!("the database does not answer: its connections are given up"),
        }
    }

    /// The pool, for tests that go behind the store's back.
    #[cfg(feature = "testkit")]
    pub(crate) fn connection(&self) -> &DatabaseConnection {
        &self.db
    }

    /// Runs one statement, or a few, within the deadline.
    async fn run<T>(
        &self,
        what: &'static str,
        work: impl Future<Output = Result<T, DbErr>> + Send,
    ) -> Result<T, StoreError> {
        within(self.deadline, what, work).await
    }
}

/// Runs a unit of work within its own deadline.
async fn within<T>(
    deadline: Duration,
    what: &'static str,
    work: impl Future<Output = Result<T, DbErr>> + Send,
) -> Result<T, StoreError> {
    match tokio::time::timeout(deadline, work).await {
        Ok(result) => result.map_err(|error| StoreError::of(what, error)),
        Err(_) => Err(StoreError::too_slow(what)),
    }
}
