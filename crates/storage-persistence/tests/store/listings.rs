//! Lists as JSON.

use rstest::rstest;
use serde_json::{Value, json};
use storage_domain::{BackendId, ByteCount, Stats};
use storage_persistence::testkit::TestDatabase;
use storage_persistence::testkit::TestDatabaseKind::{self, Postgres, Sqlite};
use storage_persistence::{BackendFilter, Listing, Measurement, Store, StoreError};

use crate::support::{create, http, measured, name, set};

fn members(listing: &Listing) -> Vec<Value> {
    serde_json::from_slice(&[b"[", &*listing.members.concat(), b"]"].concat()).unwrap()
}

/// A list of JSON has what each backend of it shows by itself, and so has the JSON of one.
pub(crate) async fn listed_as_read(store: &Store, filter: &BackendFilter) {
    let listing = store.list_json(filter).await.unwrap();
    let listed = members(&listing);
    let page = store.list(filter).await.unwrap();
    assert_eq!((listing.total, listing.unreadable), (page.total, page.unreadable));
    for backend in &page.backends {
        let shown = store.get_json(backend.id).await.unwrap();
        assert_eq!(shown.version, backend.version);
        assert_eq!(shown.json, serde_json::to_string(&backend.as_shown()).unwrap());
    }
    let read = page
        .backends
        .iter()
        .map(|b| serde_json::to_value(b.as_shown()).unwrap());
    assert_eq!(listed, read.collect::<Vec<_>>());
}

/// How many rows have no text for lists.
pub(crate) async fn unrendered(database: &TestDatabase) -> u64 {
    database
        .execute("UPDATE backends SET listed = listed WHERE listed IS NULL")
        .await
}

/// An earlier release changes config, key and version in one statement, and does not know the text.
#[rstest]
#[tokio::test]
async fn a_change_of_an_earlier_release_clears_the_text(#[values(Sqlite, Postgres)] kind: TestDatabaseKind) {
    let database = TestDatabase::migrated(kind).await;
    create(database.store(), "nas").await;
    database
        .execute("UPDATE backends SET secret_key = (SELECT max(id) FROM secret_keys)")
        .await;
    assert_eq!(unrendered(&database).await, 0, "that was a rotation");
    database
        .execute("UPDATE backends SET secret_key = NULL, version = version + 1")
        .await;
    assert_eq!(unrendered(&database).await, 1);
}

#[rstest]
#[tokio::test]
async fn json_follows_every_change(#[values(Sqlite, Postgres)] kind: TestDatabaseKind) {
    let database = TestDatabase::migrated(kind).await;
    let store = database.store();
    let all = BackendFilter::default();
    listed_as_read(store, &all).await;
    let (a, b) = (create(store, "a").await, create(store, "b \"\u{1f5c4}\"").await);
    listed_as_read(store, &all).await;
    let page = BackendFilter {
        limit: Some(1),
        offset: 1,
        ..BackendFilter::default()
    };
    for filter in [
        &page,
        &BackendFilter {
            offset: 5,
            ..page.clone()
        },
    ] {
        listed_as_read(store, filter).await;
    }
    store.record(a.id, a.revision, &measured()).await.unwrap();
    let web = store.update(&b, &name("web"), &http(), None, None).await.unwrap();
    listed_as_read(store, &all).await;
    // What no list shows changes: nothing has to be rendered.
    let count = Measurement {
        stats: Stats {
            used: Some(ByteCount::saturating(0)),
            ..Stats::default()
        },
        ..Measurement::default()
    };
    store.record(web.id, web.revision, &count).await.unwrap().unwrap();
    assert_eq!(unrendered(&database).await, 0);
    listed_as_read(store, &all).await;
    // By hand: a list shows it at once, and what can't be read any more.
    set(&database, &a, "status = 'error'").await;
    assert_eq!(unrendered(&database).await, 1);
    listed_as_read(store, &all).await;
    set(&database, &a, "config = 'hunter2'").await;
    listed_as_read(store, &all).await;
    store.unlock(database.keys()).await.unwrap();
    assert_eq!(unrendered(&database).await, 1, "it can't be read");
    store.delete(a.id, None, None).await.unwrap();
    listed_as_read(store, &all).await;
}

/// The other rows are copied, whatever their texts say.
#[rstest]
#[tokio::test]
async fn only_rows_without_a_text_are_rendered(#[values(Sqlite, Postgres)] kind: TestDatabaseKind) {
    let database = TestDatabase::migrated(kind).await;
    let store = database.store();
    let mut ids = Vec::new();
    for number in 0..4 {
        let made = create(store, &format!("b{number}")).await;
        ids.push(made.id);
        let change = match number {
            0 => "listed = '2 1 {\"copied\":true}'",
            1 => "config = 'hunter2'",
            2 => "status = 'error'",
            // SQLite keeps any value in any column.
            _ if kind == Sqlite => "id = x'ff'",
            _ => "id = 'ff'",
        };
        set(&database, &made, change).await;
    }
    let listing = store.list_json(&BackendFilter::default()).await.unwrap();
    let listed = members(&listing);
    assert_eq!((listing.total, listing.unreadable.len()), (4, 2));
    assert_eq!(listed.len(), 2);
    assert_eq!(listed[0], json!({"copied": true}));
    assert_eq!(
        (&listed[1]["name"], &listed[1]["status"]),
        (&json!("b2"), &json!("error"))
    );
    if kind == Sqlite {
        let shown = store.get_json(ids[0]).await.unwrap();
        assert_eq!((shown.version, &*shown.json), (1, r#"{"copied":true}"#));
    }
    let unreadable = store.get_json(ids[1]).await;
    assert!(matches!(unreadable, Err(StoreError::Unreadable { id, .. }) if id == ids[1]));
    let none = store.get_json(BackendId::generate()).await;
    assert!(matches!(none, Err(StoreError::NotFound)));
    // Each page is a part of the same list.
    for offset in 1..4 {
        let filter = BackendFilter {
            limit: Some(2),
            offset,
            ..BackendFilter::default()
        };
        listed_as_read(store, &filter).await;
    }
}

/// A list is kept with the connection that read it, until anything is committed: by this process or by another one.
#[tokio::test]
async fn a_list_is_never_older_than_the_last_commit() {
    let database = TestDatabase::migrated(Sqlite).await;
    let (store, all) = (database.store(), BackendFilter::default());
    let other = Store::connect(database.settings()).await.unwrap();
    for number in 0..5 {
        let made = create(
            if number % 2 == 0 { store } else { &other },
            &format!("b{number}"),
        )
        .await;
        for reader in [store, &other, store] {
            listed_as_read(reader, &all).await;
        }
        set(&database, &made, "status = 'error'").await;
        listed_as_read(store, &all).await;
    }
    let only = BackendFilter {
        name_contains: Some("B3".to_owned()),
        ..all.clone()
    };
    listed_as_read(store, &only).await;
    other
        .delete(store.list(&only).await.unwrap().backends[0].id, None, None)
        .await
        .unwrap();
    listed_as_read(store, &only).await;
    listed_as_read(store, &all).await;
}
