//! The events of changes of state.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use storage_backends::testkit::FakeBackend;
use storage_backends::{MountState, ScanReport};
use storage_domain::BackendKind;

use super::concurrency::id_of;
use super::harness::Api;
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
