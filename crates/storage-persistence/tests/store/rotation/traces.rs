//! What a rotation leaves in a SQLite file.

use std::fs;
use std::time::Duration;

use storage_persistence::StoreSettings;

use super::*;

fn version(file: &std::path::Path) -> i64 {
    let connection = rusqlite::Connection::open(file).unwrap();
    let version = connection.query_row("PRAGMA user_version", [], |row| row.get(0));
    version.unwrap()
}

/// Somebody reads all the while, and the log can't be emptied: the next start does it.
#[tokio::test]
async fn of_an_older_key_go_at_the_next_start_where_they_could_not_go_at_once() {
    let place = Place::new(Sqlite).await;
    let made = place.service.create(web("web"), None).await.unwrap();
    let file = place.database.file().unwrap();
    let reader = rusqlite::Connection::open(&file).unwrap();
    let config: String = reader
        .query_row("SELECT config FROM backends", [], |row| row.get(0))
        .unwrap();
    let sealed = config.split("\"1.").nth(1).unwrap();
    let sealed = sealed.split(['.', '"']).nth(1).unwrap().as_bytes().to_vec();
    let has_traces = || {
        let files = fs::read_dir(place.database.directory().unwrap()).unwrap();
        let mut texts = files.map(|entry| fs::read(entry.unwrap().path()).unwrap());
        texts.any(|bytes| bytes.windows(sealed.len()).any(|window| window == sealed))
    };
    reader
        .execute_batch("BEGIN; SELECT count(*) FROM backends")
        .unwrap();
    let impatient = StoreSettings {
        acquire_timeout: Duration::from_millis(200),
        ..place.database.settings().clone()
    };
    let command = Store::connect(&impatient).await.unwrap();
    command.unlock(place.source.clone()).await.unwrap();
    let rotated = command.rotate(&place.source, Rotation::Whole, None).await;
    assert_eq!(rotated.unwrap().rows, 1);
    command.close().await;
    assert!(has_traces(), "the test would find nothing");
    assert_eq!(version(&file), 0);
    reader.execute_batch("ROLLBACK").unwrap();
    drop(reader);

    place.command().await.close().await;
    assert_eq!(version(&file), 1);
    assert!(!has_traces());
    assert_eq!(place.service.open(made.id).await.unwrap(), made);
}
