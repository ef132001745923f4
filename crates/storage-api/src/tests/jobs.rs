//! Changes that take longer than a client waits.

mod counts;

use std::sync::Arc;
use std::time::Duration;

use rstest::rstest;
use serde_json::{Value, json};
use storage_backends::ErrorKind;
use storage_backends::testkit::FakeBackend;
use storage_domain::BackendKind;

use super::concurrency::until;
use super::harness::{Answer, Api};
use crate::AppSettings;

const JOBS: &str = "/api/v1/storage/jobs";

/// How long each entry takes that never ends by itself.
const ENDLESS: Duration = Duration::from_hours(1);

/// An application whose changes become jobs at once, and a backend whose changes take so long an entry.
async fn api(pace: Duration) -> (Api, Arc<FakeBackend>, String) {
    let files = [("/dir/a", &b"a"[..]), ("/dir/b", &b"b"[..])];
    let fake = Arc::new(
        FakeBackend::healthy(BackendKind::Nfs)
            .with_files(files)
            .writable(),
    );
    fake.slow_writes(pace);
    let settings = AppSettings {
        watch_interval: None,
        job_wait: Duration::from_millis(1),
        ..Api::settings()
    };
    let built = Arc::clone(&fake);
    let api = Api::set(settings, move |_| built.clone()).await;
    let backend = api.create("nas", BackendKind::Nfs).await;
    (api, fake, backend)
}

/// Begins to delete a directory, and returns the path of the job.
async fn begin(api: &Api, backend: &str) -> String {
    let body = json!({ "paths": ["/dir"] });
    let begun = api
        .call("POST", &format!("{backend}/files/delete"), Some(body))
        .await;
    assert_eq!(begun.status, 202, "{}", begun.body);
    assert_eq!(begun.data()["state"], "running");
    let path = begun.header("location").to_owned();
    assert_eq!(path, format!("{JOBS}/{}", begun.data()["id"].as_str().unwrap()));
    path
}

async fn get(api: &Api, path: &str) -> Answer {
    let answer = api.call("GET", path, None).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer
}

/// Waits for the end of a job, and returns it.
async fn ended(api: &Api, path: &str) -> Value {
    until("the end of the job", async || {
        get(api, path).await.data()["state"] != "running"
    })
    .await;
    get(api, path).await.data().clone()
}

#[actix_web::test]
async fn a_long_delete_goes_on_as_a_job() {
    let (api, fake, backend) = api(ENDLESS).await;
    let path = begin(&api, &backend).await;
    let running = get(&api, &format!("{JOBS}?state=running&limit=1")).await;
    let id = backend.rsplit('/').next().unwrap();
    let job = &running.data()[0];
    assert_eq!(
        (
            &running.body["total"],
            &job["kind"],
            &job["subject"],
            &job["backend"]
        ),
        (
            &json!(1),
            &json!("delete"),
            &json!("/dir"),
            &json!({ "id": id, "name": "nas" })
        )
    );
    api.call("DELETE", &path, None).await;
    ended(&api, &path).await;

    fake.slow_writes(Duration::from_millis(20));
    let done = ended(&api, &begin(&api, &backend).await).await;
    assert_eq!(
        (
            &done["state"],
            &done["progress"]["done"],
            &done["progress"]["unit"]
        ),
        (&json!("done"), &json!(3), &json!("entries")),
        "{done}"
    );
    assert!(done["finished_at"].is_string() && done["error"].is_null());
    let listed = get(&api, &format!("{JOBS}?backend={id}")).await;
    let jobs = listed.data().as_array().unwrap().iter();
    let states: Vec<_> = jobs.map(|job| job["state"].clone()).collect();
    assert_eq!(states, ["done", "cancelled"], "the newest first");
    let left = get(&api, &format!("{backend}/files")).await;
    assert_eq!(left.data(), &json!([]));
}

/// By the process that does it, and by another one, which has nothing but the row.
#[rstest]
#[case::here(true)]
#[case::by_the_row(false)]
#[actix_web::test]
async fn a_job_is_cancelled(#[case] is_here: bool) {
    let (api, fake, backend) = api(ENDLESS).await;
    let path = begin(&api, &backend).await;
    if is_here {
        assert_eq!(api.call("DELETE", &path, None).await.status, 200);
    } else {
        let id = path.rsplit('/').next().unwrap();
        api.store.cancel_job(id.parse().unwrap()).await.unwrap();
    }
    let job = ended(&api, &path).await;
    assert_eq!(
        (&job["state"], &job["error"]),
        (&json!("cancelled"), &Value::Null)
    );
    assert_eq!(fake.calls().under_way(), 0);
    assert_eq!(
        api.call("DELETE", &path, None).await.status,
        200,
        "it stays as it is"
    );
}

#[rstest]
#[case::deleted("DELETE", Value::Null)]
#[case::changed("PATCH", json!({ "config": { "export_path": "/srv/other" } }))]
#[actix_web::test]
async fn a_change_of_the_backend_ends_its_jobs(#[case] method: &str, #[case] body: Value) {
    let (api, fake, backend) = api(ENDLESS).await;
    let path = begin(&api, &backend).await;
    let body = Some(body).filter(|body| !body.is_null());
    let changed = api.call(method, &backend, body).await;
    assert_eq!(changed.status, 200, "{}", changed.body);
    assert_eq!(fake.calls().under_way(), 0);
    assert_eq!(ended(&api, &path).await["state"], "cancelled");
}

#[actix_web::test]
async fn a_job_that_fails_says_why() {
    let (api, fake, backend) = api(Duration::from_secs(1)).await;
    fake.refuse_writes(Some(ErrorKind::NoSpace));
    let job = ended(&api, &begin(&api, &backend).await).await;
    assert_eq!(job["state"], "failed");
    let error = job["error"].as_str().unwrap();
    assert!(error.starts_with("/dir: The storage is full"), "{error}");
}

#[actix_web::test]
async fn a_stop_interrupts_a_job() {
    let (api, _, backend) = api(ENDLESS).await;
    let path = begin(&api, &backend).await;
    api.app.shutdown(Duration::from_secs(20)).await;
    let job = get(&api, &path).await;
    assert_eq!(job.data()["state"], "interrupted");
    assert!(job.data()["error"].is_string());
    let body = json!({ "paths": ["/dir"] });
    let late = api
        .call("POST", &format!("{backend}/files/delete"), Some(body))
        .await;
    assert_eq!(
        (late.status.as_u16(), &late.body["error"]),
        (503, &json!("shutting_down"))
    );
}

/// What is quick is no job, and what no row can be made for does not go on.
#[actix_web::test]
async fn a_job_needs_the_database() {
    let (api, fake, backend) = api(ENDLESS).await;
    api.database
        .execute("ALTER TABLE storage_jobs RENAME TO elsewhere")
        .await;
    let body = json!({ "paths": ["/dir"] });
    let refused = api
        .call("POST", &format!("{backend}/files/delete"), Some(body))
        .await;
    assert_eq!(refused.status, 500);
    assert_eq!(fake.calls().under_way(), 0);
}

#[rstest]
#[case("GET", "/none", 404, "job_not_found")]
#[case("GET", "/01a204eb-d82c-76b5-9cbb-d800f316bbf3", 404, "job_not_found")]
#[case("DELETE", "/01a204eb-d82c-76b5-9cbb-d800f316bbf3", 404, "job_not_found")]
#[case("GET", "?state=asleep&limit=0&backend=x", 422, "invalid_query")]
#[actix_web::test]
async fn refusals(#[case] method: &str, #[case] path: &str, #[case] status: u16, #[case] code: &str) {
    let api = Api::healthy().await;
    let refused = api.call(method, &format!("{JOBS}{path}"), None).await;
    assert_eq!(
        (refused.status.as_u16(), &refused.body["error"]),
        (status, &json!(code))
    );
    let errors = refused.body["errors"].as_array().map_or(0, Vec::len);
    assert_eq!(errors, if status == 422 { 3 } else { 0 });
}
