//! Secrets in the rows: sealed, bound to their place, with the right key only.

use rstest::rstest;
use sea_orm::{ConnectionTrait, Database, Statement};
use serde_json::json;
use storage_domain::{Backend, BackendConfig, BackendKind};
use storage_persistence::testkit::TestDatabase;
use storage_persistence::testkit::TestDatabaseKind::{self, Postgres, Sqlite};
use storage_persistence::{BackendFilter, KeyRing, KeySource, NewBackend, Store};
use tokio::task::JoinSet;

use crate::support::{chain, config, create, http, name, set, variant};

/// Every secret of the tests has it, and nothing else does.
const CANARY: &str = "canary-5a1e";

fn iscsi() -> BackendConfig {
    let members = json!({
        "target": "10.0.0.5", "chap_enabled": true, "chap_username": "u",
        "chap_password": format!("{CANARY} own, \"quoted\""),
        "mutual_chap_password": format!("{CANARY} ключ"),
        "discovery_chap_password": format!("{CANARY} {}", "x".repeat(1024)),
    });
    config(BackendKind::Iscsi, &members)
}

async fn made(store: &Store, text: &str, config: BackendConfig) -> Backend {
    let new = NewBackend {
        name: name(text),
        config,
        boot_path: None,
    };
    store.create(new, None).await.unwrap()
}

/// One text of the database, by a connection of its own.
async fn look(database: &TestDatabase, sql: &str) -> Option<String> {
    let connection = Database::connect(database.settings().url.as_str()).await.unwrap();
    let statement = Statement::from_string(connection.get_database_backend(), sql);
    let row = connection.query_one_raw(statement).await.unwrap().unwrap();
    let text = row.try_get_by_index(0).unwrap();
    connection.close().await.unwrap();
    text
}

async fn stored(database: &TestDatabase, backend: &Backend) -> String {
    let sql = format!("SELECT config FROM backends WHERE id = '{}'", backend.id);
    look(database, &sql).await.unwrap()
}

/// A store of another process.
async fn other(database: &TestDatabase, source: KeySource) -> Result<Store, storage_persistence::StoreError> {
    let store = Store::connect(database.settings()).await?;
    store.unlock(source).await?;
    Ok(store)
}

fn given() -> KeySource {
    KeySource::Given {
        keys: KeyRing::generate().unwrap(),
        place: "the other",
    }
}

#[rstest]
#[tokio::test]
async fn are_sealed_and_come_back(#[values(Sqlite, Postgres)] kind: TestDatabaseKind) {
    let database = TestDatabase::migrated(kind).await;
    let store = database.store();
    let san = made(store, "san", iscsi()).await;
    let text = stored(&database, &san).await;
    assert!(!text.contains(CANARY) && text.contains("10.0.0.5"), "{text}");
    assert_eq!(text.matches("$sealed").count(), 3, "{text}");
    assert_eq!(store.open(san.id).await.unwrap(), san);
    let page = store.list(&BackendFilter::default()).await.unwrap();
    assert_eq!(page.backends[0].config.shown(), san.config.shown());
    assert!(
        page.backends[0].config.secrets().is_empty(),
        "a list opens no secrets"
    );
    // What changes nothing of the config leaves its record alone.
    let named = store
        .update(&san, &name("other"), &san.config, None, None)
        .await
        .unwrap();
    assert_eq!(stored(&database, &san).await, text);
    let changed = store
        .update(&named, &name("web"), &http(), None, None)
        .await
        .unwrap();
    assert_eq!(store.open(san.id).await.unwrap(), changed);
    assert_eq!(changed.kind(), BackendKind::Http);
}

#[rstest]
#[tokio::test]
async fn do_not_open_in_another_place(#[values(Sqlite, Postgres)] kind: TestDatabaseKind) {
    let database = TestDatabase::migrated(kind).await;
    let store = database.store();
    let (one, two) = (made(store, "one", http()).await, made(store, "two", http()).await);
    let san = made(store, "san", iscsi()).await;
    let theirs = stored(&database, &two).await;
    set(&database, &one, &format!("config = '{theirs}'")).await;
    let text = stored(&database, &san).await;
    let swapped = text
        .replace("\"mutual_chap_password\"", "\"swap\"")
        .replace("\"chap_password\"", "\"mutual_chap_password\"");
    set(
        &database,
        &san,
        &format!(
            "config = '{}'",
            swapped
                .replace("\"swap\"", "\"chap_password\"")
                .replace('\'', "''")
        ),
    )
    .await;
    for bad in [one.id, san.id] {
        let error = store.open(bad).await.unwrap_err();
        assert!(
            chain(&error).contains("password was changed outside"),
            "{}",
            chain(&error)
        );
        assert_eq!(variant::<()>(Err(error)), "Unreadable");
    }
    assert_eq!(store.open(two.id).await.unwrap(), two);
    let page = store.list(&BackendFilter::default()).await.unwrap();
    assert_eq!((page.total, page.unreadable.len()), (3, 0));
    store.delete(one.id, None, None).await.unwrap();
}

#[rstest]
#[case(
    "\"password\":{\"$sealed\":\"1.0011223344556677.AAAA\"}",
    "sealed with key 0011223344556677"
)]
#[case("\"password\":{\"$sealed\":\"2.x.hunter2\"}", "/config/password")]
#[case("\"password\":{\"more\":\"hunter2\"}", "/config/password")]
#[tokio::test]
async fn that_are_none_are_one_rows_trouble(
    #[values(Sqlite, Postgres)] kind: TestDatabaseKind,
    #[case] member: &str,
    #[case] reason: &str,
) {
    let database = TestDatabase::migrated(kind).await;
    let store = database.store();
    let good = made(store, "good", http()).await;
    let bad = made(store, "bad", http()).await;
    set(
        &database,
        &bad,
        &format!("config = '{{\"base_url\":\"http://a\",{member}}}'"),
    )
    .await;
    let told = chain(&store.open(bad.id).await.unwrap_err());
    assert!(told.contains(reason) && !told.contains("hunter2"), "{told}");
    assert_eq!(store.open(good.id).await.unwrap(), good);
    assert_eq!(store.list(&BackendFilter::default()).await.unwrap().total, 2);
}

#[rstest]
#[tokio::test]
async fn want_their_own_key(#[values(Sqlite, Postgres)] kind: TestDatabaseKind) {
    let database = TestDatabase::migrated(kind).await;
    made(database.store(), "web", http()).await;
    let home = tempfile::tempdir().unwrap();
    let fresh = home.path().join("secret.key");
    let key = database.store().key_report(&database.keys()).await.unwrap().keys[0]
        .id
        .clone();
    for (source, says) in [
        (given(), "the other holds "),
        (KeySource::Own(fresh.clone()), "secret.key is not there"),
    ] {
        let error = other(&database, source).await.unwrap_err();
        let told = chain(&error);
        assert!(
            told.contains(says) && told.contains(key.as_str()) && told.contains("--secret-key-file"),
            "{told}"
        );
        assert_eq!(variant::<()>(Err(error)), "Keys");
    }
    assert!(!fresh.exists(), "a key was made for a database that has one");
    assert!(other(&database, database.keys()).await.is_ok());
}

/// Two hosts that each make a key of their own: the second is told, and the first goes on.
#[rstest]
#[tokio::test]
async fn are_sealed_with_the_first_key_that_came(#[values(Sqlite, Postgres)] kind: TestDatabaseKind) {
    let database = TestDatabase::empty(kind).await;
    database.store().migrate().await.unwrap();
    let homes: Vec<_> = (0..4).map(|_| tempfile::tempdir().unwrap()).collect();
    let mut starts = JoinSet::new();
    for home in &homes {
        let source = KeySource::Own(home.path().join("secret.key"));
        let settings = database.settings().clone();
        starts.spawn(async move {
            let store = Store::connect(&settings).await?;
            store.unlock(source).await
        });
    }
    let (came, refused): (Vec<_>, Vec<_>) = starts.join_all().await.into_iter().partition(Result::is_ok);
    assert_eq!((came.len(), refused.len()), (1, 3));
    assert!(refused.into_iter().all(|refused| variant(refused) == "Keys"));
}

/// A damaged secret or a missing key hides the backend from nobody who only looks at it.
#[rstest]
#[tokio::test]
async fn are_opened_by_open_only(#[values(Sqlite, Postgres)] kind: TestDatabaseKind) {
    let database = TestDatabase::migrated(kind).await;
    let web = made(database.store(), "web", http()).await;
    let without_keys = Store::connect(database.settings()).await.unwrap();
    let shown = without_keys.get(web.id).await.unwrap();
    assert!(shown.config.secrets().is_empty());
    assert_eq!(shown.config.shown(), web.config.shown());
    assert_eq!((shown.version, &shown.name), (web.version, &web.name));
    assert_eq!(variant(without_keys.open(web.id).await), "Unreadable");
}

/// A change of what `get` read would drop what it left out.
#[rstest]
#[tokio::test]
async fn are_not_lost_to_who_did_not_open_them(#[values(Sqlite, Postgres)] kind: TestDatabaseKind) {
    let database = TestDatabase::migrated(kind).await;
    let store = database.store();
    let web = made(store, "web", http()).await;
    let shown = store.get(web.id).await.unwrap();
    let other = config(BackendKind::Http, &json!({"base_url": "https://other.lab"}));
    assert_eq!(
        variant(store.update(&shown, &shown.name, &other, None, None).await),
        "Changed"
    );
    let renamed = store
        .update(&shown, &name("renamed"), &shown.config, None, None)
        .await;
    assert_eq!(renamed.unwrap().version, 2);
    let opened = store.open(web.id).await.unwrap();
    assert_eq!((&opened.config, opened.name.as_str()), (&web.config, "renamed"));
    let changed = store
        .update(&opened, &opened.name, &other, None, None)
        .await
        .unwrap();
    assert_eq!(store.open(web.id).await.unwrap(), changed);
}

#[tokio::test]
async fn are_not_taken_without_a_key() {
    let database = TestDatabase::empty(Sqlite).await;
    database.store().migrate().await.unwrap();
    create(database.store(), "without secrets").await;
    let new = NewBackend {
        name: name("web"),
        config: http(),
        boot_path: None,
    };
    assert_eq!(variant(database.store().create(new, None).await), "Keys");
}
