//! The audit trail.

use rstest::rstest;
use storage_domain::Role;
use storage_domain::access::{Actor, AuditRecord, How};
use storage_persistence::testkit::TestDatabase;
use storage_persistence::testkit::TestDatabaseKind::{self, Postgres, Sqlite};
use storage_persistence::{AuditFilter, MAX_AUDIT_BATCH};
use time::{Duration, OffsetDateTime};

use crate::support::{http, name, new, nfs, set, trail, variant};

fn record(action: &str, backend: &str) -> AuditRecord {
    let actor = Actor {
        name: "alice\0".to_owned(),
        role: Role::Operator,
        how: How::Jwt,
        until: None,
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

#[rstest]
#[tokio::test]
async fn a_change_and_its_record_are_one_transaction(#[values(Sqlite, Postgres)] kind: TestDatabaseKind) {
    let database = TestDatabase::migrated(kind).await;
    let store = database.store();
    let mut created = record("create", "");
    let made = store.create(new("nas"), Some(&mut created)).await.unwrap();
    let mut updated = record("update", "");
    let changed = store
        .update(&made, &name("web"), &nfs(), None, Some(&mut updated))
        .await
        .unwrap();
    // Names are read as they are at that moment, of rows that can't be read too.
    set(&database, &changed, "config = '{', name = 'renamed'").await;
    let mut deleted = record("delete", "");
    store.delete(made.id, None, Some(&mut deleted)).await.unwrap();

    let found = trail(store).await;
    let told: Vec<_> = found
        .iter()
        .map(|r| (r.action.as_str(), r.backend_name.as_deref().unwrap()))
        .collect();
    assert_eq!(
        told,
        [("delete", "renamed"), ("update", "web"), ("create", "nas")]
    );
    let id = made.id.to_string();
    assert!(
        found.iter().all(|r| r.backend_id.as_deref() == Some(&id)),
        "{found:?}"
    );
    assert_eq!(found[1].fields, ["name"]);
    // What the caller has is what was written.
    assert_eq!((&updated.fields, updated.id), (&found[1].fields, found[1].id));
}

#[rstest]
#[tokio::test]
async fn what_is_not_changed_has_no_record(#[values(Sqlite, Postgres)] kind: TestDatabaseKind) {
    let database = TestDatabase::migrated(kind).await;
    let store = database.store();
    let made = store.create(new("nas"), None).await.unwrap();
    store.create(new("web"), None).await.unwrap();
    let mut vain = record("vain", "");
    let taken = store.create(new("nas"), Some(&mut vain)).await;
    assert_eq!(variant(taken), "NameTaken");
    let taken = store
        .update(&made, &name("web"), &nfs(), None, Some(&mut vain))
        .await;
    assert_eq!(variant(taken), "NameTaken");
    let same = store
        .update(&made, &made.name, &made.config, None, Some(&mut vain))
        .await;
    assert_eq!(same.unwrap(), made);
    let newer = store
        .update(&made, &name("new"), &nfs(), None, None)
        .await
        .unwrap();
    let stale = store
        .update(&made, &name("old"), &nfs(), None, Some(&mut vain))
        .await;
    assert_eq!(variant(stale), "Changed");
    store.delete(newer.id, None, None).await.unwrap();
    assert_eq!(
        variant(store.delete(newer.id, None, Some(&mut vain)).await),
        "NotFound"
    );
    assert_eq!(trail(store).await, []);
}

#[rstest]
#[tokio::test]
async fn what_has_no_record_is_not_changed(#[values(Sqlite, Postgres)] kind: TestDatabaseKind) {
    let database = TestDatabase::migrated(kind).await;
    let store = database.store();
    let made = store.create(new("nas"), None).await.unwrap();
    database
        .execute("ALTER TABLE audit_records RENAME TO elsewhere")
        .await;
    let mut lost = record("lost", "");
    let created = store.create(new("web"), Some(&mut lost)).await;
    assert_eq!(variant(created), "Database");
    let changed = store
        .update(&made, &name("b"), &http(), None, Some(&mut lost))
        .await;
    assert_eq!(variant(changed), "Database");
    assert_eq!(
        variant(store.delete(made.id, None, Some(&mut lost)).await),
        "Database"
    );
    let page = store
        .list(&storage_persistence::BackendFilter::default())
        .await
        .unwrap();
    assert_eq!(page.total, 1);
    assert_eq!(store.get(made.id).await.unwrap(), made);
}

/// Of a client that hung up, the request's end may be recorded before the change is: then the change's record counts.
#[rstest]
#[tokio::test]
async fn one_id_is_one_record(#[values(Sqlite, Postgres)] kind: TestDatabaseKind) {
    let database = TestDatabase::migrated(kind).await;
    let store = database.store();
    let early = AuditRecord {
        status: None,
        ..record("create", "")
    };
    let mut late = AuditRecord {
        id: early.id,
        ..record("create", "")
    };
    store.add_audit(std::slice::from_ref(&early)).await.unwrap();
    store.create(new("nas"), Some(&mut late)).await.unwrap();
    let found = trail(store).await;
    assert_eq!(found.len(), 1);
    assert_eq!(
        (found[0].status, found[0].backend_name.as_deref()),
        (Some(200), Some("nas"))
    );
    // The other way round, and with others in the same batch.
    let other = record("other", "");
    store.add_audit(&[early, other]).await.unwrap();
    let found = trail(store).await;
    let told: Vec<_> = found.iter().map(|r| (r.action.as_str(), r.status)).collect();
    assert_eq!(told, [("other", Some(200)), ("create", Some(200))]);
}
