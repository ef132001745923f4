//! The schema: up, down, up, and several starts at once.

use std::process::{Child, Command, Stdio};

use rstest::rstest;
use sea_orm::Database;
use sea_orm_migration::MigratorTrait;
use storage_migrations::Migrator;
use storage_persistence::testkit::TestDatabase;
use storage_persistence::testkit::TestDatabaseKind::{self, Postgres, Sqlite};
use storage_persistence::{Store, StoreSettings};
use tokio::task::JoinSet;

use crate::support::{chain, create, variant};

#[rstest]
#[tokio::test]
async fn up_down_up(#[values(Sqlite, Postgres)] kind: TestDatabaseKind) {
    let database = TestDatabase::migrated(kind).await;
    create(database.store(), "a").await;
    let connection = Database::connect(database.settings().url.as_str()).await.unwrap();
    Migrator::down(&connection, None).await.unwrap();
    assert_eq!(
        variant(
            database
                .store()
                .list(&storage_persistence::BackendFilter::default())
                .await
        ),
        "Database"
    );
    database.store().migrate().await.unwrap();
    create(database.store(), "a").await;
    database.store().migrate().await.unwrap();
    assert_eq!(
        database
            .store()
            .list(&storage_persistence::BackendFilter::default())
            .await
            .unwrap()
            .total,
        1
    );
    connection.close().await.unwrap();
}

#[rstest]
#[tokio::test]
async fn ready_tells_a_schema_that_is_not_there(#[values(Sqlite, Postgres)] kind: TestDatabaseKind) {
    let database = TestDatabase::empty(kind).await;
    let error = database.store().ready().await.unwrap_err();
    assert!(chain(&error).contains("run migrate"), "{}", chain(&error));
    database.store().migrate().await.unwrap();
    database.store().ready().await.unwrap();
}

#[rstest]
#[tokio::test]
async fn a_newer_schema_is_told(#[values(Sqlite, Postgres)] kind: TestDatabaseKind) {
    let database = TestDatabase::migrated(kind).await;
    database
        .execute("INSERT INTO seaql_migrations (version, applied_at) VALUES ('m9999_future', 0)")
        .await;
    for result in [database.store().ready().await, database.store().migrate().await] {
        let error = result.unwrap_err();
        assert!(chain(&error).contains("m9999_future"), "{}", chain(&error));
    }
}

/// Two pools that start together on one empty database, twenty times.
#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn racing_first_starts_all_come_up(#[values(Sqlite, Postgres)] kind: TestDatabaseKind) {
    for _ in 0..20 {
        let settings = match kind {
            Sqlite => {
                let dir = tempfile::tempdir().unwrap();
                let url = format!("sqlite://{}/new.db", dir.path().display());
                (
                    Some(dir),
                    StoreSettings {
                        url,
                        ..any_settings().await
                    },
                )
            }
            Postgres => (None, TestDatabase::empty(kind).await.settings().clone()),
        };
        let mut starts = JoinSet::new();
        for i in 0..4 {
            let settings = settings.1.clone();
            starts.spawn(async move { start(&settings, &format!("starter {i}")).await });
        }
        starts.join_all().await;
    }
}

async fn any_settings() -> StoreSettings {
    TestDatabase::empty(Sqlite).await.settings().clone()
}

async fn start(settings: &StoreSettings, name: &str) {
    let store = Store::connect(settings).await.unwrap();
    store.migrate().await.unwrap();
    store.ready().await.unwrap();
    create(&store, name).await;
    store.close().await;
}

const URL_VARIABLE: &str = "STORAGE_TEST_URL";

/// Not a test of its own: what the processes of the next one run.
#[tokio::test]
#[ignore = "runs as a child process of two_processes_start_at_once"]
async fn process_that_starts() {
    let url = std::env::var(URL_VARIABLE).unwrap();
    let settings = StoreSettings {
        url,
        ..any_settings().await
    };
    start(&settings, &format!("process {}", std::process::id())).await;
}

#[expect(clippy::disallowed_methods, reason = "the test runs itself")]
fn spawn_starter(url: &str) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "migrations::process_that_starts"])
        .env(URL_VARIABLE, url)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

#[rstest]
#[tokio::test]
async fn two_processes_start_at_once(#[values(Sqlite, Postgres)] kind: TestDatabaseKind) {
    let database = TestDatabase::empty(kind).await;
    let url = match database.directory() {
        // A file that is not there yet.
        Some(dir) => format!("sqlite://{}/new.db", dir.display()),
        None => database.settings().url.clone(),
    };
    let processes: Vec<_> = (0..3).map(|_| spawn_starter(&url)).collect();
    for process in processes {
        let output = process.wait_with_output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && text.contains("1 passed"), "{text}");
    }
    let store = Store::connect(&StoreSettings {
        url,
        ..database.settings().clone()
    })
    .await
    .unwrap();
    assert_eq!(
        store
            .list(&storage_persistence::BackendFilter::default())
            .await
            .unwrap()
            .total,
        3
    );
}
