//! `serve` and `migrate` on both databases.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use rstest::rstest;
use storage_persistence::testkit::PostgresServer;

use crate::service::{Service, directory, run};

const BACKENDS: &str = "/api/v1/storage/backends";

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).expect("it is there").permissions().mode() & 0o7777
}

async fn database(kind: &str, server: &mut Option<PostgresServer>, home: &Path) -> String {
    if kind == "sqlite" {
        return format!("sqlite://{}", home.join("shared.db").display());
    }
    let started = tokio::task::spawn_blocking(PostgresServer::start)
        .await
        .expect("PostgreSQL starts");
    let url = started.create_database().await;
    *server = Some(started);
    url
}

#[rstest]
#[case("sqlite")]
#[case("postgres")]
#[tokio::test(flavor = "multi_thread")]
async fn what_was_registered_is_there_after_a_restart(#[case] kind: &str) {
    let (home, mut server) = (directory(), None);
    let url = database(kind, &mut server, home.path()).await;
    let state = home.path().join("state");
    let mut service = Service::start_in(&state, &["--database-url", &url]);
    assert_eq!(service.ask("GET", "/readyz", "").status, 200);
    assert_eq!(service.register("images").status, 201);
    assert_eq!(service.register("images").status, 409);
    service.signal(nix::sys::signal::Signal::SIGTERM);
    assert_eq!(service.wait().code(), Some(0), "{}", service.log());

    let service = Service::start_in(&state, &["--database-url", &url]);
    let list = service.ask("GET", BACKENDS, "").json();
    assert_eq!(list["total"], 1);
    assert_eq!(list["data"][0]["name"], "images");
}

/// A file with a key, as an operator makes it for several processes on one database.
fn shared_key(home: &Path) -> String {
    let path = home.join("shared.key");
    std::fs::write(&path, "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n").expect("it can be written");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).expect("its mode can be set");
    path.to_str().expect("UTF-8").to_owned()
}

#[rstest]
#[case("sqlite")]
#[case("postgres")]
#[tokio::test(flavor = "multi_thread")]
async fn two_that_start_at_once_on_an_empty_database_both_come_up(#[case] kind: &str) {
    let (home, mut server) = (directory(), None);
    let url = database(kind, &mut server, home.path()).await;
    let keys = shared_key(home.path());
    let options = ["--database-url", url.as_str(), "--secret-key-file", &keys];
    let mut first = Service::spawn(&home.path().join("first"), &options);
    let mut second = Service::spawn(&home.path().join("second"), &options);
    first.address = first.wait_for_address();
    second.address = second.wait_for_address();
    assert_eq!(first.register("images").status, 201);
    assert_eq!(second.ask("GET", BACKENDS, "").json()["total"], 1);
}

#[test]
fn state_is_private_whatever_the_umask() {
    let home = directory();
    let state = home.path().join("deep/state");
    std::fs::create_dir(home.path().join("deep")).expect("it can be made");
    let _service = Service::start_in(&state, &[]);
    assert_eq!(mode(&state), 0o700);
    assert_eq!(mode(&state.join("storage.db")), 0o600);
}

#[test]
fn an_empty_directory_becomes_private_and_one_with_files_is_refused() {
    let home = directory();
    let state = home.path().join("state");
    let open = std::fs::Permissions::from_mode(0o755);
    std::fs::create_dir(&state).expect("it can be made");
    std::fs::set_permissions(&state, open.clone()).expect("its mode can be set");
    drop(Service::start_in(&state, &[]));
    assert_eq!(mode(&state), 0o700);

    std::fs::set_permissions(&state, open).expect("its mode can be set");
    let shown = state.to_str().expect("UTF-8");
    let done = run(&[
        "serve",
        "--listen",
        "127.0.0.1:0",
        "--no-mount",
        "--state-dir",
        shown,
    ]);
    assert_eq!(done.code, Some(2), "{}", done.err);
    assert!(done.err.contains(&format!("chmod 700 {shown}")), "{}", done.err);
    assert_eq!(mode(&state), 0o755, "it was changed nevertheless");
}

#[test]
fn a_mount_directory_that_others_can_move_away_is_refused() {
    let shared = tempfile::tempdir().expect("a temporary directory can be made");
    let open = std::fs::Permissions::from_mode(0o777);
    std::fs::set_permissions(shared.path(), open).expect("its mode can be set");
    let below = shared.path().join("state");
    let shown = below.to_str().expect("UTF-8");
    let done = run(&["serve", "--listen", "127.0.0.1:0", "--state-dir", shown]);
    assert_eq!(done.code, Some(2), "{}", done.err);
    assert!(
        done.err.contains("mount_dir: ") && done.err.contains("other users may write to"),
        "{}",
        done.err
    );
}

#[test]
fn an_address_that_is_taken_is_named() {
    let (service, home) = (Service::start(), directory());
    let address = service.address.to_string();
    let state = home.path().join("state");
    let state = state.to_str().expect("UTF-8");
    let done = run(&["serve", "--no-mount", "--listen", &address, "--state-dir", state]);
    assert_eq!(done.code, Some(1), "{}", done.err);
    let wanted =
        format!("listening on {address} failed. Is another service there? Set another address with --listen");
    assert!(done.err.contains(&wanted), "{}", done.err);
}

#[test]
fn a_state_directory_is_for_one_service() {
    let home = directory();
    let state = home.path().join("state");
    let mut first = Service::start_in(&state, &[]);
    let path = state.to_str().expect("UTF-8");
    let second = run(&[
        "serve",
        "--no-mount",
        "--listen",
        "127.0.0.1:0",
        "--state-dir",
        path,
    ]);
    assert_eq!(second.code, Some(1), "{}", second.err);
    let wanted = format!("state_dir: another pureboot-storage runs in {path}; stop it first");
    assert!(second.err.contains(&wanted), "{}", second.err);
    first.signal(nix::sys::signal::Signal::SIGKILL);
    first.wait();
    let third = Service::start_in(&state, &[]);
    assert_eq!(third.ask("GET", "/readyz", "").status, 200);
}

#[test]
fn clients_that_speak_no_http_do_not_fill_the_log() {
    let service = Service::start();
    for nonsense in ["nonsense\r\n\r\n", "\u{16}\u{3}\u{1}", "GET / HTTP/9.9\r\n\r\n"] {
        let head = service.send(nonsense);
        assert!(head.starts_with("HTTP/1.1 400 "), "{head}");
    }
    assert_eq!(service.ask("GET", "/nothing", "").status, 404);
    let loud = service.events().into_iter().filter(|e| e["level"] == "ERROR");
    assert_eq!(loud.collect::<Vec<_>>(), Vec::<serde_json::Value>::new());
}

#[test]
fn reading_is_logged_only_where_it_fails() {
    let service = Service::start();
    assert_eq!(service.ask("GET", BACKENDS, "").status, 200);
    assert_eq!(service.ask("GET", "/nothing", "").status, 404);
    service.register("written");
    let answers = service
        .events()
        .into_iter()
        .filter(|e| e["message"] == "answered");
    let told: Vec<_> = answers
        .map(|e| (e["method"].clone(), e["status"].clone()))
        .collect();
    assert_eq!(told, [("GET".into(), 404.into()), ("POST".into(), 201.into())]);
}

#[test]
fn migrate_says_what_it_did() {
    let home = directory();
    let state = home.path().join("state");
    let state = state.to_str().expect("UTF-8");
    let first = run(&["migrate", "--create", "--state-dir", state]);
    assert_eq!(
        (first.code, first.out.as_str()),
        (Some(0), "the database was brought up to date\n")
    );
    let second = run(&["migrate", "--state-dir", state]);
    assert_eq!(
        (second.code, second.out.as_str()),
        (Some(0), "the database was up to date already\n")
    );
    let check = run(&["migrate", "--check", "--state-dir", state]);
    assert_eq!(
        (check.code, check.out.as_str()),
        (Some(0), "the database is up to date\n")
    );
}

#[test]
fn openapi_prints_what_the_service_serves() {
    let printed = run(&["openapi"]);
    assert_eq!(printed.code, Some(0));
    let printed: serde_json::Value = serde_json::from_str(&printed.out).expect("JSON");
    let served = Service::start().ask("GET", "/api/v1/openapi.json", "").json();
    assert_eq!(printed, served);
}

/// A helper reads a call from its input and ends with it; no thread of the service ever starts in it.
#[test]
fn the_binary_is_its_own_helper() {
    let done = run(&["--storage-backends-helper-protocol=3"]);
    assert_eq!(
        (done.code, done.out.as_str(), done.err.as_str()),
        (Some(0), "", "")
    );
}

/// The names of a process's threads, and how nice each is (proc_pid_stat(5)).
fn threads(pid: u32) -> Vec<(String, i64)> {
    let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).expect("it runs");
    let stats = tasks.filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("stat")).ok());
    let parse = |stat: String| {
        let (start, fields) = stat.rsplit_once(") ")?;
        let name = start.split_once('(')?.1.to_owned();
        // The nice value is the 19th field, and the first behind the name is the third.
        Some((name, fields.split(' ').nth(16)?.parse().ok()?))
    };
    stats.filter_map(parse).collect()
}

#[test]
fn requests_go_before_background_work() {
    let service = Service::start();
    assert_eq!(service.ask("GET", "/readyz", "").status, 200);
    let threads = threads(service.pid());
    let nice = |name: &str| -> Vec<i64> {
        let named = threads.iter().filter(|thread| thread.0.starts_with(name));
        named.map(|thread| thread.1).collect()
    };
    let (mut requests, writer, background) = (nice("actix"), nice("store-writer"), nice("pureboot-work"));
    assert!(
        !requests.is_empty() && !writer.is_empty() && !background.is_empty(),
        "{threads:?}"
    );
    requests.extend(writer);
    assert!(requests.iter().max() < background.iter().min(), "{threads:?}");
}
