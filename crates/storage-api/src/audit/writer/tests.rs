use storage_domain::access::AuditId;
use storage_persistence::AuditFilter;
use storage_persistence::testkit::{TestDatabase, TestDatabaseKind};
use time::OffsetDateTime;

use tokio::time::Instant;

use super::*;
use crate::audit::retention::BATCH;

async fn written(store: &Store) -> Vec<AuditRecord> {
    let filter = AuditFilter {
        limit: 1000,
        ..AuditFilter::default()
    };
    store.audit(&filter).await.unwrap().records
}

fn entries(actions: &[&'static str]) -> Vec<Queued> {
    let entry = |action: &&'static str| Queued {
        record: Some(AuditRecord::new(*action)),
        written: None,
    };
    actions.iter().map(entry).collect()
}

#[tokio::test]
async fn one_record_that_is_refused_takes_no_other_with_it() {
    let database = TestDatabase::migrated(TestDatabaseKind::Sqlite).await;
    database
        .execute(
            "CREATE TRIGGER refuses BEFORE INSERT ON audit_records WHEN NEW.action IN ('bad', 'audit.lost')
             BEGIN SELECT RAISE(ABORT, 'refused'); END",
        )
        .await;
    let (store, lost) = (database.store(), AtomicU64::new(7));
    write(store, &mut entries(&["first", "bad", "last"]), &lost).await;
    let mut actions: Vec<_> = written(store).await.into_iter().map(|r| r.action).collect();
    actions.sort_unstable();
    assert_eq!(actions, ["first", "last"]);
    assert_eq!(lost.load(Ordering::Relaxed), 8, "those before it, and itself");

    database.execute("DROP TRIGGER refuses").await;
    write(store, &mut entries(&["next"]), &lost).await;
    let records = written(store).await;
    let record = records.iter().find(|r| r.action == LOST).unwrap();
    assert!(record.detail.as_ref().unwrap().starts_with("8 records"));
    assert_eq!((records.len(), lost.load(Ordering::Relaxed)), (4, 0));
}

/// What is to be written comes in between: each step is one batch.
#[tokio::test]
async fn old_records_go_a_batch_at_a_time() {
    let database = TestDatabase::migrated(TestDatabaseKind::Sqlite).await;
    let store = database.store();
    let old = OffsetDateTime::now_utc() - time::Duration::DAY;
    let record = |n| AuditRecord {
        id: AuditId::at(old + Duration::from_millis(n)),
        ..AuditRecord::new("old")
    };
    let records: Vec<_> = (0..=BATCH).map(record).collect();
    for some in records.chunks(MAX_AUDIT_BATCH) {
        store.add_audit(some).await.unwrap();
    }
    store.add_audit(&[AuditRecord::new("new")]).await.unwrap();
    let mut retention = Retention::new(Some(time::Duration::HOUR));
    for (left, goes_on) in [(2, true), (1, true), (1, false)] {
        retention.step(store).await;
        assert_eq!(written(store).await.len(), left);
        let is_soon = retention.due() < Instant::now() + Duration::from_mins(1);
        assert_eq!(is_soon, goes_on);
    }
}
