//! Uploads under way, and the hashes of files.

use std::time::Duration;

use rstest::rstest;
use storage_domain::access::AuditRecord;
use storage_domain::{BackendId, FileHash, FilePath, UploadId};
use storage_persistence::testkit::TestDatabase;
use storage_persistence::testkit::TestDatabaseKind::{self, Postgres, Sqlite};
use storage_persistence::{Content, LEASE, StoreError, StoredUpload};
use time::OffsetDateTime;

use crate::support::{create, trail, variant};

fn upload(backend: BackendId, is_resumable: bool) -> StoredUpload {
    let now = OffsetDateTime::from_unix_timestamp(1_795_000_000).unwrap();
    StoredUpload {
        id: UploadId::generate(),
        backend,
        path: "/images/debian.iso".parse().unwrap(),
        record: Some("name".to_owned()),
        stored: 7,
        length: Some(9),
        hash_state: Some("state".to_owned()),
        condition: "None".to_owned(),
        expected: Some(hash(1)),
        is_resumable,
        is_complete: false,
        created_at: now,
        expires_at: OffsetDateTime::now_utc().truncate_to_second() + Duration::from_hours(24),
    }
}

fn hash(byte: u8) -> FileHash {
    FileHash::from([byte; 32])
}

#[rstest]
#[tokio::test]
async fn an_upload_has_one_owner(#[values(Sqlite, Postgres)] kind: TestDatabaseKind) {
    let database = TestDatabase::migrated(kind).await;
    let store = database.store();
    let backend = create(store, "a").await.id;
    let mut row = upload(backend, true);
    store.add_upload(&row, Some("one")).await.unwrap();
    assert_eq!(store.upload(backend, row.id).await.unwrap(), row);
    let other = create(store, "b").await.id;
    assert_eq!(variant(store.upload(other, row.id).await), "NotFound");

    assert!(!store.claim_upload(row.id, "two", LEASE).await.unwrap());
    assert!(store.claim_upload(row.id, "one", LEASE).await.unwrap());
    (row.stored, row.record, row.hash_state) = (9, None, None);
    row.is_complete = true;
    assert!(!store.keep_upload(&row, "two", true).await.unwrap());
    assert!(store.keep_upload(&row, "one", true).await.unwrap());
    assert_eq!(store.upload(backend, row.id).await.unwrap(), row);
    assert!(store.claim_upload(row.id, "two", LEASE).await.unwrap());
    store.delete_upload(row.id, "one").await.unwrap();
    assert_eq!(store.count_uploads().await.unwrap(), 1);
    store.delete_upload(row.id, "two").await.unwrap();
    assert_eq!(store.count_uploads().await.unwrap(), 0);
}

#[rstest]
#[tokio::test]
async fn a_dead_owner_loses_it(#[values(Sqlite, Postgres)] kind: TestDatabaseKind) {
    let database = TestDatabase::migrated(kind).await;
    let store = database.store();
    let row = upload(create(store, "a").await.id, false);
    store.add_upload(&row, Some("dead")).await.unwrap();
    let aged = format!(
        "UPDATE uploads SET heartbeat = heartbeat - {}",
        LEASE.as_millis() + 1
    );
    database.execute(&aged).await;
    store.beat_uploads("alive").await.unwrap();
    assert!(!store.claim_upload(row.id, "two", 2 * LEASE).await.unwrap());
    store.beat_uploads("dead").await.unwrap();
    assert!(!store.claim_upload(row.id, "two", LEASE).await.unwrap());
    database.execute(&aged).await;
    assert!(store.claim_upload(row.id, "two", LEASE).await.unwrap());
    assert!(!store.keep_upload(&row, "dead", false).await.unwrap());
}

/// What is resumable stays until it expires, and everything as long as its process lives.
#[rstest]
#[tokio::test]
async fn what_was_left(#[values(Sqlite, Postgres)] kind: TestDatabaseKind) {
    let database = TestDatabase::migrated(kind).await;
    let store = database.store();
    let backend = create(store, "a").await.id;
    let (single, resumable) = (upload(backend, false), upload(backend, true));
    for row in [&single, &resumable] {
        store.add_upload(row, Some("dead")).await.unwrap();
    }
    let now = OffsetDateTime::now_utc();
    let left = async |hours: u64| {
        let at = now + Duration::from_hours(hours);
        let left = store.left_uploads(at, 10).await.unwrap();
        left.into_iter().map(|row| row.id).collect::<Vec<_>>()
    };
    assert_eq!(left(0).await, []);
    assert_eq!(left(1).await, [single.id]);
    assert_eq!(left(25).await.len(), 2);
    assert_eq!(
        store
            .left_uploads(now + Duration::from_hours(25), 1)
            .await
            .unwrap()
            .len(),
        1
    );
}

#[rstest]
#[tokio::test]
async fn rows_go_with_their_backend(#[values(Sqlite, Postgres)] kind: TestDatabaseKind) {
    let database = TestDatabase::migrated(kind).await;
    let store = database.store();
    let backend = create(store, "a").await.id;
    let row = upload(backend, true);
    store.add_upload(&row, None).await.unwrap();
    let content = Content {
        backend,
        path: &row.path,
        etag: "1",
    };
    store.keep_hash(content, &hash(1), None).await.unwrap();
    store.delete(backend, None, None).await.unwrap();
    assert_eq!(store.count_uploads().await.unwrap(), 0);
    assert_eq!(store.hashes(&[content]).await.unwrap(), [None]);
    for failed in [
        store.add_upload(&row, None).await,
        store.keep_hash(content, &hash(1), None).await,
    ] {
        assert!(matches!(failed, Err(StoreError::Database { .. })), "{failed:?}");
    }
}

#[rstest]
#[tokio::test]
async fn a_hash_belongs_to_one_version(#[values(Sqlite, Postgres)] kind: TestDatabaseKind) {
    let database = TestDatabase::migrated(kind).await;
    let store = database.store();
    let (a, b) = (create(store, "a").await.id, create(store, "b").await.id);
    // Longer than an index of PostgreSQL takes.
    let long: FilePath = format!("/{}", "ü/".repeat(1300)).parse().unwrap();
    let short: FilePath = "/a".parse().unwrap();
    let of = |backend, path, etag| Content { backend, path, etag };
    let record = AuditRecord::new("file.write");
    store
        .keep_hash(of(a, &long, "1"), &hash(1), Some(&record))
        .await
        .unwrap();
    store.keep_hash(of(a, &short, "1"), &hash(2), None).await.unwrap();
    store.keep_hash(of(a, &short, "1"), &hash(3), None).await.unwrap();
    assert_eq!(trail(store).await.len(), 1);
    let asked = [
        of(b, &long, "1"),
        of(a, &long, "2"),
        of(a, &long, "1"),
        of(a, &short, "1"),
    ];
    let found = store.hashes(&asked).await.unwrap();
    assert_eq!(found, [None, None, Some(hash(1)), Some(hash(3))]);
    assert_eq!(store.hashes(&[]).await.unwrap(), []);
}

#[rstest]
#[tokio::test]
async fn the_oldest_hashes_go(#[values(Sqlite, Postgres)] kind: TestDatabaseKind) {
    let database = TestDatabase::migrated(kind).await;
    let store = database.store();
    let backend = create(store, "a").await.id;
    let path: FilePath = "/a".parse().unwrap();
    let versions = ["1", "2", "3"].map(|etag| Content {
        backend,
        path: &path,
        etag,
    });
    for (age, content) in versions.iter().enumerate() {
        store.keep_hash(*content, &hash(0), None).await.unwrap();
        let aged = format!(
            "UPDATE file_hashes SET created_at = created_at - {}",
            1000 * (age + 1)
        );
        database.execute(&aged).await;
    }
    assert_eq!(store.prune_hashes(3).await.unwrap(), 0);
    assert_eq!(store.prune_hashes(1).await.unwrap(), 2);
    assert_eq!(
        store.hashes(&versions).await.unwrap(),
        [None, None, Some(hash(0))]
    );
}
