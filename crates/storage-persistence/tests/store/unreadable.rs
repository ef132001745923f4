//! Rows that can't be read.

use rstest::rstest;
use storage_domain::BackendKind;
use storage_persistence::testkit::TestDatabase;
use storage_persistence::testkit::TestDatabaseKind::{self, Postgres, Sqlite};
use storage_persistence::{BackendFilter, NewBackend, StoreError};

use crate::support::{create, http, measured, name, set, variant};

#[rstest]
#[case::no_json("config = 'hunter2'", "config is no JSON object")]
#[case::a_text("config = '\"hunter2\"'", "config is no JSON object")]
#[case::a_list("config = '[\"hunter2\"]'", "config is no JSON object")]
#[case::empty("config = ''", "config is no JSON object")]
#[case::invalid(
    "config = '{\"base_url\":\"hunter2\"}'",
    "no valid http config: see /config/base_url"
)]
#[case::more(
    "config = '{\"base_url\":\"http://a\",\"password\":7,\"z\":1}'",
    "/config/password"
)]
#[case::kind("kind = 'floppy'", "kind must be one of")]
#[case::status("status = 'lost'", "status must be one of")]
#[case::name("name = ' '", "name must not be blank")]
#[case::negative("used_bytes = -1", "used_bytes is negative")]
#[case::time("created_at = 9223372036854775807", "created_at is no time")]
#[tokio::test]
async fn one_bad_row_is_isolated(
    #[values(Sqlite, Postgres)] kind: TestDatabaseKind,
    #[case] assignment: &str,
    #[case] reason: &str,
) {
    let database = TestDatabase::migrated(kind).await;
    let store = database.store();
    let good = create(store, "good").await;
    let bad = store
        .create(
            NewBackend {
                name: name("bad"),
                config: http(),
                boot_path: None,
            },
            None,
        )
        .await
        .unwrap();
    set(&database, &bad, assignment).await;

    for limit in [None, Some(10)] {
        let page = store
            .list(&BackendFilter {
                limit,
                ..BackendFilter::default()
            })
            .await
            .unwrap();
        assert_eq!((page.total, &page.backends), (2, &vec![good.clone()]));
        assert_eq!(page.unreadable.len(), 1);
        assert_eq!(page.unreadable[0].id, Some(bad.id));
        let told = &page.unreadable[0].reason;
        assert!(told.contains(reason), "{told}");
        assert!(!told.contains("hunter2"), "{told}");
    }
    match store.get(bad.id).await {
        Err(StoreError::Unreadable { id, reason: told }) => {
            assert_eq!(id, bad.id);
            assert!(told.contains(reason) && !told.contains("hunter2"), "{told}");
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(
        variant(store.record(bad.id, bad.revision, &measured()).await),
        "Unreadable"
    );
    store.delete(bad.id, None, None).await.unwrap();
    assert_eq!(store.list(&BackendFilter::default()).await.unwrap().total, 1);
}

#[rstest]
#[case("nonsense")]
#[case("")]
#[case("0198B2C0-0000-7000-8000-00000000000A")]
#[case("{0198b2c0-0000-7000-8000-00000000000a}")]
#[tokio::test]
async fn a_bad_id_is_isolated(#[values(Sqlite, Postgres)] kind: TestDatabaseKind, #[case] id: &str) {
    let database = TestDatabase::migrated(kind).await;
    let store = database.store();
    let good = create(store, "good").await;
    let bad = create(store, "bad").await;
    set(&database, &bad, &format!("id = '{id}'")).await;
    let page = store.list(&BackendFilter::default()).await.unwrap();
    assert_eq!((page.total, page.backends), (2, vec![good]));
    assert_eq!(page.unreadable[0].id, None);
}

/// SQLite keeps any value in any column.
#[rstest]
#[case("config = x'ff00'")]
#[case("created_at = 'yesterday'")]
#[case("version = 1.5")]
#[case("status = x'ff'")]
#[tokio::test]
async fn a_value_of_another_type_is_isolated(#[case] assignment: &str) {
    let database = TestDatabase::migrated(Sqlite).await;
    let store = database.store();
    let good = create(store, "good").await;
    let bad = create(store, "bad").await;
    set(&database, &bad, assignment).await;
    let page = store.list(&BackendFilter::default()).await.unwrap();
    assert_eq!(page.unreadable.len(), 1, "{:?}", page.backends);
    assert!(page.backends.contains(&good));
    assert_eq!(variant(store.get(bad.id).await), "Unreadable");
    store.delete(bad.id, None, None).await.unwrap();
}

#[rstest]
#[tokio::test]
async fn filters_count_unreadable_rows(#[values(Sqlite, Postgres)] kind: TestDatabaseKind) {
    let database = TestDatabase::migrated(kind).await;
    let store = database.store();
    let bad = create(store, "bad").await;
    set(&database, &bad, "config = '{}'").await;
    let filter = BackendFilter {
        kind: Some(BackendKind::Nfs),
        ..BackendFilter::default()
    };
    let page = store.list(&filter).await.unwrap();
    assert_eq!((page.total, page.unreadable.len()), (1, 1));
}

/// A database's own tools can put any bytes into a text.
#[tokio::test]
async fn a_row_whose_name_is_no_text_can_be_deleted() {
    let database = TestDatabase::migrated(Sqlite).await;
    let store = database.store();
    let bad = create(store, "bad").await;
    set(&database, &bad, "name = x'6e61ff'").await;
    store.delete(bad.id, None, None).await.unwrap();
    assert_eq!(store.list(&BackendFilter::default()).await.unwrap().total, 0);
}
