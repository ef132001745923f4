//! The service on a socket in the file system.

use std::io::{ErrorKind, Write};
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::UnixStream;
use std::path::Path;

use nix::sys::signal::Signal;

use crate::service::{PATIENCE, Service, command, directory, finish, run, until};

fn serves(socket: &Path) -> bool {
    UnixStream::connect(socket).is_ok()
}

fn curl(socket: &Path, method: &str, path: &str, body: &str) -> String {
    let mut curl = command("curl");
    curl.args([
        "--silent",
        "--show-error",
        "--max-time",
        "20",
        "--request",
        method,
    ]);
    curl.args(["--header", "Content-Type: application/json", "--data", body]);
    curl.arg("--unix-socket")
        .arg(socket)
        .arg(format!("http://storage{path}"));
    let done = finish(&mut curl);
    assert_eq!(done.code, Some(0), "{}", done.err);
    done.out
}

#[test]
fn curl_talks_over_a_socket_which_goes_at_the_end() {
    let home = directory();
    let socket = home.path().join("api.sock");
    let listen = format!("unix:{}", socket.display());
    let mut service = Service::start_in(&home.path().join("state"), &["--listen", &listen]);
    let found = socket.symlink_metadata().expect("the socket is there");
    assert!(found.file_type().is_socket());
    assert_eq!(found.permissions().mode() & 0o777, 0o660);

    let made = curl(
        &socket,
        "POST",
        "/api/v1/storage/backends",
        r#"{"name":"web","type":"http","config":{"base_url":"http://127.0.0.1:9"}}"#,
    );
    assert!(made.contains("Storage backend created successfully"), "{made}");
    assert_eq!(
        service.ask("GET", "/api/v1/storage/backends", "").json()["total"],
        1
    );

    service.signal(Signal::SIGTERM);
    assert_eq!(service.wait().code(), Some(0), "{}", service.log());
    assert!(!socket.exists(), "the socket outlives the service");
}

/// It waits for 30 s, as long as the service does for a client. The kernel would never let one go.
#[test]
fn a_client_that_takes_nothing_is_let_go() {
    let home = directory();
    let socket = home.path().join("api.sock");
    let listen = format!("unix:{}", socket.display());
    let _service = Service::start_in(&home.path().join("state"), &["--listen", &listen]);
    let mut stream = UnixStream::connect(&socket).expect("the service listens");
    let requests = "GET /docs/swagger-ui-bundle.js HTTP/1.1\r\nHost: a\r\n\r\n".repeat(100);
    stream
        .set_write_timeout(Some(4 * PATIENCE))
        .expect("a timeout can be set");
    let error = loop {
        if let Err(error) = stream.write_all(requests.as_bytes()) {
            break error;
        }
    };
    let is_closed = matches!(error.kind(), ErrorKind::BrokenPipe | ErrorKind::ConnectionReset);
    assert!(is_closed, "{error}");
}

#[test]
fn a_socket_alone_is_enough_and_one_that_was_left_is_replaced() {
    let home = directory();
    let socket = home.path().join("api.sock");
    let config = home.path().join("config.toml");
    let listen = format!(
        "listen = \"unix:{}\"\nunix_socket_mode = \"0600\"\n",
        socket.display()
    );
    std::fs::write(&config, listen).expect("it can be written");
    let start = |state: &str| {
        let mut command = crate::service::binary();
        command.args(["serve", "--no-mount", "--config"]).arg(&config);
        command.arg("--state-dir").arg(home.path().join(state));
        command.stderr(std::process::Stdio::null());
        command.spawn().expect("the binary starts")
    };
    let mut first = start("state");
    until("the service listens", || serves(&socket).then_some(()));
    first.kill().expect("it can be killed");
    first.wait().expect("it ends");
    assert!(socket.exists() && !serves(&socket));

    let mut second = start("state");
    until("the service listens", || serves(&socket).then_some(()));
    let mode = socket
        .symlink_metadata()
        .expect("it is there")
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);

    let other = home.path().join("other");
    let (config, other) = (config.to_str().expect("UTF-8"), other.to_str().expect("UTF-8"));
    let third = run(&["serve", "--no-mount", "--config", config, "--state-dir", other]);
    assert_eq!(third.code, Some(1), "{}", third.err);
    assert!(
        third.err.contains("api.sock failed. Is another service there?"),
        "{}",
        third.err
    );
    assert!(serves(&socket), "the third took the second's socket away");
    second.kill().expect("it can be killed");
    second.wait().expect("it ends");
}

#[test]
fn a_directory_that_is_missing_is_named() {
    let home = directory();
    let listen = format!("unix:{}/missing/api.sock", home.path().display());
    let mut serve = crate::service::binary();
    serve.args(["serve", "--no-mount", "--listen", &listen, "--state-dir"]);
    let done = finish(serve.arg(home.path().join("state")));
    assert_eq!(done.code, Some(1), "{}", done.err);
    let wanted = format!("Make the directory {}/missing, ", home.path().display());
    assert!(
        done.err.contains(&wanted) && !done.err.contains("another service"),
        "{}",
        done.err
    );
}
