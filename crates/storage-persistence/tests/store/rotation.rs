//! Keys that change while the service runs.

mod traces;
mod unfinished;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rstest::rstest;
use storage_domain::access::AuditRecord;
use storage_domain::{BackendStatus, Stats};
use storage_persistence::testkit::TestDatabase;
use storage_persistence::testkit::TestDatabaseKind::{self, Postgres, Sqlite};
use storage_persistence::{Dropped, KeyReport, KeySource, NewBackend, Rotation, Store, StoreError};

use crate::support::{chain, http, name, set, trail, variant};

const BACKENDS: u32 = 300;

/// A database whose key is in a file, and a service that runs on it.
struct Place {
    database: TestDatabase,
    source: KeySource,
    service: Store,
    home: tempfile::TempDir,
}

impl Place {
    async fn new(kind: TestDatabaseKind) -> Self {
        let database = TestDatabase::empty(kind).await;
        let home = tempfile::tempdir().unwrap();
        let source = KeySource::Own(home.path().join("secret.key"));
        let service = database.store().clone();
        service.migrate().await.unwrap();
        service.unlock(source.clone()).await.unwrap();
        Self {
            database,
            source,
            service,
            home,
        }
    }

    /// A command's process.
    async fn command(&self) -> Store {
        let store = Store::connect(self.database.settings()).await.unwrap();
        store.unlock(self.source.clone()).await.unwrap();
        store
    }

    async fn report(&self) -> KeyReport {
        self.service.key_report(&self.source).await.unwrap()
    }
}

fn web(text: &str) -> NewBackend {
    NewBackend {
        name: name(text),
        config: http(),
        boot_path: None,
    }
}

/// The service reads, creates and changes all the while, and needs no restart.
#[rstest]
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn goes_unnoticed_by_a_service_at_work(#[values(Sqlite, Postgres)] kind: TestDatabaseKind) {
    let place = Place::new(kind).await;
    let mut made = Vec::new();
    for i in 0..BACKENDS {
        made.push(place.service.create(web(&format!("b{i}")), None).await.unwrap());
    }
    let (service, ended) = (place.service.clone(), Arc::new(AtomicBool::new(false)));
    let stop = Arc::clone(&ended);
    let first = made[0].clone();
    let load = tokio::spawn(async move {
        let mut count = 0;
        while !stop.load(Ordering::Relaxed) {
            let new = service.create(web(&format!("n{count}")), None).await?;
            service
                .update(
                    &new,
                    &name(&format!("m{count}")),
                    &crate::support::nfs(),
                    None,
                    None,
                )
                .await?;
            assert_eq!(service.open(first.id).await?.config, first.config);
            count += 1;
        }
        Ok::<_, StoreError>(count)
    });
    let before = place.report().await.keys;
    for _ in 0..3 {
        let command = place.command().await;
        let rotated = command
            .rotate(&place.source, Rotation::Whole, None)
            .await
            .unwrap();
        assert!(
            !rotated.is_resumed && rotated.unopened == 0 && rotated.rows >= u64::from(BACKENDS),
            "{rotated:?}"
        );
        command.close().await;
    }
    ended.store(true, Ordering::Relaxed);
    assert!(load.await.unwrap().unwrap() > 0);
    let after = place.report().await;
    assert_eq!(after.keys.len(), 1, "{after:?}");
    assert!(after.keys[0].is_current && after.keys[0].is_here && after.keys[0].id != before[0].id);
    for backend in &made {
        assert_eq!(
            &place.service.open(backend.id).await.unwrap(),
            backend,
            "the version and the times stay"
        );
    }
}

/// A service that sealed nothing and read nothing since then still writes with the new key.
#[rstest]
#[tokio::test]
async fn is_met_by_the_next_write(#[values(Sqlite, Postgres)] kind: TestDatabaseKind) {
    let place = Place::new(kind).await;
    let rotated = place
        .command()
        .await
        .rotate(
            &place.source,
            Rotation::Whole,
            Some(AuditRecord::new("keys.rotate")),
        )
        .await
        .unwrap();
    let told = trail(&place.service).await;
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].detail, Some(format!("key {}, 0 backends", rotated.key)));
    let made = place.service.create(web("web"), None).await.unwrap();
    assert_eq!(place.service.open(made.id).await.unwrap(), made);
    let report = place.report().await;
    assert_eq!(
        (report.keys.len(), &report.keys[0].id, report.keys[0].rows),
        (1, &rotated.key, 1)
    );
}

/// The file goes to every host before anything is sealed with its new key.
#[rstest]
#[tokio::test]
async fn can_be_prepared(#[values(Sqlite, Postgres)] kind: TestDatabaseKind) {
    let place = Place::new(kind).await;
    let made = place.service.create(web("web"), None).await.unwrap();
    let old = place.report().await.keys[0].id.clone();
    let prepared = place
        .command()
        .await
        .rotate(&place.source, Rotation::Prepare, None)
        .await
        .unwrap();
    let again = place
        .command()
        .await
        .rotate(&place.source, Rotation::Prepare, None)
        .await
        .unwrap();
    assert_eq!(
        (&again.key, again.is_resumed),
        (&prepared.key, true),
        "one new key is enough"
    );
    // Another host, with a copy of the file, and one that did not get it.
    let text = std::fs::read_to_string(place.home.path().join("secret.key")).unwrap();
    let copy = KeySource::Given {
        keys: text.parse().unwrap(),
        place: "a copy",
    };
    let other = Store::connect(place.database.settings()).await.unwrap();
    other.unlock(copy.clone()).await.unwrap();
    other.create(web("by the other"), None).await.unwrap();
    assert_eq!(place.report().await.keys[0].id, old, "it is not in use yet");
    let fixed = other.rotate(&copy, Rotation::Prepare, None).await;
    assert!(fixed.unwrap().is_resumed);
    let rotated = place
        .command()
        .await
        .rotate(&place.source, Rotation::Whole, None)
        .await
        .unwrap();
    assert_eq!(
        (&rotated.key, rotated.is_resumed, rotated.rows),
        (&prepared.key, true, 2)
    );
    assert_eq!(other.open(made.id).await.unwrap(), made);
    other.create(web("by the other, later"), None).await.unwrap();
    let error = other.rotate(&copy, Rotation::Whole, None).await.unwrap_err();
    assert!(
        chain(&error).contains("a copy can't be changed from here"),
        "{}",
        chain(&error)
    );
}

#[rstest]
#[tokio::test]
async fn keeps_a_key_that_a_broken_row_still_names(#[values(Sqlite, Postgres)] kind: TestDatabaseKind) {
    let place = Place::new(kind).await;
    let (good, bad) = (
        place.service.create(web("good"), None).await.unwrap(),
        place.service.create(web("bad"), None).await.unwrap(),
    );
    set(
        &place.database,
        &bad,
        "config = '{\"password\":{\"$sealed\":\"1.x.AAAA\"}}'",
    )
    .await;
    let rotated = place
        .command()
        .await
        .rotate(&place.source, Rotation::Whole, None)
        .await
        .unwrap();
    assert_eq!((rotated.rows, rotated.unopened), (1, 1));
    assert_eq!(place.report().await.keys.len(), 2);
    place.service.delete(bad.id, None, None).await.unwrap();
    let again = place
        .command()
        .await
        .rotate(&place.source, Rotation::Whole, None)
        .await
        .unwrap();
    assert_eq!((again.is_resumed, again.rows, again.unopened), (false, 1, 0));
    assert_ne!(again.key, rotated.key);
    assert_eq!(place.report().await.keys.len(), 1);
    assert_eq!(place.service.open(good.id).await.unwrap(), good);
}

#[rstest]
#[tokio::test]
async fn a_lost_key_takes_the_secrets_and_not_the_backends(
    #[values(Sqlite, Postgres)] kind: TestDatabaseKind,
) {
    let place = Place::new(kind).await;
    let made = place.service.create(web("web"), None).await.unwrap();
    let found = crate::support::measured();
    let web = place.service.record(made.id, made.revision, &found).await;
    let web = web.unwrap().unwrap();
    let nas = crate::support::create(&place.service, "nas").await;
    let fresh = KeySource::Own(place.home.path().join("fresh.key"));
    let store = Store::connect(place.database.settings()).await.unwrap();
    assert_eq!(variant(store.unlock(fresh.clone()).await), "Keys");
    let reset = store
        .reset_keys(&fresh, Some(AuditRecord::new("keys.reset")))
        .await;
    let reset = reset.unwrap();
    let lost = Dropped {
        id: web.id.to_string(),
        name: "web".to_owned(),
        fields: vec!["config.password".to_owned()],
    };
    assert_eq!(reset.dropped, [lost]);
    store.unlock(fresh.clone()).await.unwrap();
    let left = store.open(web.id).await.unwrap();
    assert_eq!(left.config.shown(), web.config.shown());
    assert!(left.config.secrets().is_empty() && left.revision > web.revision && left.version > web.version);
    assert!(left.updated_at > web.updated_at, "what it answers changed");
    // As after any other change of the config: what was found with the secrets is not true without them.
    assert_eq!(
        (left.status, left.stats, left.last_test),
        (BackendStatus::Offline, Stats::default(), None)
    );
    assert_eq!(store.open(nas.id).await.unwrap(), nas);
    let told = trail(&store).await;
    let ids: Vec<_> = told
        .iter()
        .map(|r| (r.action.as_str(), r.backend_id.clone()))
        .collect();
    assert_eq!(
        ids,
        [("backend.update", Some(web.id.to_string())), ("keys.reset", None)]
    );
    assert_eq!(told[0].fields, ["config.password"]);
    let detail = format!("key {}, 1 backends lost their secrets", reset.key);
    assert_eq!(told[1].detail, Some(detail));
    let left = store.open(web.id).await.unwrap();
    store
        .update(&left, &left.name, &web.config, None, None)
        .await
        .unwrap();
    assert_eq!(store.open(web.id).await.unwrap().config, web.config);
    assert_eq!(store.reset_keys(&fresh, None).await.unwrap().dropped, []);
}
