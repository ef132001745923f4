//! Writes to a SQLite file that arrive together.

use std::fs;
use std::path::Path;
use std::pin::pin;
use std::task::Poll;

use storage_domain::access::AuditRecord;
use storage_persistence::BackendFilter;
use storage_persistence::testkit::{TestDatabase, TestDatabaseKind};

use crate::support::{create, name, new, nfs, trail, variant};

/// How many transactions a write-ahead log holds. The header of a frame whose page ends one has the size of the
/// database (<https://sqlite.org/fileformat2.html#walformat>).
fn commits(database: &Path) -> usize {
    const HEADER: usize = 32;
    const FRAME_HEADER: usize = 24;
    let log = fs::read(format!("{}-wal", database.display())).unwrap();
    let page = u32::from_be_bytes(log[8..12].try_into().unwrap()) as usize;
    let frames = log[HEADER..].chunks_exact(FRAME_HEADER + page);
    frames.filter(|frame| frame[4..8] != [0; 4]).count()
}

/// Each is answered for itself: one that fails takes nothing from the others. And nobody waits to read.
#[tokio::test]
async fn share_a_transaction_and_no_failure() {
    let database = TestDatabase::migrated(TestDatabaseKind::Sqlite).await;
    let (store, file) = (database.store(), database.file().unwrap());
    let made = create(store, "nas").await;
    let renamed = store
        .update(&made, &name("renamed"), &nfs(), None, None)
        .await
        .unwrap();
    let before = commits(&file);

    let other = database.hold_writes();
    let mut record = AuditRecord::new("backend.create");
    let (stale, last, config) = (name("stale"), name("last"), nfs());
    let mut writes = pin!(async {
        tokio::join!(
            store.create(new("one"), Some(&mut record)),
            store.create(new("renamed"), None),
            store.update(&made, &stale, &config, None, None),
            store.create(new("two"), None),
            store.update(&renamed, &last, &config, None, None),
            store.create(new("three"), None),
            store.delete(storage_domain::BackendId::generate(), None, None),
        )
    });
    // Each is asked for once, so that all of them are in the queue.
    std::future::poll_fn(|cx| {
        assert!(writes.as_mut().poll(cx).is_pending());
        Poll::Ready(())
    })
    .await;
    assert_eq!(store.get(made.id).await.unwrap(), renamed);
    assert_eq!(store.list(&BackendFilter::default()).await.unwrap().total, 1);
    drop(other);

    let (one, taken, stale, two, last, three, missing) = writes.await;
    for made in [&one, &two, &last, &three] {
        let made = made.as_ref().unwrap();
        assert_eq!(&store.get(made.id).await.unwrap(), made);
    }
    assert_eq!(
        (variant(taken), variant(stale), variant(missing)),
        ("NameTaken", "Changed", "NotFound")
    );
    assert_eq!(trail(store).await.len(), 1);
    // The first may have begun alone.
    assert!(
        commits(&file) <= before + 2,
        "{} transactions",
        commits(&file) - before
    );
}

/// Whoever gives up before a write begins has not written.
#[tokio::test]
async fn that_nobody_waits_for_are_not_begun() {
    let database = TestDatabase::migrated(TestDatabaseKind::Sqlite).await;
    let store = database.store();
    create(store, "first").await;
    let other = database.hold_writes();
    {
        let mut dropped = pin!(store.create(new("dropped"), None));
        std::future::poll_fn(|cx| {
            assert!(dropped.as_mut().poll(cx).is_pending());
            Poll::Ready(())
        })
        .await;
    }
    drop(other);
    create(store, "last").await;
    assert_eq!(store.list(&BackendFilter::default()).await.unwrap().total, 2);
}
