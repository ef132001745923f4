//! Secrets in the plain, as releases left them that did not encrypt.

use std::fs;
use std::path::Path;

use serde_json::json;
use storage_persistence::testkit::TestDatabase;
use storage_persistence::testkit::TestDatabaseKind::{Postgres, Sqlite};
use storage_persistence::{BackendFilter, Store};
use tokio::task::JoinSet;

use super::{CANARY, made, stored};
use crate::support::{http, set};

/// What an earlier release left: rows, and deleted rows, with plain secrets.
fn fill_as_before(file: &Path, rows: u32) {
    let old = rusqlite::Connection::open(file).unwrap();
    old.pragma_update(None, "secure_delete", "OFF").unwrap();
    old.pragma_update(None, "user_version", 0).unwrap();
    for i in 0..rows {
        let plain = json!({
            "target": "10.0.0.5", "chap_password": format!("{CANARY} {i}"), "mutual_chap_password": CANARY.repeat(80),
        });
        let sql = "INSERT INTO backends (id, name, name_folded, kind, config, revision, version, status, created_at, updated_at) \
                   VALUES (?1, ?2, ?2, 'iscsi', ?3, 1, 1, 'offline', ?4, ?4)";
        let id = format!("01a204fe-f448-7540-918d-{i:012x}");
        old.execute(
            sql,
            rusqlite::params![id, format!("old {i}"), plain.to_string(), i],
        )
        .unwrap();
    }
    old.execute("DELETE FROM backends WHERE created_at % 3 = 1", [])
        .unwrap();
}

/// The files of the database that hold the canary.
fn traces(directory: &Path) -> Vec<String> {
    let files = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let has = |file: &std::path::PathBuf| {
        let bytes = fs::read(file).unwrap();
        bytes
            .windows(CANARY.len())
            .any(|window| window == CANARY.as_bytes())
    };
    files.filter(has).map(|file| file.display().to_string()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_an_earlier_release_leave_no_trace_in_the_file() {
    let database = TestDatabase::empty(Sqlite).await;
    let (store, directory) = (database.store(), database.directory().unwrap());
    store.migrate().await.unwrap();
    fill_as_before(&database.file().unwrap(), 900);
    assert!(!traces(directory).is_empty(), "the test would find nothing");
    assert_eq!(store.plain_secrets().await.unwrap(), 600);

    // Several processes that start at once.
    let mut starts = JoinSet::new();
    for _ in 0..3 {
        let (settings, keys) = (database.settings().clone(), database.keys());
        starts.spawn(async move {
            let store = Store::connect(&settings).await.unwrap();
            store.unlock(keys).await.unwrap();
            store.close().await;
        });
    }
    starts.join_all().await;
    store.unlock(database.keys()).await.unwrap();
    assert_eq!(traces(directory), Vec::<String>::new());
    assert_eq!(store.plain_secrets().await.unwrap(), 0);
    let page = store.list(&BackendFilter::default()).await.unwrap();
    assert_eq!((page.total, page.unreadable.len()), (600, 0));
    for backend in page.backends.iter().step_by(97) {
        let opened = store.open(backend.id).await.unwrap();
        let secrets: Vec<_> = opened
            .config
            .secrets()
            .iter()
            .map(|(_, s)| s.expose().to_owned())
            .collect();
        assert!(
            secrets.len() == 2 && secrets[0].starts_with(CANARY),
            "{secrets:?}"
        );
    }
}

/// A process that was killed after the sealing, and before the file was built anew.
#[tokio::test]
async fn traces_that_a_killed_start_left_go_at_the_next() {
    let database = TestDatabase::migrated(Sqlite).await;
    let file = database.file().unwrap();
    fill_as_before(&file, 30);
    let old = rusqlite::Connection::open(&file).unwrap();
    old.execute("DELETE FROM backends", []).unwrap();
    assert!(
        !traces(database.directory().unwrap()).is_empty(),
        "the test would find nothing"
    );
    database.store().unlock(database.keys()).await.unwrap();
    assert_eq!(traces(database.directory().unwrap()), Vec::<String>::new());
}

#[tokio::test]
async fn plain_ones_are_sealed_on_postgres_too() {
    let database = TestDatabase::migrated(Postgres).await;
    let web = made(database.store(), "web", http()).await;
    let plain = json!({"base_url": "http://a", "auth_method": "basic", "username": "u", "password": CANARY});
    set(&database, &web, &format!("config = '{plain}', secret_key = NULL")).await;
    assert_eq!(database.store().plain_secrets().await.unwrap(), 1);
    database.store().unlock(database.keys()).await.unwrap();
    assert!(!stored(&database, &web).await.contains(CANARY));
    let opened = database.store().open(web.id).await.unwrap();
    assert_eq!(opened.config.secrets()[0].1.expose(), CANARY);
}
