//! Results of tests and counts.

use super::*;

/// A count replaces what the one before it did not see; a test without a count leaves it.
#[rstest]
#[tokio::test]
async fn a_complete_count_ends_what_was_incomplete(#[values(Sqlite, Postgres)] kind: TestDatabaseKind) {
    let database = TestDatabase::migrated(kind).await;
    let store = database.store();
    let backend = create(store, "nas").await;
    let record = async |found: &Measurement| {
        let recorded = store.record(backend.id, backend.revision, found).await;
        recorded.unwrap().unwrap();
        store.get(backend.id).await.unwrap().stats
    };
    let partial = record(&measured()).await;
    assert_eq!(partial, measured().stats);
    let mut tested = Measurement::default();
    tested.stats.used = Some(ByteCount::saturating(1));
    let kept = record(&tested).await;
    assert_eq!(
        (kept.incomplete, kept.skipped),
        (partial.incomplete, partial.skipped)
    );
    let mut complete = Measurement::default();
    complete.stats.file_count = Some(7);
    let counted = record(&complete).await;
    assert_eq!((counted.incomplete, counted.skipped), (None, None));
}

#[rstest]
#[tokio::test]
async fn a_result_of_an_old_config_is_dropped(#[values(Sqlite, Postgres)] kind: TestDatabaseKind) {
    let database = TestDatabase::migrated(kind).await;
    let store = database.store();
    let made = store
        .create(
            NewBackend {
                name: name("a"),
                config: http(),
                boot_path: None,
            },
            None,
        )
        .await
        .unwrap();
    let other = config(BackendKind::Http, &json!({"base_url": "http://other.lab"}));
    let changed = store.update(&made, &made.name, &other, None, None).await.unwrap();
    assert_eq!(
        store.record(made.id, made.revision, &measured()).await.unwrap(),
        None
    );
    assert_eq!(store.get(made.id).await.unwrap(), changed);
    store.delete(made.id, None, None).await.unwrap();
    assert_eq!(
        store
            .record(made.id, changed.revision, &measured())
            .await
            .unwrap(),
        None
    );
}
