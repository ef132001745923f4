//! Calls that meet.

use std::sync::Arc;

use rstest::rstest;
use storage_domain::Stats;
use storage_persistence::testkit::TestDatabase;
use storage_persistence::testkit::TestDatabaseKind::{self, Postgres, Sqlite};
use storage_persistence::{BackendFilter, Measurement, Store, StoreError};
use tokio::sync::Barrier;
use tokio::task::JoinSet;

use crate::support::{create, measured, name, new, nfs};

const RACERS: u32 = 20;

/// Lets all racers go at once and collects what they got.
async fn race<T, F>(racer: impl Fn(u32) -> F) -> Vec<T>
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let start = Arc::new(Barrier::new(RACERS as usize));
    let mut racers = JoinSet::new();
    for i in 0..RACERS {
        let (start, run) = (Arc::clone(&start), racer(i));
        racers.spawn(async move {
            start.wait().await;
            run.await
        });
    }
    racers.join_all().await
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_of_twenty_racing_creates_wins(#[values(Sqlite, Postgres)] kind: TestDatabaseKind) {
    let database = TestDatabase::migrated(kind).await;
    let other_process = Store::connect(database.settings()).await.unwrap();
    let results = race(|i| {
        let store = if i % 2 == 0 {
            database.store().clone()
        } else {
            other_process.clone()
        };
        async move { store.create(new("the one"), None).await }
    })
    .await;
    assert_eq!(results.iter().filter(|r| r.is_ok()).count(), 1);
    assert!(
        results
            .iter()
            .all(|r| matches!(r, Ok(_) | Err(StoreError::NameTaken))),
        "{results:?}"
    );
    assert_eq!(
        database
            .store()
            .list(&BackendFilter::default())
            .await
            .unwrap()
            .total,
        1
    );
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_of_twenty_racing_updates_wins(#[values(Sqlite, Postgres)] kind: TestDatabaseKind) {
    let database = TestDatabase::migrated(kind).await;
    let made = create(database.store(), "a").await;
    let results = race(|i| {
        let (store, read) = (database.store().clone(), made.clone());
        async move {
            store
                .update(&read, &name(&format!("b{i}")), &nfs(), None, None)
                .await
        }
    })
    .await;
    let winners: Vec<_> = results.iter().filter_map(|r| r.as_ref().ok()).collect();
    assert_eq!(winners.len(), 1);
    assert!(
        results
            .iter()
            .all(|r| matches!(r, Ok(_) | Err(StoreError::Changed))),
        "{results:?}"
    );
    assert_eq!(&database.store().get(made.id).await.unwrap(), winners[0]);
}

/// Different parts of a measurement that come in at once are all kept.
#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn racing_results_lose_nothing(#[values(Sqlite, Postgres)] kind: TestDatabaseKind) {
    let database = TestDatabase::migrated(kind).await;
    let store = database.store();
    let made = create(store, "a").await;
    let full = measured();
    let parts = [
        Measurement {
            status: full.status,
            ..Measurement::default()
        },
        Measurement {
            last_test: full.last_test.clone(),
            ..Measurement::default()
        },
        Measurement {
            stats: Stats {
                used: full.stats.used,
                ..Stats::default()
            },
            ..Measurement::default()
        },
        Measurement {
            stats: Stats {
                file_count: full.stats.file_count,
                ..Stats::default()
            },
            ..Measurement::default()
        },
    ];
    let results = race(|i| {
        let (store, part) = (store.clone(), parts[i as usize % parts.len()].clone());
        async move { store.record(made.id, made.revision, &part).await }
    })
    .await;
    assert!(results.iter().all(|r| matches!(r, Ok(Some(_)))), "{results:?}");
    let got = store.get(made.id).await.unwrap();
    assert_eq!((Some(got.status), got.stats.used), (full.status, full.stats.used));
    assert_eq!(got.stats.file_count, full.stats.file_count);
    assert!(got.last_test.is_some());
    assert_eq!(got.version, 5, "each of the four parts changed the row once");
}

#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_writers_and_readers_all_get_through(#[values(Sqlite, Postgres)] kind: TestDatabaseKind) {
    let database = TestDatabase::migrated(kind).await;
    let results = race(|i| {
        let store = database.store().clone();
        async move {
            for round in 0..10 {
                let made = store.create(new(&format!("{i}-{round}")), None).await?;
                // A read right after a write sees it, whichever connection it gets.
                assert_eq!(store.get(made.id).await?, made);
                store.record(made.id, made.revision, &measured()).await?;
            }
            Ok::<_, StoreError>(())
        }
    })
    .await;
    assert!(results.iter().all(Result::is_ok), "{results:?}");
    let page = database.store().list(&BackendFilter::default()).await.unwrap();
    assert_eq!(page.total, u64::from(RACERS) * 10);
}
