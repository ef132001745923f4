//! Changes of files, as the web UI asks for them and otherwise.

use std::sync::Arc;

use rstest::rstest;
use serde_json::{Value, json};
use storage_backends::ErrorKind;
use storage_backends::testkit::FakeBackend;
use storage_domain::BackendKind;
use tokio::runtime::Handle;

use super::harness::{Answer, Api};
use crate::{Access, AccessSettings, Auth};

/// An application whose backend has files that can be changed.
async fn api() -> (Api, Arc<FakeBackend>, String) {
    let files = [
        ("/a & b.iso", &b"a"[..]),
        ("/dir/b", &b"b"[..]),
        ("/dir/sub/c", &b"c"[..]),
        ("/other/b", &b"b"[..]),
        ("/kept/lost+found/x", &b"x"[..]),
    ];
    let fake = Arc::new(FakeBackend::healthy(BackendKind::S3).with_files(files).writable());
    let built = Arc::clone(&fake);
    let api = Api::with(move |_| built.clone()).await;
    let backend = api.create("files", BackendKind::S3).await;
    (api, fake, backend)
}

async fn post(api: &Api, path: &str, body: Value) -> Answer {
    api.call("POST", path, Some(body)).await
}

async fn names(api: &Api, backend: &str, directory: &str) -> Vec<String> {
    let path = format!("{backend}/files?path={directory}");
    let listed = api.call("GET", &path, None).await;
    assert_eq!(listed.status, 200, "{}", listed.body);
    let files = listed.data().as_array().unwrap().iter();
    files
        .map(|file| file["name"].as_str().unwrap().to_owned())
        .collect()
}

/// F2 of the web UI: parent and name; and the folder itself, as others name it.
#[actix_web::test]
async fn folders_are_made() {
    let (api, _, backend) = api().await;
    let folders = format!("{backend}/folders");
    let made = post(&api, &folders, json!({ "path": "/dir", "name": "new" })).await;
    assert_eq!(made.status, 201, "{}", made.body);
    let file = made.data();
    assert_eq!(
        (&file["path"], &file["name"], &file["type"]),
        (&json!("/dir/new"), &json!("new"), &json!("directory"))
    );
    assert_eq!(names(&api, &backend, "/dir").await, ["new", "sub", "b"]);
    let made = post(&api, &folders, json!({ "path": "/x/y/z", "name": null })).await;
    assert_eq!(
        (made.status.as_u16(), &made.data()["path"]),
        (201, &json!("/x/y/z"))
    );
    let again = post(&api, &folders, json!({ "path": "/x", "name": "y" })).await;
    assert_eq!(
        (again.status.as_u16(), &again.body["error"]),
        (409, &json!("path_exists"))
    );
}

/// F3 of the web UI: directories go with all that is in them, and what is not there is skipped.
#[actix_web::test]
async fn files_are_deleted() {
    let (api, _, backend) = api().await;
    let body = json!({ "paths": ["/a & b.iso", "/dir", "/none", "/dir/b"] });
    let deleted = post(&api, &format!("{backend}/files/delete"), body).await;
    assert_eq!(
        (deleted.status.as_u16(), deleted.data(), &deleted.body["message"]),
        (200, &json!({ "deleted": 2 }), &json!("Deleted 2 item(s)"))
    );
    assert_eq!(names(&api, &backend, "/").await, ["kept", "other"]);
}

/// F7: the same with DELETE, which takes directories only if it says so.
#[actix_web::test]
async fn a_delete_takes_what_it_names() {
    let (api, _, backend) = api().await;
    let path = format!("{backend}/files");
    let delete = async |body: Value| api.call("DELETE", &path, Some(body)).await;
    let refused = delete(json!({ "paths": ["/a & b.iso", "/dir"] })).await;
    assert_eq!(
        (refused.status.as_u16(), &refused.body["error"]),
        (409, &json!("directory_not_empty"))
    );
    let detail = refused.body["detail"].as_str().unwrap();
    assert!(detail.starts_with("/dir: "), "{detail}");
    let deleted = delete(json!({ "paths": ["/dir"], "recursive": true })).await;
    assert_eq!(deleted.data(), &json!({ "deleted": 1 }));
    assert_eq!(names(&api, &backend, "/").await, ["kept", "other"]);

    let kept = post(&api, &format!("{path}/delete"), json!({ "paths": ["/kept"] })).await;
    assert_eq!(kept.status, 409);
    let detail = kept.body["detail"].as_str().unwrap();
    assert!(detail.contains("/kept/lost+found"), "{detail}");
}

/// F4 in both shapes: several into a directory, and one to a path.
#[actix_web::test]
async fn files_are_moved() {
    let (api, _, backend) = api().await;
    let path = format!("{backend}/files/move");
    let body = json!({ "source_paths": ["/a & b.iso", "/other"], "destination_path": "/dir" });
    let moved = post(&api, &path, body).await;
    assert_eq!(
        (moved.status.as_u16(), moved.data()),
        (200, &json!({ "moved": 2 })),
        "{}",
        moved.body
    );
    assert_eq!(
        names(&api, &backend, "/dir").await,
        ["other", "sub", "a & b.iso", "b"]
    );
    let body = json!({ "source_path": "/dir/other/b", "destination_path": "/renamed" });
    assert_eq!(post(&api, &path, body).await.data(), &json!({ "moved": 1 }));
    assert_eq!(names(&api, &backend, "/").await, ["dir", "kept", "renamed"]);
}

#[rstest]
#[case::segments("folders", json!({"path": "/a", "name": "x/../y"}), 422, "invalid_request", &["/name"])]
#[case::all_at_once("folders", json!({"path": "a", "name": "", "x": 1}), 422, "invalid_request", &["/path", "/name", "/x"])]
#[case::no_path("folders", json!({"name": "x"}), 422, "invalid_request", &["/path"])]
#[case::below_a_file("folders", json!({"path": "/dir/b/x"}), 409, "not_a_directory", &[])]
#[case::reserved("folders", json!({"path": "/lost+found"}), 400, "path_refused", &[])]
#[case::items("files/delete", json!({"paths": ["/a", "b", 7, "/../c"]}), 422, "invalid_request", &["/paths/1", "/paths/2", "/paths/3"])]
#[case::none("files/delete", json!({"paths": []}), 422, "invalid_request", &["/paths"])]
#[case::too_many("files/delete", json!({"paths": vec!["/a"; 1001]}), 422, "invalid_request", &["/paths"])]
#[case::no_flag("files/delete", json!({"paths": ["/a"], "recursive": "no"}), 422, "invalid_request", &["/recursive"])]
#[case::root("files/delete", json!({"paths": ["/dir/b", "/"]}), 400, "path_refused", &[])]
#[case::ignored("files/delete", json!({"paths": ["/kept/lost+found"]}), 400, "path_refused", &[])]
#[case::both("files/move", json!({"source_path": "/a", "source_paths": ["/b"], "destination_path": "/c"}), 422, "invalid_request", &["/source_path"])]
#[case::neither("files/move", json!({"destination_path": "/c"}), 422, "invalid_request", &["/source_path"])]
#[case::nowhere("files/move", json!({"source_paths": ["/dir"]}), 422, "invalid_request", &["/destination_path"])]
#[case::into_itself("files/move", json!({"source_paths": ["/dir"], "destination_path": "/dir/sub"}), 400, "path_refused", &[])]
#[case::into_its_child("files/move", json!({"source_path": "/dir", "destination_path": "/dir/x"}), 400, "path_refused", &[])]
#[case::the_root("files/move", json!({"source_paths": ["/"], "destination_path": "/dir"}), 400, "path_refused", &[])]
#[case::no_source("files/move", json!({"source_path": "/none", "destination_path": "/x"}), 404, "path_not_found", &[])]
#[case::no_directory("files/move", json!({"source_paths": ["/dir"], "destination_path": "/none"}), 404, "path_not_found", &[])]
#[case::no_parent("files/move", json!({"source_path": "/dir", "destination_path": "/none/x"}), 404, "path_not_found", &[])]
#[case::into_a_file("files/move", json!({"source_paths": ["/dir/b"], "destination_path": "/a & b.iso"}), 409, "not_a_directory", &[])]
#[case::taken("files/move", json!({"source_paths": ["/dir/b"], "destination_path": "/other"}), 409, "path_exists", &[])]
#[actix_web::test]
async fn refusals(
    #[case] path: &str,
    #[case] body: Value,
    #[case] status: u16,
    #[case] code: &str,
    #[case] pointers: &[&str],
) {
    let (api, _, backend) = api().await;
    let before = names(&api, &backend, "/dir").await;
    let refused = post(&api, &format!("{backend}/{path}"), body).await;
    refused.assert_refused(status, code, pointers);
    assert_eq!(names(&api, &backend, "/dir").await, before);
}

const EVERY: [(&str, &str, &str); 4] = [
    ("POST", "folders", r#"{"path": "/new"}"#),
    (
        "POST",
        "files/move",
        r#"{"source_path": "/dir", "destination_path": "/new"}"#,
    ),
    ("POST", "files/delete", r#"{"paths": ["/dir"]}"#),
    ("DELETE", "files", r#"{"paths": ["/dir/b"]}"#),
];

/// Web servers are read only, and so are mounts without `rw`.
#[rstest]
#[case::kind(None, 409, "read_only")]
#[case::mount(Some(ErrorKind::ReadOnly), 409, "read_only")]
#[case::full(Some(ErrorKind::NoSpace), 507, "no_space")]
#[case::denied(Some(ErrorKind::Denied), 409, "storage_denied")]
#[case::down(Some(ErrorKind::Server), 503, "storage_unavailable")]
#[actix_web::test]
async fn storage_that_takes_no_change(
    #[case] kind: Option<ErrorKind>,
    #[case] status: u16,
    #[case] code: &str,
) {
    let fake = FakeBackend::healthy(BackendKind::Http).with_files([("/dir/b", &b"b"[..])]);
    let fake = Arc::new(if kind.is_some() { fake.writable() } else { fake });
    fake.refuse_writes(kind.clone());
    let api = Api::with(move |_| fake.clone()).await;
    let backend = api.create("web", BackendKind::Http).await;
    for (method, path, body) in EVERY {
        let body = serde_json::from_str(body).unwrap();
        let refused = api.call(method, &format!("{backend}/{path}"), Some(body)).await;
        assert_eq!(
            (refused.status.as_u16(), &refused.body["error"]),
            (status, &json!(code)),
            "{path}: {}",
            refused.body
        );
        let detail = refused.body["detail"].as_str().unwrap();
        assert!(kind.is_some() || detail.contains("nfs or s3"), "{detail}");
    }
}

/// Each has an action of its own, and names the paths.
#[actix_web::test]
async fn changes_are_recorded() {
    let (mut api, _, backend) = api().await;
    let settings = AccessSettings::new(Auth::Off);
    let access = Access::new(api.store.clone(), settings, Handle::current());
    api.access = Arc::new(access.unwrap());
    for (method, path, body) in EVERY {
        let body = serde_json::from_str(body).unwrap();
        api.call(method, &format!("{backend}/{path}"), Some(body)).await;
    }
    api.access.flush(std::time::Duration::from_secs(10)).await;
    let trail = api.call("GET", "/api/v1/storage/audit", None).await;
    let records = trail.data().as_array().unwrap().iter().rev();
    let seen: Vec<_> = records
        .map(|r| {
            assert_eq!(r["backend"]["name"], "files");
            let text = |member: &str| r[member].as_str().unwrap().to_owned();
            (text("action"), text("detail"), r["status"].as_u64().unwrap())
        })
        .collect();
    let seen: Vec<_> = seen
        .iter()
        .map(|(a, d, s)| (a.as_str(), d.as_str(), *s))
        .collect();
    assert_eq!(
        seen,
        [
            ("folder.create", "/new", 201),
            ("file.move", "/dir to /new", 409),
            ("file.delete", "/dir", 200),
            ("file.delete", "/dir/b", 200),
        ]
    );
}
