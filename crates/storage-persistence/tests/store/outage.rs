//! A PostgreSQL server that is not there, that refuses, that dies and comes back.

use std::time::{Duration, Instant};

use rstest::rstest;
use storage_persistence::testkit::{PostgresServer, TestDatabase};
use storage_persistence::{Store, StoreSettings};

use crate::support::{chain, create, new, variant};

fn settings(url: String) -> StoreSettings {
    StoreSettings {
        url,
        max_connections: 4,
        acquire_timeout: Duration::from_secs(2),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_server_is_told_in_time_and_a_live_one_is_used_again() {
    let server = tokio::task::spawn_blocking(PostgresServer::start).await.unwrap();
    let database = TestDatabase::on(&server).await;
    let store = Store::connect(&settings(database.settings().url.clone()))
        .await
        .unwrap();
    store.migrate().await.unwrap();
    let made = create(&store, "a").await;

    tokio::task::block_in_place(|| server.crash());
    let begin = Instant::now();
    assert_eq!(variant(store.get(made.id).await), "Unavailable");
    assert_eq!(variant(store.create(new("b"), None).await), "Unavailable");
    assert_eq!(variant(store.ready().await), "Unavailable");
    assert!(
        begin.elapsed() < Duration::from_secs(20),
        "three times the 2 s, and what a busy machine adds: {:?}",
        begin.elapsed()
    );

    tokio::task::block_in_place(|| server.restart());
    // A connection that died at work may be noticed by one more call.
    let deadline = Instant::now() + Duration::from_secs(10);
    while let Err(error) = store.ready().await {
        assert!(Instant::now() < deadline, "{}", chain(&error));
    }
    assert_eq!(store.get(made.id).await.unwrap(), made);
    create(&store, "b").await;
}

#[tokio::test]
async fn a_refused_connection_is_told_at_once() {
    // Taken, and not listened on: nobody else is given it meanwhile.
    let closed = tokio::net::TcpSocket::new_v4().unwrap();
    closed.bind(([127, 0, 0, 1], 0).into()).unwrap();
    let port = closed.local_addr().unwrap().port();
    let begin = Instant::now();
    let url = format!("postgres://u:hunter2@127.0.0.1:{port}/storage");
    let patient = StoreSettings {
        acquire_timeout: Duration::from_secs(30),
        ..settings(url)
    };
    let error = Store::connect(&patient).await.unwrap_err();
    let told = chain(&error);
    assert!(
        told.contains(&format!("127.0.0.1:{port} can't be reached")),
        "{told}"
    );
    assert!(!told.contains("hunter2"), "{told}");
    assert_eq!(variant::<()>(Err(error)), "Unavailable");
    assert!(begin.elapsed() < Duration::from_secs(15), "half its patience");
}

#[tokio::test]
async fn a_server_that_says_nothing_is_given_up() {
    let silent = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let url = format!("postgres://u:hunter2@{}/storage", silent.local_addr().unwrap());
    let begin = Instant::now();
    let error = Store::connect(&settings(url)).await.unwrap_err();
    assert!(
        chain(&error).contains("does not answer within 2 s"),
        "{}",
        chain(&error)
    );
    assert!(begin.elapsed() < Duration::from_secs(20));
}

#[tokio::test]
async fn a_missing_database_is_told() {
    let database = TestDatabase::empty(storage_persistence::testkit::TestDatabaseKind::Postgres).await;
    let (server, _) = database.settings().url.rsplit_once('/').unwrap();
    let error = Store::connect(&settings(format!("{server}/not_there")))
        .await
        .unwrap_err();
    assert!(error.to_string().contains("has no database not_there"), "{error}");
}

#[rstest]
#[case("postgres://u:hunter2@host:99999/db")]
#[case("postgres://u:hunter2@[::1/db")]
#[case("postgres://u:hunter2@host/db?sslmode=hunter2")]
#[tokio::test]
async fn a_bad_url_is_told_without_its_password(#[case] url: &str) {
    let error = Store::connect(&settings(url.to_owned())).await.unwrap_err();
    assert!(!chain(&error).contains("hunter2"), "{}", chain(&error));
    assert_eq!(variant::<()>(Err(error)), "Settings");
}
