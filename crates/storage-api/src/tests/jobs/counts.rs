//! Counts of files that take longer than a moment.

mod ends;

use storage_backends::testkit::FakeCalls;
use storage_backends::{MountState, ScanReport};

use super::super::concurrency::{PATIENCE, id_of};
use super::super::watching::NEVER;
use super::*;
use crate::service::StateChange;

/// How many changes and transfers of files may go on at once.
const PERMITS: usize = 32;

/// A backend with so many files.
fn fake(files: u64) -> FakeBackend {
    let report = ScanReport {
        files,
        ..ScanReport::default()
    };
    FakeBackend::healthy(BackendKind::Nfs)
        .mountable(MountState::Unmounted)
        .with_tree(report, Duration::ZERO)
}

/// An application that counts the files of a backend, for which no test waits, and whose counts become jobs after so long.
async fn api_over(fake: FakeBackend, job_wait: Duration) -> (Api, Arc<FakeCalls>, String) {
    let (calls, fake) = (fake.calls(), Arc::new(fake));
    let settings = AppSettings {
        watch_interval: None,
        scan_wait: Duration::ZERO,
        job_wait,
        ..Api::settings()
    };
    let api = Api::set(settings, move |_| fake.clone()).await;
    let backend = api.create("nas", BackendKind::Nfs).await;
    (api, calls, backend)
}

const SOON: Duration = Duration::from_millis(1);

async fn test(api: &Api, backend: &str) -> Answer {
    let tested = api.call("POST", &format!("{backend}/test"), None).await;
    assert_eq!(tested.data()["success"], true, "{}", tested.body);
    tested
}

async fn file_count(api: &Api, backend: &str) -> Value {
    get(api, backend).await.data()["stats"]["file_count"].clone()
}

/// Waits until a count is a job, and returns the path of that.
async fn counting(api: &Api) -> String {
    let running = format!("{JOBS}?state=running");
    until("a job", async || get(api, &running).await.body["total"] == 1).await;
    let id = get(api, &running).await.data()[0]["id"].clone();
    format!("{JOBS}/{}", id.as_str().unwrap())
}

fn state(job: &Value) -> (&str, Option<&str>) {
    (job["state"].as_str().unwrap(), job["error"].as_str())
}

#[actix_web::test]
async fn a_long_count_is_a_job() {
    let (api, calls, backend) = api_over(fake(40), SOON).await;
    let mut events = api.app.events();
    let held = calls.hold_scans().await;
    let tested = test(&api, &backend).await;
    assert_eq!(
        tested.data()["checks"][1]["detail"],
        "Still counting, 20 files so far; the stats fill when it ends"
    );
    let path = counting(&api).await;
    let job = get(&api, &path).await.data().clone();
    let of = json!({ "id": backend.rsplit('/').next(), "name": "nas" });
    assert_eq!(
        (&job["kind"], &job["subject"], &job["backend"]),
        (&json!("count"), &json!("/"), &of),
        "{job}"
    );
    let progress = &job["progress"];
    assert_eq!(
        (&progress["done"], &progress["total"], &progress["unit"]),
        (&json!(20), &Value::Null, &json!("files"))
    );
    test(&api, &backend).await;
    assert_eq!(calls.scans(), 1);
    drop(held);
    let job = ended(&api, &path).await;
    assert_eq!(
        (state(&job), &job["progress"]["done"]),
        (("done", None), &json!(40))
    );
    assert_eq!(file_count(&api, &backend).await, 40);
    assert_eq!(get(&api, JOBS).await.body["total"], 1);
    let mut counted = Vec::new();
    while let Ok(event) = events.try_recv() {
        if let StateChange::CountFinished { files, errors } = event.change {
            counted.push((files, errors));
        }
    }
    assert_eq!(counted, [(40, 0)], "one event, as without a job");
}

#[actix_web::test]
async fn a_short_count_is_no_job() {
    let (api, calls, backend) = api_over(fake(40), NEVER).await;
    let held = calls.hold_scans().await;
    test(&api, &backend).await;
    drop(held);
    until("the count", async || file_count(&api, &backend).await == 40).await;
    until("an idle app", async || api.app.busy_backends() == 0).await;
    assert_eq!(get(&api, JOBS).await.body["total"], 0);
}

/// By the process that does it, and by another one, which has nothing but the row.
#[rstest]
#[case::here(true)]
#[case::by_the_row(false)]
#[actix_web::test]
async fn a_count_is_cancelled(#[case] is_here: bool) {
    let (api, calls, backend) = api_over(fake(40), SOON).await;
    test(&api, &backend).await;
    until("the first count", async || file_count(&api, &backend).await == 40).await;
    until("an idle app", async || api.app.busy_backends() == 0).await;
    let held = calls.hold_scans().await;
    test(&api, &backend).await;
    let path = counting(&api).await;
    if is_here {
        assert_eq!(api.call("DELETE", &path, None).await.status, 200);
    } else {
        let id = path.rsplit('/').next().unwrap();
        api.store.cancel_job(id.parse().unwrap()).await.unwrap();
    }
    assert_eq!(state(&ended(&api, &path).await), ("cancelled", None));
    until("an idle app", async || api.app.busy_backends() == 0).await;
    assert_eq!(calls.under_way(), 0);
    let shown = get(&api, &backend).await.data().clone();
    assert_eq!(
        (&shown["stats"]["file_count"], &shown["status"]),
        (&json!(40), &json!("online"))
    );
    drop(held);
}

/// The schedule goes on as after a count that a change broke off.
#[actix_web::test]
async fn a_cancelled_count_is_begun_again_with_a_later_check() {
    let (fake, settings) = (
        Arc::new(fake(40)),
        AppSettings {
            watch_interval: Some(Duration::from_millis(40)),
            scan_interval: NEVER,
            job_wait: SOON,
            ..Api::settings()
        },
    );
    let (calls, built) = (fake.calls(), Arc::clone(&fake));
    let api = Api::set(settings, move |_| built.clone()).await;
    let backend = api.create("nas", BackendKind::Nfs).await;
    let held = calls.hold_scans().await;
    test(&api, &backend).await;
    let path = counting(&api).await;
    api.app.watch();
    api.call("DELETE", &path, None).await;
    until("another count", async || calls.scans() == 2).await;
    drop(held);
    until("its result", async || file_count(&api, &backend).await == 40).await;
    assert_eq!(state(&ended(&api, &path).await), ("cancelled", None));
    api.app.shutdown(PATIENCE).await;
}

/// A count changes nothing that somebody had to be able to end.
#[actix_web::test]
async fn a_count_needs_no_row() {
    let log = tempfile::NamedTempFile::new().unwrap();
    let subscriber = tracing_subscriber::fmt().with_writer(Arc::new(log.reopen().unwrap()));
    let _guard = tracing::subscriber::set_default(subscriber.finish());
    let (api, calls, backend) = api_over(fake(40), SOON).await;
    api.database
        .execute("ALTER TABLE storage_jobs RENAME TO elsewhere")
        .await;
    let held = calls.hold_scans().await;
    test(&api, &backend).await;
    until("a warning", async || {
        std::fs::read_to_string(log.path())
            .unwrap()
            .contains("a long count is no job")
    })
    .await;
    drop(held);
    until("the count", async || file_count(&api, &backend).await == 40).await;
}

#[actix_web::test]
async fn counts_take_no_permits_of_changes() {
    let files = fake(0).with_files([("/dir/a", &b"a"[..])]).writable();
    let (api, calls, backend) = api_over(files, SOON).await;
    let held = calls.hold_scans().await;
    for number in 0..PERMITS {
        let other = api.create(&format!("nas {number}"), BackendKind::Nfs).await;
        test(&api, &other).await;
    }
    let running = format!("{JOBS}?state=running");
    until("all counts", async || {
        get(&api, &running).await.body["total"] == PERMITS
    })
    .await;
    for (what, body) in [
        ("hash", json!({ "path": "/dir/a" })),
        ("delete", json!({ "paths": ["/dir"] })),
    ] {
        let begun = api
            .call("POST", &format!("{backend}/files/{what}"), Some(body))
            .await;
        assert!(begun.status.is_success(), "{what}: {}", begun.body);
    }
    drop(held);
}
