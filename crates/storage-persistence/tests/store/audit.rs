//! The audit trail.

use rstest::rstest;
use storage_domain::Role;
use storage_domain::access::{Actor, AuditRecord, How};
use storage_persistence::testkit::TestDatabase;
use storage_persistence::testkit::TestDatabaseKind::{self, Postgres, Sqlite};
use storage_persistence::{AuditFilter, MAX_AUDIT_BATCH};
use time::{Duration, OffsetDateTime};

fn record(action: &str, backend: &str) -> AuditRecord {
    let actor = Actor {
        name: "alice\0".to_owned(),
        role: Role::Operator,
        how: How::Jwt,
    };
    AuditRecord {
        address: Some("2001:db8::1".to_owned()),
        method: Some("POST".to_owned()),
        backend_id: Some(backend.to_owned()),
        backend_name: Some("nas, \"1\"".to_owned()),
        fields: vec!["name".to_owned(), "config.server".to_owned()],
        status: Some(200),
        error: Some("backend_busy".to_owned()),
        request_id: Some("r".to_owned()),
        detail: Some("d".to_owned()),
        ..AuditRecord::new(action).by(&actor)
    }
}

fn all() -> AuditFilter {
    AuditFilter {
        limit: 1000,
        ..AuditFilter::default()
    }
}

#[rstest]
#[tokio::test]
async fn what_was_written_is_read_newest_first(#[values(Sqlite, Postgres)] kind: TestDatabaseKind) {
    let database = TestDatabase::migrated(kind).await;
    let store = database.store();
    let records: Vec<_> = (0..MAX_AUDIT_BATCH)
        .map(|n| record(&format!("action {n}"), ["a", "b"][n % 2]))
        .collect();
    store.add_audit(&records).await.unwrap();
    let page = store.audit(&all()).await.unwrap();
    assert_eq!(page.total, MAX_AUDIT_BATCH as u64);
    let newest = records.iter().rev().map(|r| &r.action).collect::<Vec<_>>();
    assert_eq!(page.records.iter().map(|r| &r.action).collect::<Vec<_>>(), newest);
    let (read, mut wanted) = (&page.records[0], records[MAX_AUDIT_BATCH - 1].clone());
    wanted.actor = Some("alice\u{fffd}".to_owned());
    wanted.at = read.at;
    assert_eq!(*read, wanted);

    let of_a = AuditFilter {
        backend: Some("a".to_owned()),
        limit: 3,
        before: Some(records[4].id),
        ..all()
    };
    let page = store.audit(&of_a).await.unwrap();
    assert_eq!(page.total, MAX_AUDIT_BATCH as u64 / 2);
    let actions: Vec<_> = page.records.iter().map(|r| r.action.as_str()).collect();
    assert_eq!(actions, ["action 2", "action 0"]);
    let none = AuditFilter {
        actor: Some("bob".to_owned()),
        ..all()
    };
    assert_eq!(store.audit(&none).await.unwrap().total, 0);
}

#[rstest]
#[tokio::test]
async fn the_oldest_go_first(#[values(Sqlite, Postgres)] kind: TestDatabaseKind) {
    let database = TestDatabase::migrated(kind).await;
    let store = database.store();
    let records: Vec<_> = (0..5).map(|n| record(&format!("{n}"), "a")).collect();
    store.add_audit(&records).await.unwrap();
    let now = OffsetDateTime::now_utc();
    assert_eq!(store.prune_audit(now - Duration::HOUR, 10).await.unwrap(), 0);
    assert_eq!(store.prune_audit(now + Duration::HOUR, 3).await.unwrap(), 3);
    let left = store.audit(&all()).await.unwrap().records;
    assert_eq!(
        left.iter().map(|r| r.action.as_str()).collect::<Vec<_>>(),
        ["4", "3"]
    );
    let since = AuditFilter {
        since: Some(now + Duration::HOUR),
        ..all()
    };
    assert_eq!(store.audit(&since).await.unwrap().total, 0);
    assert_eq!(store.prune_audit(now + Duration::HOUR, 10).await.unwrap(), 2);
}
