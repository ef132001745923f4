//! What is deleted.

use super::*;

#[rstest]
#[tokio::test]
async fn only_the_version_that_was_read_is_deleted(#[values(Sqlite, Postgres)] kind: TestDatabaseKind) {
    let database = TestDatabase::migrated(kind).await;
    let store = database.store();
    let read = create(store, "a").await;
    let changed = store
        .update(&read, &name("b"), &read.config, None, None)
        .await
        .unwrap();
    let old = store.delete(read.id, Some(read.version), None).await;
    assert_eq!(variant(old), "Changed");
    assert_eq!(store.get(read.id).await.unwrap(), changed);
    store.delete(read.id, Some(changed.version), None).await.unwrap();
    let gone = store.delete(read.id, Some(changed.version), None).await;
    assert_eq!(variant(gone), "NotFound");
}

#[rstest]
#[tokio::test]
async fn what_is_deleted_is_gone(#[values(Sqlite, Postgres)] kind: TestDatabaseKind) {
    let database = TestDatabase::migrated(kind).await;
    let store = database.store();
    let made = create(store, "a").await;
    store.delete(made.id, None, None).await.unwrap();
    assert_eq!(variant(store.get(made.id).await), "NotFound");
    assert_eq!(variant(store.delete(made.id, None, None).await), "NotFound");
    assert_eq!(variant(store.get(BackendId::generate()).await), "NotFound");
    // Its name is free again.
    create(store, "a").await;
}
