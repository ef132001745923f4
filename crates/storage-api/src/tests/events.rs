//! The events of changes of state.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use storage_backends::testkit::FakeBackend;
use storage_backends::{MountState, ScanReport};
use storage_domain::BackendKind;

use super::concurrency::{PATIENCE, id_of, until};
use super::harness::Api;
use super::watching::{NEVER, counted, watching};
use crate::service::StateChange;

fn word(change: &StateChange) -> &'static str {
    match change {
        StateChange::Created { .. } => "created",
        StateChange::Changed { .. } => "changed",
        StateChange::Deleted { .. } => "deleted",
        StateChange::Online { .. } => "online",
        StateChange::Error { .. } => "error",
        StateChange::MountLost => "mount lost",
        StateChange::CountFinished { .. } => "count finished",
    }
}

#[actix_web::test]
async fn each_change_of_state_is_one_event() {
    let fake = FakeBackend::healthy(BackendKind::Nfs)
        .mountable(MountState::Unmounted)
        .with_tree(ScanReport::default(), Duration::ZERO);
    let fake = Arc::new(fake);
    let built = Arc::clone(&fake);
    let api = Api::with(move |_| built.clone()).await;
    let mut events = api.app.events();
    let path = api.create("nas", BackendKind::Nfs).await;
    let test = format!("{path}/test");
    api.call("POST", &test, None).await;
    // The same once more is a count, and no other state.
    api.call("POST", &test, None).await;
    api.call("PATCH", &path, Some(json!({"name": "renamed"}))).await;
    api.call("PATCH", &path, Some(json!({}))).await;
    fake.fail(1);
    api.call("POST", &test, None).await;
    api.call("DELETE", &path, None).await;
    let mut seen = Vec::new();
    while let Ok(event) = events.try_recv() {
        assert_eq!(event.id, id_of(&path));
        seen.push((word(&event.change), event.name.unwrap().as_str().to_owned()));
    }
    let expected = [
        ("created", "nas"),
        ("online", "nas"),
        ("count finished", "nas"),
        ("count finished", "nas"),
        ("changed", "renamed"),
        ("error", "renamed"),
        ("deleted", "renamed"),
    ];
    assert_eq!(seen, expected.map(|(word, name)| (word, name.to_owned())));
}

#[actix_web::test]
async fn a_result_that_is_not_stored_is_logged() {
    let log = tempfile::NamedTempFile::new().unwrap();
    let subscriber = tracing_subscriber::fmt().with_writer(Arc::new(log.reopen().unwrap()));
    let _guard = tracing::subscriber::set_default(subscriber.finish());
    let (api, fake, path) = watching(counted(), NEVER).await;
    let full = "CREATE TRIGGER full BEFORE UPDATE ON backends BEGIN SELECT RAISE(ABORT, 'full'); END";
    api.database.execute(full).await;
    fake.fail(u32::MAX);
    let line = async || {
        let lines = std::fs::read_to_string(log.path()).unwrap();
        let lost = lines
            .lines()
            .find(|line| line.contains("the result of a check is lost"));
        lost.map(str::to_owned)
    };
    until("the line", async || line().await.is_some()).await;
    let line = line().await.unwrap();
    assert!(
        line.contains("ERROR") && line.contains(&id_of(&path).to_string()),
        "{line}"
    );
    api.app.shutdown(PATIENCE).await;
}
