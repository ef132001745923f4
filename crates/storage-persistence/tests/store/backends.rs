//! One backend: create, get, update, record, delete.

mod boot_path;
mod deletion;
mod results;

use rstest::rstest;
use serde_json::json;
use storage_domain::{BackendId, BackendKind, BackendStatus, ByteCount, LastTest, Revision, Stats};
use storage_persistence::testkit::TestDatabase;
use storage_persistence::testkit::TestDatabaseKind::{self, Postgres, Sqlite};
use storage_persistence::{Measurement, NewBackend};
use time::{OffsetDateTime, UtcOffset};

use crate::support::{config, create, http, measured, name, new, nfs, set, variant};

#[rstest]
#[tokio::test]
async fn what_is_created_is_read_back(#[values(Sqlite, Postgres)] kind: TestDatabaseKind) {
    let database = TestDatabase::migrated(kind).await;
    let store = database.store();
    let before = OffsetDateTime::now_utc();
    let made = store
        .create(
            NewBackend {
                name: name("ü 1"),
                config: http(),
                boot_path: None,
            },
            None,
        )
        .await
        .unwrap();
    assert_eq!(store.open(made.id).await.unwrap(), made);
    assert_eq!(
        (made.revision, made.version, made.status),
        (Revision::FIRST, 1, BackendStatus::Offline)
    );
    assert_eq!((made.stats, &made.last_test), (Stats::default(), &None));
    assert_eq!(made.created_at, made.updated_at);
    assert_eq!(made.created_at.offset(), UtcOffset::UTC);
    assert_eq!(made.created_at.nanosecond() % 1_000_000, 0);
    assert!(
        (before - time::Duration::milliseconds(1)..=OffsetDateTime::now_utc()).contains(&made.created_at)
    );
}

#[rstest]
#[tokio::test]
async fn a_name_is_unique_and_compared_exactly(#[values(Sqlite, Postgres)] kind: TestDatabaseKind) {
    let database = TestDatabase::migrated(kind).await;
    let store = database.store();
    create(store, "nas").await;
    assert_eq!(variant(store.create(new("nas"), None).await), "NameTaken");
    for other in ["NAS", "nas ", " nas", "nás", "na\u{301}s"] {
        create(store, other).await;
    }
    let second = create(store, "second").await;
    assert_eq!(
        variant(store.update(&second, &name("nas"), &nfs(), None, None).await),
        "NameTaken"
    );
    assert_eq!(store.get(second.id).await.unwrap(), second);
}

#[rstest]
#[tokio::test]
async fn an_update_of_the_name_keeps_what_was_tested(#[values(Sqlite, Postgres)] kind: TestDatabaseKind) {
    let database = TestDatabase::migrated(kind).await;
    let store = database.store();
    let made = create(store, "a").await;
    let tested = store
        .record(made.id, made.revision, &measured())
        .await
        .unwrap()
        .unwrap();
    let renamed = store
        .update(&tested, &name("b"), &nfs(), None, None)
        .await
        .unwrap();
    assert_eq!(store.get(made.id).await.unwrap(), renamed);
    assert_eq!(
        (renamed.revision, renamed.version),
        (tested.revision, tested.version + 1)
    );
    assert_eq!((renamed.status, renamed.stats), (tested.status, tested.stats));
    assert_eq!(renamed.last_test, tested.last_test);
    assert!(renamed.updated_at >= tested.updated_at);
}

#[rstest]
#[tokio::test]
async fn an_update_of_the_config_forgets_what_was_tested(#[values(Sqlite, Postgres)] kind: TestDatabaseKind) {
    let database = TestDatabase::migrated(kind).await;
    let store = database.store();
    let made = create(store, "a").await;
    let tested = store
        .record(made.id, made.revision, &measured())
        .await
        .unwrap()
        .unwrap();
    let other = config(
        BackendKind::Nfs,
        &json!({"server": "nas.lab", "export_path": "/srv/other"}),
    );
    let changed = store
        .update(&tested, &tested.name, &other, None, None)
        .await
        .unwrap();
    assert_eq!(store.get(made.id).await.unwrap(), changed);
    assert_eq!(
        (changed.revision, changed.version),
        (tested.revision.next(), tested.version + 1)
    );
    assert_eq!(
        (changed.status, changed.stats),
        (BackendStatus::Offline, Stats::default())
    );
    assert_eq!((changed.last_test, changed.config), (None, other));
}

#[rstest]
#[tokio::test]
async fn another_spelling_of_a_host_is_stored(#[values(Sqlite, Postgres)] kind: TestDatabaseKind) {
    let database = TestDatabase::migrated(kind).await;
    let store = database.store();
    let made = create(store, "a").await;
    let other = config(
        BackendKind::Nfs,
        &json!({"server": "NAS.lab", "export_path": "/srv/images"}),
    );
    store.update(&made, &made.name, &other, None, None).await.unwrap();
    assert_eq!(
        store.get(made.id).await.unwrap().config.shown()["server"],
        "NAS.lab"
    );
}

#[rstest]
#[tokio::test]
async fn an_update_that_changes_nothing_moves_nothing(#[values(Sqlite, Postgres)] kind: TestDatabaseKind) {
    let database = TestDatabase::migrated(kind).await;
    let store = database.store();
    let made = create(store, "a").await;
    set(&database, &made, "created_at = 1000, updated_at = 1000").await;
    let made = store.get(made.id).await.unwrap();
    assert_eq!(
        store
            .update(&made, &made.name, &made.config, None, None)
            .await
            .unwrap(),
        made
    );
    assert_eq!(store.get(made.id).await.unwrap(), made);
    let changed = store
        .update(&made, &name("b"), &made.config, None, None)
        .await
        .unwrap();
    assert_eq!(
        variant(store.update(&made, &made.name, &made.config, None, None).await),
        "Changed"
    );
    assert!(changed.updated_at > made.updated_at && changed.created_at == made.created_at);
}

#[rstest]
#[tokio::test]
async fn updated_at_never_goes_back(#[values(Sqlite, Postgres)] kind: TestDatabaseKind) {
    let database = TestDatabase::migrated(kind).await;
    let store = database.store();
    let made = create(store, "a").await;
    set(&database, &made, "updated_at = 4102444800000").await; // a clock that was wrong: the year 2100
    let read = store.get(made.id).await.unwrap();
    let changed = store.update(&read, &name("b"), &nfs(), None, None).await.unwrap();
    assert_eq!(changed.updated_at, read.updated_at);
}

#[rstest]
#[tokio::test]
async fn a_stale_update_changes_nothing(#[values(Sqlite, Postgres)] kind: TestDatabaseKind) {
    let database = TestDatabase::migrated(kind).await;
    let store = database.store();
    let made = create(store, "a").await;
    let present = store.update(&made, &name("b"), &nfs(), None, None).await.unwrap();
    assert_eq!(
        variant(store.update(&made, &name("c"), &nfs(), None, None).await),
        "Changed"
    );
    assert_eq!(store.get(made.id).await.unwrap(), present);
    store.delete(made.id, None, None).await.unwrap();
    assert_eq!(
        variant(store.update(&present, &name("c"), &nfs(), None, None).await),
        "NotFound"
    );
}

#[rstest]
#[tokio::test]
async fn a_result_is_stored_and_moves_only_the_version(#[values(Sqlite, Postgres)] kind: TestDatabaseKind) {
    let database = TestDatabase::migrated(kind).await;
    let store = database.store();
    let made = create(store, "a").await;
    let stored = store
        .record(made.id, made.revision, &measured())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(store.get(made.id).await.unwrap(), stored);
    assert_eq!((stored.version, stored.updated_at), (2, made.updated_at));
    assert_eq!(stored.stats, measured().stats);
    assert_eq!(stored.stats.used.unwrap().get(), i64::MAX.unsigned_abs());
    assert_eq!(stored.last_test.as_ref().unwrap().at.nanosecond(), 123_000_000);
    // The same once more changes nothing, the version included.
    let again = store
        .record(made.id, made.revision, &measured())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(again, stored);
}

#[rstest]
#[tokio::test]
async fn what_was_not_measured_stays(#[values(Sqlite, Postgres)] kind: TestDatabaseKind) {
    let database = TestDatabase::migrated(kind).await;
    let store = database.store();
    let made = create(store, "a").await;
    let full = store
        .record(made.id, made.revision, &measured())
        .await
        .unwrap()
        .unwrap();
    let failed = Measurement {
        status: Some(BackendStatus::Error),
        last_test: Some(LastTest {
            at: OffsetDateTime::UNIX_EPOCH,
            message: "No answer.".to_owned(),
            finding: None,
        }),
        stats: Stats {
            used: Some(ByteCount::saturating(1)),
            ..Stats::default()
        },
    };
    let stored = store
        .record(made.id, made.revision, &failed)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(stored.status, BackendStatus::Error);
    assert_eq!(stored.last_test, failed.last_test);
    assert_eq!(
        stored.stats,
        Stats {
            used: Some(ByteCount::saturating(1)),
            ..full.stats
        }
    );
    assert_eq!(store.get(made.id).await.unwrap(), stored);
}
