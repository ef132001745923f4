//! A database as the build of 23 November left it.

use rstest::rstest;
use sea_orm::Database;
use sea_orm_migration::MigratorTrait;
use storage_domain::access::Role;
use storage_domain::{BackendStatus, ByteCount};
use storage_migrations::Migrator;
use storage_persistence::testkit::TestDatabase;
use storage_persistence::testkit::TestDatabaseKind::{self, Postgres, Sqlite};
use storage_persistence::{BackendFilter, KeySource, Rotation};

use crate::support::trail;

/// The migrations of that build.
const MIGRATIONS: u32 = 4;
/// Its rows, one statement a line: a backend of each kind, a token and two audit records.
const ROWS: &str = include_str!("../fixtures/november.sql");
/// Its key.
const KEY: &str = "WiHkstvNmLCAF+UVW22XcbK65hevit357DZTYWFSJvA=";

#[rstest]
#[tokio::test]
async fn opens_and_migrates(#[values(Sqlite, Postgres)] kind: TestDatabaseKind) {
    let database = TestDatabase::empty(kind).await;
    let connection = Database::connect(database.settings().url.as_str()).await.unwrap();
    Migrator::up(&connection, Some(MIGRATIONS)).await.unwrap();
    connection.close().await.unwrap();
    for row in ROWS.lines() {
        assert_eq!(database.execute(row).await, 1);
    }
    let home = tempfile::tempdir().unwrap();
    let source = KeySource::Own(home.path().join("secret.key"));
    let keys = KeySource::Given {
        keys: KEY.parse().unwrap(),
        place: "the old file",
    };

    let store = database.store();
    store.migrate().await.unwrap();
    store.unlock(keys).await.unwrap();
    let page = store.list(&BackendFilter::default()).await.unwrap();
    assert_eq!((page.total, page.unreadable), (4, vec![]));
    let nas = &page.backends[0];
    assert_eq!(
        (nas.status, nas.stats.used, nas.stats.file_count),
        (BackendStatus::Online, Some(ByteCount::saturating(1000)), Some(3))
    );
    assert_eq!(nas.last_test.as_ref().unwrap().message, "Everything works.");
    let mut secrets = Vec::new();
    for shown in &page.backends {
        assert_eq!(store.get(shown.id).await.unwrap(), *shown);
        let opened = store.open(shown.id).await.unwrap();
        secrets.extend(
            opened
                .config
                .secrets()
                .iter()
                .map(|(_, secret)| secret.expose().to_owned()),
        );
    }
    assert_eq!(
        secrets,
        ["hunter2", "hunter3", "hunter4hunter4", "hunter5hunter5"]
    );
    let listed = store.list_json(&BackendFilter::default()).await.unwrap();
    assert_eq!(listed.total, 4);
    let unrendered = "UPDATE backends SET listed = listed WHERE listed IS NULL";
    assert_eq!(database.execute(unrendered).await, 0);
    let tokens = store.tokens(false).await.unwrap();
    assert_eq!(
        (tokens[0].name.as_str(), tokens[0].role),
        ("deploy", Role::Operator)
    );
    assert_eq!(trail(store).await.len(), 2);

    // And its key can be rotated.
    let path = home.path().join("secret.key");
    std::fs::write(&path, KEY).unwrap();
    std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let rotated = store.rotate(&source, Rotation::Whole, None).await.unwrap();
    assert_eq!((rotated.rows, rotated.unopened), (3, 0));
}
