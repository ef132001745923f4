//! One public method a unit of work.

use std::time::Duration;

use storage_domain::{
    Backend, BackendConfig, BackendId, BackendKind, BackendName, BackendStatus, LastTest, Revision, Stats,
};

use crate::error::StoreError;

/// How the database is reached.
#[derive(Debug, Clone)]
pub struct StoreSettings {
    /// `sqlite://FILE` or `postgres://…`; may hold a password, which no error and no log shows.
    pub url: String,
    /// How many connections may be open at once.
    pub max_connections: u32,
    /// How long a unit of work waits for a connection.
    pub acquire_timeout: Duration,
}

/// A backend that is to be created.
#[derive(Debug, Clone)]
pub struct NewBackend {
    /// Its name.
    pub name: BackendName,
    /// Its config.
    pub config: BackendConfig,
}

/// Which backends a list holds.
#[derive(Debug, Clone, Default)]
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
}

/// A page of a list, the oldest backend first.
#[derive(Debug, Default)]
pub struct BackendPage {
    /// The backends.
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

/// The store. Cheap to clone; all clones share one pool of connections.
#[derive(Debug, Clone)]
pub struct Store {}

impl Store {
    /// Opens the database; a SQLite file is created where it is missing, with mode 0600. Does not migrate.
    ///
    /// # Errors
    /// [`StoreError::Settings`] and [`StoreError::Unavailable`].
    pub async fn connect(_settings: &StoreSettings) -> Result<Self, StoreError> {
        unimplemented!()
    }

    /// Brings the schema up to date. Several processes may do so at once.
    pub async fn migrate(&self) -> Result<(), StoreError> {
        unimplemented!()
    }

    /// Whether the database answers and its schema is up to date; for `/readyz`.
    pub async fn ready(&self) -> Result<(), StoreError> {
        unimplemented!()
    }

    /// Creates a backend; answers after the commit.
    ///
    /// # Errors
    /// [`StoreError::NameTaken`].
    pub async fn create(&self, _new: NewBackend) -> Result<Backend, StoreError> {
        unimplemented!()
    }

    /// One backend.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] and [`StoreError::Unreadable`].
    pub async fn get(&self, _id: BackendId) -> Result<Backend, StoreError> {
        unimplemented!()
    }

    /// The backends that match, the oldest first; one query where the filter sets no limit and no offset.
    pub async fn list(&self, _filter: &BackendFilter) -> Result<BackendPage, StoreError> {
        unimplemented!()
    }

    /// Changes name and config of a backend that is still as it was read (`read.version`). A change of the config
    /// makes a new revision, puts the status to offline, and forgets stats and the last test. Moves `updated_at`.
    ///
    /// # Errors
    /// [`StoreError::Changed`], [`StoreError::NotFound`] and [`StoreError::NameTaken`].
    pub async fn update(
        &self,
        _read: &Backend,
        _name: &BackendName,
        _config: &BackendConfig,
    ) -> Result<Backend, StoreError> {
        unimplemented!()
    }

    /// Stores what a test or a scan of this revision found; `None` where the revision is no longer the present one
    /// (nothing is stored then). Does not move `updated_at`.
    pub async fn record(
        &self,
        _id: BackendId,
        _revision: Revision,
        _found: &Measurement,
    ) -> Result<Option<Backend>, StoreError> {
        unimplemented!()
    }

    /// Deletes a backend, readable or not.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn delete(&self, _id: BackendId) -> Result<(), StoreError> {
        unimplemented!()
    }

    /// Closes the pool.
    pub async fn close(self) {}
}
