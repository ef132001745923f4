//! A database for each test, on SQLite and on a PostgreSQL server that the tests start themselves.
//!
//! Everything here panics where it fails: a test that can't have its database has failed.

#![expect(clippy::missing_panics_doc, reason = "said once, above")]

mod postgres;

use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Duration;

use sea_orm::{ConnectionTrait, DbErr};
use tempfile::TempDir;

pub use self::postgres::PostgresServer;
use crate::{KeyRing, KeySource, Store, StoreSettings};

/// The databases that the store runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TestDatabaseKind {
    /// A file in a directory of its own.
    Sqlite,
    /// A database of its own in the server that all tests of this process share.
    Postgres,
}

/// A database that belongs to one test, and a store on it.
#[derive(Debug)]
pub struct TestDatabase {
    store: Store,
    settings: StoreSettings,
    keys: KeySource,
    /// Deleted with this value.
    directory: Option<TempDir>,
}

/// The file's name in its directory.
const FILE_NAME: &str = "storage.db";

impl TestDatabase {
    /// A fresh database whose schema is up to date, and whose store has keys.
    pub async fn migrated(kind: TestDatabaseKind) -> Self {
        let database = Self::empty(kind).await;
        database
            .store
            .migrate()
            .await
            .expect("a fresh database can be migrated");
        database
            .store
            .unlock(database.keys.clone())
            .await
            .expect("a fresh database takes any key");
        database
    }

    /// A fresh database without a schema.
    pub async fn empty(kind: TestDatabaseKind) -> Self {
        match kind {
            TestDatabaseKind::Sqlite => {
                let directory = tempfile::tempdir().expect("a temporary directory can be made");
                let url = format!("sqlite://{}", directory.path().join(FILE_NAME).display());
                Self::at(url, Some(directory)).await
            }
            TestDatabaseKind::Postgres => {
                let shared = tokio::task::spawn_blocking(shared_server);
                Self::on(shared.await.expect("PostgreSQL starts")).await
            }
        }
    }

    /// A fresh database without a schema on this server.
    pub async fn on(server: &PostgresServer) -> Self {
        Self::at(server.create_database().await, None).await
    }

    async fn at(url: String, directory: Option<TempDir>) -> Self {
        let settings = StoreSettings {
            url,
            max_connections: 8,
            acquire_timeout: Duration::from_secs(5),
        };
        let store = Store::connect(&settings)
            .await
            .expect("a fresh database can be opened");
        Self {
            store,
            settings,
            keys: KeySource::Given {
                keys: KeyRing::generate().expect("the system gives random bytes"),
                place: "the test",
            },
            directory,
        }
    }

    /// The store.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// How the database is reached, to open it once more.
    pub fn settings(&self) -> &StoreSettings {
        &self.settings
    }

    /// The keys of its store.
    pub fn keys(&self) -> KeySource {
        self.keys.clone()
    }

    /// The SQLite file.
    pub fn file(&self) -> Option<PathBuf> {
        Some(self.directory.as_ref().map(TempDir::path)?.join(FILE_NAME))
    }

    /// The directory of the SQLite file.
    pub fn directory(&self) -> Option<&Path> {
        self.directory.as_ref().map(TempDir::path)
    }

    /// Locks the SQLite file against other writers until the result is dropped.
    #[must_use]
    pub fn hold_writes(&self) -> rusqlite::Connection {
        let file = self.file().expect("the database is SQLite");
        let other = rusqlite::Connection::open(file).expect("the file can be opened");
        other
            .execute_batch("BEGIN IMMEDIATE")
            .expect("there is no other writer");
        other
    }

    /// Runs a statement behind the store's back.
    pub async fn execute(&self, sql: &str) -> u64 {
        let done = async {
            let statement =
                sea_orm::Statement::from_string(self.store.connection().get_database_backend(), sql);
            Ok::<_, DbErr>(
                self.store
                    .connection()
                    .execute_raw(statement)
                    .await?
                    .rows_affected(),
            )
        };
        done.await.expect("the statement is right")
    }
}

/// The server that all tests of this process share.
fn shared_server() -> &'static PostgresServer {
    static SHARED: OnceLock<PostgresServer> = OnceLock::new();
    SHARED.get_or_init(PostgresServer::start)
}
