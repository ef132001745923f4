//! Many backends: order, filters, pages.

use rstest::rstest;
use storage_domain::{BackendKind, BackendStatus};
use storage_persistence::testkit::TestDatabase;
use storage_persistence::testkit::TestDatabaseKind::{self, Postgres, Sqlite};
use storage_persistence::{BackendFilter, BackendPage, NewBackend, Store};

use crate::listings::{listed_as_read, unrendered};
use crate::support::{create, http, measured, name};

fn names(page: &BackendPage) -> Vec<&str> {
    page.backends.iter().map(|b| b.name.as_str()).collect()
}

async fn found(store: &Store, text: &str) -> Vec<String> {
    let filter = BackendFilter {
        name_contains: Some(text.to_owned()),
        ..BackendFilter::default()
    };
    let page = store.list(&filter).await.unwrap();
    assert_eq!(page.total, page.backends.len() as u64);
    names(&page).into_iter().map(str::to_owned).collect()
}

#[rstest]
#[tokio::test]
async fn the_oldest_is_first_and_equal_times_have_one_order(
    #[values(Sqlite, Postgres)] kind: TestDatabaseKind,
) {
    let database = TestDatabase::migrated(kind).await;
    let store = database.store();
    let mut made = Vec::new();
    for i in 0..20 {
        made.push(create(store, &format!("b{i}")).await);
    }
    database.execute("UPDATE backends SET created_at = 1000").await;
    database
        .execute("UPDATE backends SET created_at = 999 WHERE name = 'b7'")
        .await;
    let page = store.list(&BackendFilter::default()).await.unwrap();
    let mut expected: Vec<_> = made
        .iter()
        .filter(|b| b.name.as_str() != "b7")
        .map(|b| b.id)
        .collect();
    expected.sort_by_key(ToString::to_string);
    expected.insert(0, made[7].id);
    assert_eq!(page.backends.iter().map(|b| b.id).collect::<Vec<_>>(), expected);
    // Pages are parts of the same order, and a stored result is no total.
    store
        .record(made[3].id, made[3].revision, &measured())
        .await
        .unwrap();
    let mut paged = Vec::new();
    for offset in (0..21).step_by(3) {
        let filter = BackendFilter {
            limit: Some(3),
            offset,
            ..BackendFilter::default()
        };
        let page = store.list(&filter).await.unwrap();
        assert_eq!(page.total, 20);
        paged.extend(page.backends.iter().map(|b| b.id));
    }
    assert_eq!(paged, expected);
}

#[rstest]
#[case(None, 0, 5, 5)]
#[case(Some(2), 0, 2, 5)]
#[case(Some(2), 4, 1, 5)]
#[case(Some(2), 5, 0, 5)]
#[case(Some(0), 0, 0, 5)]
#[case(None, 3, 2, 5)]
#[case(None, u64::MAX, 0, 5)]
#[case(Some(u64::MAX), 1, 4, 5)]
#[tokio::test]
async fn a_page_tells_how_many_match(
    #[values(Sqlite, Postgres)] kind: TestDatabaseKind,
    #[case] limit: Option<u64>,
    #[case] offset: u64,
    #[case] rows: usize,
    #[case] total: u64,
) {
    let database = TestDatabase::migrated(kind).await;
    for i in 0..5 {
        create(database.store(), &format!("b{i}")).await;
    }
    let filter = BackendFilter {
        limit,
        offset,
        ..BackendFilter::default()
    };
    let page = database.store().list(&filter).await.unwrap();
    assert_eq!((page.backends.len(), page.total), (rows, total));
}

#[rstest]
#[tokio::test]
async fn kind_and_status_filter(#[values(Sqlite, Postgres)] kind: TestDatabaseKind) {
    let database = TestDatabase::migrated(kind).await;
    let store = database.store();
    let online = create(store, "online").await;
    create(store, "offline").await;
    store
        .create(
            NewBackend {
                name: name("web"),
                config: http(),
                boot_path: None,
            },
            None,
        )
        .await
        .unwrap();
    store
        .record(online.id, online.revision, &measured())
        .await
        .unwrap();
    let filter = |kind, status| BackendFilter {
        kind,
        status,
        ..BackendFilter::default()
    };
    let list = async |filter| store.list(&filter).await.unwrap();
    assert_eq!(
        names(&list(filter(Some(BackendKind::Nfs), None)).await),
        ["online", "offline"]
    );
    assert_eq!(
        names(&list(filter(None, Some(BackendStatus::Offline))).await),
        ["offline", "web"]
    );
    let both = filter(Some(BackendKind::Nfs), Some(BackendStatus::Online));
    assert_eq!(names(&list(both).await), ["online"]);
    assert_eq!(list(filter(Some(BackendKind::S3), None)).await.total, 0);
}

#[rstest]
#[tokio::test]
async fn a_part_of_the_name_is_found_in_any_case(#[values(Sqlite, Postgres)] kind: TestDatabaseKind) {
    let database = TestDatabase::migrated(kind).await;
    let store = database.store();
    for text in [
        "100% NFS",
        "a_b",
        "axb",
        "back\\slash",
        "wow!",
        "Ärger",
        "ΟΔΟΣ 1",
        "Straße",
        "it's",
        "日本語",
    ] {
        create(store, text).await;
    }
    assert_eq!(found(store, "nfs").await, ["100% NFS"]);
    assert_eq!(found(store, "%").await, ["100% NFS"]);
    assert_eq!(found(store, "A_B").await, ["a_b"]);
    assert_eq!(found(store, "\\").await, ["back\\slash"]);
    assert_eq!(found(store, "!").await, ["wow!"]);
    assert_eq!(found(store, "!%").await, Vec::<String>::new());
    assert_eq!(found(store, "äRGER").await, ["Ärger"]);
    assert_eq!(found(store, "οδος").await, ["ΟΔΟΣ 1"]);
    assert_eq!(found(store, "STRASSE").await, ["Straße"]);
    assert_eq!(found(store, "'").await, ["it's"]);
    assert_eq!(found(store, "本").await, ["日本語"]);
    assert_eq!(found(store, "").await.len(), 10);
    assert_eq!(found(store, "\0").await, Vec::<String>::new());
    assert_eq!(found(store, &"x".repeat(100_000)).await, Vec::<String>::new());
}

#[rstest]
#[tokio::test]
async fn a_name_is_taken_by_another_backend_only(#[values(Sqlite, Postgres)] kind: TestDatabaseKind) {
    let database = TestDatabase::migrated(kind).await;
    let store = database.store();
    let (one, two) = (create(store, "nas").await, create(store, "nas 2").await);
    assert!(store.is_name_taken(&name("nas"), two.id).await.unwrap());
    for free in ["nas", "NAS", "na"] {
        assert!(!store.is_name_taken(&name(free), one.id).await.unwrap(), "{free}");
    }
}

#[rstest]
#[tokio::test]
async fn a_renamed_backend_is_found_by_its_new_name(#[values(Sqlite, Postgres)] kind: TestDatabaseKind) {
    let database = TestDatabase::migrated(kind).await;
    let store = database.store();
    let made = create(store, "old").await;
    store
        .update(&made, &name("NEW"), &made.config, None, None)
        .await
        .unwrap();
    assert_eq!(found(store, "new").await, ["NEW"]);
    assert_eq!(found(store, "old").await, Vec::<String>::new());
}

#[rstest]
#[tokio::test]
async fn a_thousand_backends_are_one_list(#[values(Sqlite, Postgres)] kind: TestDatabaseKind) {
    let database = TestDatabase::migrated(kind).await;
    let store = database.store();
    let first = create(store, "b0").await;
    // One statement for the other 999: what is tested is the list.
    let numbers = match kind {
        Sqlite => {
            "(WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 999) SELECT i FROM n) AS n"
        }
        Postgres => "(SELECT generate_series(1, 999) AS i) AS n",
    };
    let id = "substr(b.id, 1, 24) || substr('000000000000' || n.i, -12)";
    let id = if kind == Sqlite {
        id
    } else {
        "left(b.id, 24) || lpad(n.i::text, 12, '0')"
    };
    let sql = format!(
        "INSERT INTO backends SELECT {id}, 'b' || n.i, 'b' || n.i, kind, config, status, revision, version, \
         created_at + n.i, updated_at, used_bytes, total_bytes, file_count, template_count, tested_at, test_message, \
         secret_key, test_finding, incomplete, skipped, NULL, NULL \
         FROM backends b, {numbers}"
    );
    assert_eq!(database.execute(&sql).await, 999);
    let page = store.list(&BackendFilter::default()).await.unwrap();
    assert_eq!(
        (page.total, page.backends.len(), page.unreadable.len()),
        (1000, 1000, 0)
    );
    assert_eq!(page.backends[0].id, first.id);
    assert_eq!(page.backends[999].name.as_str(), "b999");
    // As if an earlier release had written them: the next start renders them.
    listed_as_read(store, &BackendFilter::default()).await;
    assert_eq!(unrendered(&database).await, 999);
    store.unlock(database.keys()).await.unwrap();
    assert_eq!(unrendered(&database).await, 0);
    listed_as_read(store, &BackendFilter::default()).await;
}
