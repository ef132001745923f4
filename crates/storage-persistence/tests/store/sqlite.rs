//! What is special about a SQLite file: its mode, its URL, its errors.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use rstest::rstest;
use storage_persistence::testkit::{TestDatabase, TestDatabaseKind};
use storage_persistence::{BackendFilter, Store, StoreSettings};

use crate::support::{create, variant};

fn settings(url: &str) -> StoreSettings {
    StoreSettings {
        url: url.to_owned(),
        max_connections: 4,
        acquire_timeout: Duration::from_secs(2),
    }
}

fn mode(file: &Path) -> u32 {
    fs::metadata(file).unwrap().permissions().mode() & 0o7777
}

#[tokio::test]
async fn nobody_else_may_read_its_files() {
    let database = TestDatabase::migrated(TestDatabaseKind::Sqlite).await;
    create(database.store(), "a").await;
    let names: Vec<_> = fs::read_dir(database.directory().unwrap())
        .unwrap()
        .map(|e| e.unwrap().path())
        .collect();
    assert_eq!(names.len(), 3, "the file, its log and the log's index: {names:?}");
    for file in names {
        assert_eq!(mode(&file), 0o600, "{}", file.display());
    }
}

#[tokio::test]
async fn a_file_that_others_may_read_is_taken_from_them() {
    let database = TestDatabase::migrated(TestDatabaseKind::Sqlite).await;
    let file = database.file().unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    let store = Store::connect(database.settings()).await.unwrap();
    assert_eq!(mode(&file), 0o600);
    store.close().await;
}

#[tokio::test]
async fn a_file_that_is_no_database_keeps_its_mode() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("passwd");
    fs::write(&file, "root:x:0:0:root:/root:/bin/sh\n").unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    let refused = Store::connect(&settings(&format!("sqlite://{}", file.display()))).await;
    let told = refused.err().unwrap().to_string();
    assert!(told.contains("is no SQLite database"), "{told}");
    assert_eq!(mode(&file), 0o644);
}

#[tokio::test]
async fn it_is_in_wal_mode_and_survives_a_restart() {
    let database = TestDatabase::migrated(TestDatabaseKind::Sqlite).await;
    let made = create(database.store(), "a").await;
    let header = fs::read(database.file().unwrap()).unwrap();
    assert_eq!(
        header[18..20],
        [2, 2],
        "the file format's version numbers say WAL"
    );
    database.store().clone().close().await;
    let store = Store::connect(database.settings()).await.unwrap();
    assert_eq!(store.get(made.id).await.unwrap(), made);
}

#[rstest]
#[case("sqlite://", "")]
#[case("sqlite:", "")]
#[case("sqlite://", "?mode=rwc")]
#[tokio::test]
async fn forms_of_the_url(#[case] before: &str, #[case] after: &str) {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("with space.db");
    let encoded = file.display().to_string().replace(' ', "%20");
    let store = Store::connect(&settings(&format!("{before}{encoded}{after}")))
        .await
        .unwrap();
    store.migrate().await.unwrap();
    assert!(file.exists());
}

#[tokio::test]
async fn a_relative_path_is_below_the_working_directory() {
    // Cargo runs tests in the package's directory.
    let dir = tempfile::tempdir_in(".").unwrap();
    let name = dir.path().file_name().unwrap().to_str().unwrap();
    for url in [
        format!("sqlite://{name}/a.db"),
        format!("sqlite:{name}/b.db"),
        format!("sqlite://./{name}/c.db"),
    ] {
        Store::connect(&settings(&url))
            .await
            .unwrap()
            .migrate()
            .await
            .unwrap();
    }
    for file in ["a.db", "b.db", "c.db"] {
        assert!(dir.path().join(file).exists());
    }
}

#[tokio::test]
async fn a_database_in_memory_is_one_database() {
    let store = Store::connect(&settings("sqlite::memory:")).await.unwrap();
    store.migrate().await.unwrap();
    create(&store, "a").await;
    let again = store.clone();
    assert_eq!(again.list(&BackendFilter::default()).await.unwrap().total, 1);
}

#[rstest]
#[case(
    "sqlite:///nowhere/at/all/x.db",
    "the directory /nowhere/at/all does not exist"
)]
#[case("sqlite:///tmp", "is not a file")]
#[case("sqlite:///nowhere.db?mode=rw", "does not exist")]
#[case("sqlite:///nowhere.db?mode=ro", "does not exist")]
#[case(
    "sqlite:///tmp/x.db?hunter2=1",
    "only mode=rwc, mode=rw and mode=ro are known"
)]
#[case("sqlite://", "must name a file")]
#[case("sqlite://%ff", "not UTF-8")]
#[case(
    "mysql://root:hunter2@localhost/x",
    "must begin with sqlite:// or postgres://"
)]
#[case("hunter2", "must begin with sqlite:// or postgres://")]
#[case("", "must begin with sqlite:// or postgres://")]
#[tokio::test]
async fn a_bad_setting_is_told_in_plain_words(#[case] url: &str, #[case] sentence: &str) {
    let error = Store::connect(&settings(url)).await.unwrap_err();
    let told = error.to_string();
    assert!(told.contains(sentence), "{told}");
    assert!(!told.contains("hunter2"), "{told}");
    assert_eq!(variant::<()>(Err(error)), "Settings");
}

#[tokio::test]
async fn another_file_is_not_taken_for_a_database() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("notes.txt");
    fs::write(&file, "hunter2 ".repeat(1000)).unwrap();
    let error = Store::connect(&settings(&format!("sqlite://{}", file.display())))
        .await
        .unwrap_err();
    assert!(error.to_string().contains("is no SQLite database"), "{error}");
    assert_eq!(fs::read_to_string(&file).unwrap(), "hunter2 ".repeat(1000));
}

#[test]
fn settings_show_no_password() {
    let shown = format!(
        "{:?}",
        settings("postgres://u:hunter2@db.lab/storage?password=hunter2")
    );
    assert!(!shown.contains("hunter2"), "{shown}");
}

/// What another program left: no write-ahead log, so that a writer keeps readers away.
async fn without_log() -> (TestDatabase, rusqlite::Connection, Store) {
    let database = TestDatabase::migrated(TestDatabaseKind::Sqlite).await;
    create(database.store(), "a").await;
    database.store().clone().close().await;
    let file = database.file().unwrap();
    let other = rusqlite::Connection::open(&file).unwrap();
    let mode: String = other
        .query_row("PRAGMA journal_mode = DELETE", [], |row| row.get(0))
        .unwrap();
    assert_eq!(mode, "delete");
    let url = format!("sqlite://{}?mode=ro", file.display());
    let store = Store::connect(&settings(&url)).await.unwrap();
    (database, other, store)
}

#[tokio::test]
async fn a_read_waits_for_another_programs_write() {
    let (_database, other, store) = without_log().await;
    let all = BackendFilter::default();
    let before = store.list(&all).await.unwrap();
    other
        .execute_batch("BEGIN EXCLUSIVE; UPDATE backends SET name = 'b'")
        .unwrap();
    let mut read = tokio::spawn({
        let store = store.clone();
        async move { store.list(&BackendFilter::default()).await }
    });
    assert!(
        tokio::time::timeout(Duration::from_millis(300), &mut read)
            .await
            .is_err()
    );
    other.execute_batch("COMMIT").unwrap();
    let after = read.await.unwrap().unwrap();
    assert_eq!(before.backends[0].name.as_str(), "a");
    assert_eq!(after.backends[0].name.as_str(), "b");
    assert_eq!(store.get(after.backends[0].id).await.unwrap().name.as_str(), "b");
}

#[tokio::test]
async fn a_read_gives_up_where_another_program_never_ends() {
    let (_database, other, store) = without_log().await;
    other.execute_batch("BEGIN EXCLUSIVE").unwrap();
    assert_eq!(
        variant(store.list(&BackendFilter::default()).await),
        "Unavailable"
    );
    other.execute_batch("ROLLBACK").unwrap();
    assert_eq!(store.list(&BackendFilter::default()).await.unwrap().total, 1);
}
