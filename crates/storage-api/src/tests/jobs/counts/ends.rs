//! Counts that a change, a failure or the end of the service ends.

use storage_backends::{Registry, Settings};
use tokio::runtime::Handle;

use super::*;
use crate::App;

#[rstest]
#[case::deleted("DELETE", Value::Null)]
#[case::changed("PATCH", json!({ "config": { "export_path": "/srv/other" } }))]
#[actix_web::test]
async fn a_change_of_the_backend_cancels_its_count(#[case] method: &str, #[case] body: Value) {
    let (api, calls, backend) = api_over(fake(40), SOON).await;
    let _held = calls.hold_scans().await;
    test(&api, &backend).await;
    let path = counting(&api).await;
    let body = Some(body).filter(|body| !body.is_null());
    assert_eq!(api.call(method, &backend, body).await.status, 200);
    assert_eq!(calls.under_way(), 0);
    assert_eq!(state(&ended(&api, &path).await), ("cancelled", None));
}

/// By another process, which this one learns of when it stores what it counted.
#[actix_web::test]
async fn a_count_of_an_older_config_counts_for_nothing() {
    let (api, calls, backend) = api_over(fake(40), SOON).await;
    let held = calls.hold_scans().await;
    test(&api, &backend).await;
    let path = counting(&api).await;
    let read = api.store.get(id_of(&backend)).await.unwrap();
    let other = json!({ "export_path": "/srv/other" });
    let config = read.config.merge(other.as_object().unwrap()).unwrap();
    api.store
        .update(&read, &read.name, &config, None, None)
        .await
        .unwrap();
    drop(held);
    assert_eq!(state(&ended(&api, &path).await), ("cancelled", None));
    assert_eq!(file_count(&api, &backend).await, 0);
}

#[actix_web::test]
async fn a_count_that_fails_says_why() {
    let (api, calls, backend) = api_over(fake(40).not_listable("the index is a page of its own"), SOON).await;
    let held = calls.hold_scans().await;
    test(&api, &backend).await;
    let path = counting(&api).await;
    drop(held);
    let job = ended(&api, &path).await;
    let (state, error) = state(&job);
    assert_eq!(state, "failed");
    let error = error.unwrap();
    assert!(
        error.starts_with("The files were not counted: ") && error.contains("a page of its own"),
        "{error}"
    );
}

#[actix_web::test]
async fn a_stop_interrupts_a_count_and_the_next_start_counts_again() {
    let (mut api, calls, backend) = api_over(fake(40), SOON).await;
    let held = calls.hold_scans().await;
    test(&api, &backend).await;
    let path = counting(&api).await;
    api.app.shutdown(PATIENCE).await;
    assert_eq!(calls.under_way(), 0);
    drop(held);
    let job = get(&api, &path).await.data().clone();
    let (state, error) = state(&job);
    assert_eq!(state, "interrupted");
    assert!(error.unwrap().contains("it counts again by itself"), "{job}");

    let settings = AppSettings {
        watch_interval: Some(Duration::from_millis(40)),
        scan_interval: Duration::from_millis(40),
        ..Api::settings()
    };
    let build = |_, _: &_| Ok(Arc::new(fake(41)) as Arc<_>);
    let registry = Registry::with_builder(Settings::new(None), build).unwrap();
    api.app = App::new(api.store.clone(), registry, settings, Handle::current());
    api.app.watch();
    until("a new count", async || file_count(&api, &backend).await == 41).await;
    api.app.shutdown(PATIENCE).await;
}

/// Nobody writes the end of the job of a process that was killed.
#[actix_web::test]
async fn a_count_without_a_heartbeat_is_interrupted() {
    let (api, calls, backend) = api_over(fake(40), SOON).await;
    let _held = calls.hold_scans().await;
    test(&api, &backend).await;
    let path = counting(&api).await;
    let id = path.rsplit('/').next().unwrap().parse().unwrap();
    let mut dead = api.store.job(id).await.unwrap().unwrap();
    dead.id = storage_domain::JobId::generate();
    dead.heartbeat_at -= Duration::from_mins(1);
    api.store.add_job(&dead).await.unwrap();
    let job = get(&api, &format!("{JOBS}/{}", dead.id)).await.data().clone();
    let (state, error) = state(&job);
    assert_eq!((state, job["kind"].as_str()), ("interrupted", Some("count")));
    assert!(error.unwrap().contains("it counts again by itself"), "{job}");
}
