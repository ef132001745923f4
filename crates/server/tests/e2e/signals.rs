//! How the service ends.

use std::io::Write;
use std::net::TcpStream;
use std::os::unix::fs::DirBuilderExt;
use std::os::unix::net::UnixDatagram;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use rstest::rstest;
use rusqlite::Connection;
use storage_persistence::testkit::PostgresServer;

use crate::alone::is_root;
use crate::service::{PATIENCE, Service, directory, until};

#[rstest]
#[case(Signal::SIGTERM)]
#[case(Signal::SIGINT)]
fn a_signal_stops_it_in_order(#[case] signal: Signal) {
    let mut service = Service::start();
    service.signal(signal);
    assert_eq!(service.wait().code(), Some(0), "{}", service.log());
    assert!(TcpStream::connect(service.address).is_err(), "it still listens");
    assert_eq!(
        service.events().last().map(|e| e["message"].clone()),
        Some("stopped".into())
    );
}

/// Scripts that turn logs or certificates over send it to whatever runs.
#[test]
fn a_hangup_ends_nothing() {
    let service = Service::start();
    service.signal(Signal::SIGHUP);
    until("it is told", || {
        let told =
            |event: &serde_json::Value| event["message"].as_str().is_some_and(|m| m.starts_with("SIGHUP"));
        service.events().iter().any(told).then_some(())
    });
    assert_eq!(service.ask("GET", "/healthz", "").status, 200);
}

/// A database that is locked, or hangs, can hold the start up for minutes.
#[rstest]
#[case(Signal::SIGTERM)]
#[case(Signal::SIGINT)]
fn a_signal_ends_a_start_that_waits_for_the_database(#[case] signal: Signal) {
    // Others can't look at the files of a process that can't be dumped.
    if !is_root() {
        return;
    }
    let home = directory();
    let state = home.path().join("state");
    std::fs::DirBuilder::new()
        .mode(0o700)
        .create(&state)
        .expect("a directory can be made");
    let file = state.join("storage.db");
    let other = Connection::open(&file).expect("a database can be made");
    other
        .execute_batch("BEGIN EXCLUSIVE; CREATE TABLE other (id INTEGER)")
        .expect("it can be locked");
    let mut service = Service::spawn(&state, &[]);
    // Signals are caught before that.
    let fds = format!("/proc/{}/fd", service.pid());
    until("it opens the database", || {
        let mut fds = std::fs::read_dir(&fds).ok()?.flatten();
        fds.any(|fd| std::fs::read_link(fd.path()).is_ok_and(|to| to == file))
            .then_some(())
    });
    let begun = Instant::now();
    service.signal(signal);
    assert_eq!(service.wait().code(), Some(0), "{}", service.log());
    assert!(
        begun.elapsed() < Duration::from_secs(10),
        "the stop took {:?}",
        begun.elapsed()
    );
    let said: Vec<_> = service
        .events()
        .iter()
        .map(|e| e["message"].to_string())
        .collect();
    assert!(
        said.iter()
            .any(|m| m.contains("stopping before the first request")),
        "{said:?}"
    );
    assert!(said.last().is_some_and(|m| m == "\"stopped\""), "{said:?}");
    drop(other);
    // It left nothing behind that the next start would stumble over.
    Service::start_in(&state, &[]);
}

/// A connection that a browser keeps open must not cost a stop its whole deadline.
#[test]
fn an_idle_connection_does_not_hold_the_stop_up() {
    let mut service = Service::start();
    let mut idle = TcpStream::connect(service.address).expect("the service accepts");
    idle.write_all(b"GET /healthz HTTP/1.1\r\nHost: here\r\n\r\n")
        .expect("the request can be sent");
    let mut byte = [0];
    std::io::Read::read_exact(&mut idle, &mut byte).expect("it answers");
    let begun = Instant::now();
    service.signal(Signal::SIGTERM);
    assert_eq!(service.wait().code(), Some(0), "{}", service.log());
    assert!(
        begun.elapsed() < Duration::from_secs(10),
        "the stop took {:?}",
        begun.elapsed()
    );
}

/// A request whose body never comes holds the drain; the second signal does not wait for it.
#[test]
fn a_second_signal_ends_it_at_once() {
    let home = directory();
    let mut service = Service::start_in(&home.path().join("state"), &["--shutdown-deadline", "10m"]);
    let mut slow = TcpStream::connect(service.address).expect("the service accepts");
    slow.write_all(b"POST /api/v1/storage/backends HTTP/1.1\r\nHost: here\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{")
        .expect("the request can be sent");
    service.signal(Signal::SIGTERM);
    until("it is stopping", || {
        let stopping =
            |e: &serde_json::Value| e["message"].as_str().is_some_and(|m| m.starts_with("stopping"));
        service.events().iter().any(stopping).then_some(())
    });
    service.signal(Signal::SIGTERM);
    let ended = service.wait();
    assert!(
        matches!(ended.code(), Some(143 | 0)),
        "{ended:?}\n{}",
        service.log()
    );
}

/// A database that is silent costs the stop no more than its deadline.
#[tokio::test(flavor = "multi_thread")]
async fn a_stop_keeps_its_deadline_beside_a_silent_database() {
    const LIMIT: Duration = Duration::from_secs(6);
    let server = tokio::task::spawn_blocking(PostgresServer::start)
        .await
        .expect("PostgreSQL starts");
    let url = server.create_database().await;
    let home = directory();
    let options = ["--database-url", url.as_str(), "--shutdown-deadline", "6s"];
    let mut service = Service::start_in(&home.path().join("state"), &options);
    assert_eq!(service.register("images").status, 201);
    tokio::task::block_in_place(|| server.freeze());
    // Both are under way at the stop, and what is refused leaves a record.
    let _read = service.begin("GET", "/api/v1/storage/backends", "");
    let _written = service.begin(
        "POST",
        "/api/v1/storage/backends",
        r#"{"name":"other","type":"http","config":{"base_url":"http://127.0.0.1:9"}}"#,
    );
    let begun = Instant::now();
    service.signal(Signal::SIGTERM);
    let ended = service.wait();
    let took = begun.elapsed();
    tokio::task::block_in_place(|| server.thaw());
    assert_eq!(ended.code(), Some(0), "{}", service.log());
    assert!(
        took < LIMIT + Duration::from_millis(500),
        "the stop took {took:?}"
    );
}

#[test]
fn a_service_manager_is_told() {
    let home = directory();
    let path = home.path().join("notify");
    let manager = UnixDatagram::bind(&path).expect("a socket can be made");
    manager
        .set_read_timeout(Some(PATIENCE))
        .expect("a timeout can be set");
    let state = home.path().join("state");
    let mut command = crate::service::binary();
    command.env("NOTIFY_SOCKET", &path).args([
        "serve",
        "--listen",
        "127.0.0.1:0",
        "--no-mount",
        "--state-dir",
    ]);
    let mut child = command
        .arg(&state)
        .stderr(std::process::Stdio::null())
        .spawn()
        .expect("the binary starts");
    let mut heard = [0; 64];
    let length = manager.recv(&mut heard).expect("the service is ready in time");
    let pid = nix::unistd::Pid::from_raw(i32::try_from(child.id()).expect("a pid"));
    nix::sys::signal::kill(pid, Signal::SIGTERM).expect("it can be signalled");
    assert_eq!(&heard[..length], b"READY=1");
    let length = manager.recv(&mut heard).expect("the service stops in time");
    assert_eq!(&heard[..length], b"STOPPING=1");
    let ended = until("it ends", || {
        child.try_wait().expect("the child can be waited for")
    });
    assert_eq!(ended.code(), Some(0));
}
