//! Jobs, as the process that does them writes them and others read and cancel them.

use rstest::rstest;
use storage_domain::{BackendId, Job, JobId, JobKind, JobState};
use storage_persistence::testkit::TestDatabase;
use storage_persistence::testkit::TestDatabaseKind::{self, Postgres, Sqlite};
use storage_persistence::{JobFilter, Store};
use time::{Duration, OffsetDateTime};

fn now() -> OffsetDateTime {
    let now = OffsetDateTime::now_utc();
    now.truncate_to_millisecond()
}

fn job(backend: BackendId) -> Job {
    Job {
        id: JobId::generate(),
        kind: JobKind::Move,
        backend_id: backend,
        backend_name: "nas".to_owned(),
        subject: "/a\0 to /b".to_owned(),
        state: JobState::Running,
        done: 0,
        total: Some(7),
        started_at: now(),
        finished_at: None,
        error: None,
        owner: "here".to_owned(),
        heartbeat_at: now(),
    }
}

async fn ids(store: &Store, backend: Option<BackendId>, state: Option<JobState>) -> Vec<JobId> {
    let filter = JobFilter {
        limit: 2,
        backend,
        state,
    };
    let page = store.jobs(&filter).await.unwrap();
    assert_eq!(page.total.min(2), page.jobs.len() as u64);
    page.jobs.iter().map(|job| job.id).collect()
}

#[rstest]
#[tokio::test]
async fn a_job_from_its_beginning_to_its_end(#[values(Sqlite, Postgres)] kind: TestDatabaseKind) {
    let database = TestDatabase::migrated(kind).await;
    let store = database.store();
    let mut begun = job(BackendId::generate());
    assert_eq!(store.job(begun.id).await.unwrap(), None);
    store.add_job(&begun).await.unwrap();
    begun.subject = "/a\u{fffd} to /b".to_owned();
    assert_eq!(store.job(begun.id).await.unwrap(), Some(begun.clone()));

    (begun.done, begun.total, begun.heartbeat_at) = (3, Some(8), now() + Duration::SECOND);
    let progress = (begun.done, begun.total);
    assert!(
        store
            .advance_job(begun.id, progress, begun.heartbeat_at)
            .await
            .unwrap()
    );
    assert_eq!(store.job(begun.id).await.unwrap(), Some(begun.clone()));

    store.cancel_job(begun.id).await.unwrap();
    assert!(!store.advance_job(begun.id, (4, None), now()).await.unwrap());
    assert_eq!(
        store.job(begun.id).await.unwrap(),
        Some(begun.clone()),
        "nothing is written"
    );
    (begun.state, begun.total) = (JobState::Cancelled, Some(9));
    begun.error = Some("for no reason".to_owned());
    begun.finished_at = Some(now());
    store.end_job(&begun).await.unwrap();
    assert_eq!(store.job(begun.id).await.unwrap(), Some(begun.clone()));

    // The first end counts, and what ended can't be cancelled.
    let other = Job {
        state: JobState::Done,
        ..begun.clone()
    };
    store.end_job(&other).await.unwrap();
    store.cancel_job(begun.id).await.unwrap();
    assert_eq!(store.job(begun.id).await.unwrap(), Some(begun));
    let unknown = store.advance_job(JobId::generate(), (0, None), now()).await;
    assert!(!unknown.unwrap(), "the row is gone");
}

#[rstest]
#[tokio::test]
async fn lists_show_the_newest_as_they_are_now(#[values(Sqlite, Postgres)] kind: TestDatabaseKind) {
    let database = TestDatabase::migrated(kind).await;
    let store = database.store();
    let (one, other) = (BackendId::generate(), BackendId::generate());
    let dead = Job {
        heartbeat_at: now() - Job::DEAD_AFTER - Duration::SECOND,
        ..job(one)
    };
    let (first, second) = (job(one), job(other));
    for job in [&dead, &first, &second] {
        store.add_job(job).await.unwrap();
    }
    assert_eq!(
        ids(store, None, None).await,
        [second.id, first.id],
        "no more than the limit"
    );
    assert_eq!(ids(store, Some(one), None).await, [first.id, dead.id]);
    assert_eq!(
        ids(store, None, Some(JobState::Running)).await,
        [second.id, first.id]
    );
    assert_eq!(ids(store, None, Some(JobState::Interrupted)).await, [dead.id]);
    assert_eq!(
        store.job(dead.id).await.unwrap().unwrap().state,
        JobState::Interrupted
    );

    store.cancel_jobs_of(one).await.unwrap();
    assert!(!store.advance_job(first.id, (1, None), now()).await.unwrap());
    assert!(store.advance_job(second.id, (1, None), now()).await.unwrap());

    assert_eq!(store.prune_jobs(now() - Duration::MINUTE, 10).await.unwrap(), 0);
    assert_eq!(store.prune_jobs(now() + Duration::MINUTE, 2).await.unwrap(), 2);
    assert_eq!(store.prune_jobs(now() + Duration::MINUTE, 10).await.unwrap(), 1);
}
