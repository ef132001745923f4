//! The directory whose files machines that boot may read.

use storage_domain::FilePath;

use super::*;

#[rstest]
#[tokio::test]
async fn it_changes_without_the_config(#[values(Sqlite, Postgres)] kind: TestDatabaseKind) {
    let database = TestDatabase::migrated(kind).await;
    let store = database.store();
    let directory: FilePath = "/boot ü".parse().unwrap();
    let released = NewBackend {
        boot_path: Some(directory.clone()),
        ..new("nas")
    };
    let made = store.create(released, None).await.unwrap();
    store.record(made.id, made.revision, &measured()).await.unwrap();
    let read = store.open(made.id).await.unwrap();
    assert_eq!(read.boot_path, Some(directory.clone()));
    assert_eq!(store.find_by_name(&made.name).await.unwrap(), Some(read.clone()));
    assert_eq!(store.find_by_name(&name("NAS")).await.unwrap(), None);
    let same = store
        .update(&read, &read.name, &read.config, Some(&directory), None)
        .await;
    assert_eq!(same.unwrap(), read);
    let closed = store
        .update(&read, &read.name, &read.config, None, None)
        .await
        .unwrap();
    assert_eq!((&closed.boot_path, closed.revision), (&None, read.revision));
    assert_eq!((closed.status, &closed.stats), (read.status, &read.stats));
    assert_eq!(store.get(made.id).await.unwrap(), closed);
    set(&database, &made, "boot_path = 'boot'").await;
    assert_eq!(variant(store.get(made.id).await), "Unreadable");
}
