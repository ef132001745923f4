//! A PostgreSQL server that is there and says nothing, or that waits for somebody else.

use std::time::{Duration, Instant};

use sea_orm::{ConnectionTrait, Database, DatabaseConnection, DbBackend, Statement, TransactionTrait};
use storage_domain::Backend;
use storage_domain::access::AuditRecord;
use storage_persistence::testkit::{PostgresServer, TestDatabase};
use storage_persistence::{NewBackend, Store, StoreError, StoreSettings};

use crate::support::{create, http, measured, name, new, set, variant};

/// How long a state may take to come.
const PATIENCE: Duration = Duration::from_secs(30);

async fn until(what: &str, mut is_there: impl AsyncFnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !is_there().await {
        assert!(Instant::now() < end, "not in time: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn started() -> (PostgresServer, TestDatabase, StoreSettings) {
    let server = tokio::task::spawn_blocking(PostgresServer::start).await.unwrap();
    let database = TestDatabase::on(&server).await;
    let settings = StoreSettings {
        url: database.settings().url.clone(),
        max_connections: 4,
        acquire_timeout: Duration::from_secs(2),
    };
    database.store().migrate().await.unwrap();
    (server, database, settings)
}

/// Uses all connections of the pool at once, so that none of them has rested.
async fn warm(store: &Store, prefix: &str) -> Vec<Backend> {
    let one = async |n: u32| create(store, &format!("{prefix}{n}")).await;
    let (a, b, c, d) = tokio::join!(one(0), one(1), one(2), one(3));
    vec![a, b, c, d]
}

async fn number(db: &DatabaseConnection, sql: &str) -> i64 {
    let statement = Statement::from_string(DbBackend::Postgres, sql);
    let row = db.query_one_raw(statement).await.unwrap().unwrap();
    row.try_get_by_index(0).unwrap()
}

/// What a silent server was asked for is given up, the beginning of a transaction too. Nothing may be left of it: in a
/// session whose transaction nobody ends, what is written later is answered as written, and never is.
#[tokio::test(flavor = "multi_thread")]
async fn leaves_no_transaction_open() {
    let (server, _database, settings) = started().await;
    let store = Store::connect(&settings).await.unwrap();
    let made = Box::pin(warm(&store, "a")).await;
    tokio::task::block_in_place(|| server.freeze());
    let vain = async |n: u32| {
        let mut record = AuditRecord::new("backend.create");
        variant(store.create(new(&format!("b{n}")), Some(&mut record)).await)
    };
    let told = tokio::join!(vain(0), vain(1), vain(2), vain(3), vain(4));
    let wanted = "Unavailable";
    assert_eq!(told, (wanted, wanted, wanted, wanted, wanted));
    tokio::task::block_in_place(|| server.thaw());

    let other = Database::connect(&settings.url).await.unwrap();
    let open = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'pureboot-storage' AND xact_start IS NOT NULL";
    until("no transaction is open", async || number(&other, open).await == 0).await;
    until("the server answers", async || store.ready().await.is_ok()).await;
    let found = measured();
    for backend in &made {
        let stored = store.record(backend.id, backend.revision, &found).await;
        assert!(stored.unwrap().is_some());
    }
    let stored = "SELECT count(*) FROM backends WHERE status = 'online'";
    assert_eq!(number(&other, stored).await, 4, "what was answered as stored");
}

#[tokio::test(flavor = "multi_thread")]
async fn holds_up_no_end() {
    let (server, _database, settings) = started().await;
    let store = Store::connect(&settings).await.unwrap();
    Box::pin(warm(&store, "a")).await;
    tokio::task::block_in_place(|| server.freeze());
    // Its connection does not come back while it is asked for a sign of life.
    assert_eq!(variant(store.ready().await), "Unavailable");
    let begun = Instant::now();
    store.close().await;
    assert!(begun.elapsed() < PATIENCE, "{:?}", begun.elapsed());
    tokio::task::block_in_place(|| server.thaw());
}

/// Whoever waits for keys waits no longer than for anything else, even behind others who do.
#[tokio::test(flavor = "multi_thread")]
async fn holds_up_no_secrets() {
    let (server, database, settings) = started().await;
    let store = Store::connect(&settings).await.unwrap();
    store.unlock(database.keys()).await.unwrap();
    let web = |text: &str| NewBackend {
        name: name(text),
        config: http(),
        boot_path: None,
    };
    let made = store.create(web("a"), None).await.unwrap();
    // Its key is not the store's: whoever opens it looks for newer keys.
    let sealed = "config = replace(config, '$sealed\":\"1.', '$sealed\":\"1.0')";
    set(&database, &made, sealed).await;
    tokio::task::block_in_place(|| server.freeze());
    let told = tokio::join!(
        async { variant(store.open(made.id).await) },
        async { variant(store.open(made.id).await) },
        async { variant(store.create(web("b"), None).await) },
        async { variant(store.create(web("c"), None).await) },
    );
    tokio::task::block_in_place(|| server.thaw());
    let wanted = "Unavailable";
    assert_eq!(told, (wanted, wanted, wanted, wanted));
    until("the server answers", async || {
        matches!(store.open(made.id).await, Err(StoreError::Unreadable { .. }))
    })
    .await;
}

/// Somebody else holds a row for long: who wants to change it is told so, and everybody else goes on.
#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_is_locked_holds_up_its_own_changes_only() {
    let (_server, _database, settings) = started().await;
    let store = Store::connect(&settings).await.unwrap();
    let made = Box::pin(warm(&store, "a")).await;
    let other = Database::connect(&settings.url).await.unwrap();
    let lock = other.begin().await.unwrap();
    let hold = format!("UPDATE backends SET status = status WHERE id = '{}'", made[0].id);
    lock.execute_unprepared(&hold).await.unwrap();
    let renamed = name("other");
    let change = async || {
        variant(
            store
                .update(&made[0], &renamed, &made[0].config, None, None)
                .await,
        )
    };
    let told = tokio::join!(change(), change(), change(), change());
    let wanted = "Unavailable";
    assert_eq!(told, (wanted, wanted, wanted, wanted));
    until("others go on", async || store.get(made[1].id).await.is_ok()).await;
    store.ready().await.unwrap();
    lock.rollback().await.unwrap();
    create(&store, "z").await;
}
