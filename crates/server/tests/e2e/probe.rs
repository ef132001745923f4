//! `probe`.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::process::Stdio;

use serde_json::Value;

use crate::service::{binary, command, directory, finish, run};

/// A web server that lists an empty directory, until the test's process ends.
fn web_server() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("an address");
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.expect("a connection");
            let mut request = [0; 4096];
            let _ = stream.read(&mut request);
            let (status, page) = if request.starts_with(b"GET / ") {
                ("200 OK", "<pre>\n</pre>")
            } else {
                ("404 Not Found", "")
            };
            let head = "Content-Type: text/html\r\nConnection: close";
            let _ = write!(stream, "HTTP/1.1 {status}\r\n{head}\r\n\r\n{page}");
        }
    });
    address
}

#[test]
fn a_web_server_that_answers_passes() {
    let url = format!("http://{}", web_server());
    let done = run(&["probe", "http", "--base-url", &url, "--json"]);
    assert_eq!(done.code, Some(0), "{}{}", done.out, done.err);
    let report: Value = serde_json::from_str(&done.out).expect("one JSON object");
    assert_eq!(report["success"], true, "{report}");
    assert!(
        report["checks"].as_array().is_some_and(|c| !c.is_empty()),
        "{report}"
    );
    let last = report["checks"].as_array().and_then(|checks| checks.last());
    assert_eq!(last.map(|check| &check["name"]), Some(&"scan".into()), "{report}");
    let done = run(&["probe", "http", &url]);
    assert!(done.out.contains("\nPassed in "), "{}", done.out);
    assert!(
        done.out
            .contains("scan     0 files, 0 of them boot or install images, in 1 directory"),
        "{}",
        done.out
    );
    let twice = run(&["probe", "http", &url, "--base-url", &url]);
    assert_eq!(twice.code, Some(2), "{}", twice.err);
}

#[test]
fn a_host_that_is_not_there_fails_in_plain_words() {
    let done = run(&["probe", "http", "--base-url", "http://127.0.0.1:9"]);
    assert_eq!(done.code, Some(1), "{}", done.err);
    assert!(done.out.contains("\nFailed in "), "{}", done.out);
    assert!(
        !done.out.contains('\u{1b}'),
        "colours although this is no terminal: {}",
        done.out
    );
}

#[test]
fn on_a_terminal_it_draws_a_spinner_and_colours() {
    let line = format!(
        "'{}' probe http http://{}",
        env!("CARGO_BIN_EXE_pureboot-storage"),
        web_server()
    );
    let done = finish(
        command("script")
            .env("TERM", "xterm")
            .env("SHELL", "/bin/sh")
            .env_remove("NO_COLOR")
            .args(["--quiet", "--return", "--command", &line, "/dev/null"]),
    );
    assert_eq!(done.code, Some(0), "{}", done.out);
    assert!(done.out.contains(" probing… ("), "{}", done.out);
    assert!(
        done.out.contains("\u{1b}[32mpassed \u{1b}[0m  resolve"),
        "{}",
        done.out
    );
    assert!(
        done.out.contains("\n\u{1b}[32mPassed\u{1b}[0m in "),
        "{}",
        done.out
    );
}

/// A finding names its field by itself: what the server or the operator called something stays as it is.
#[test]
fn names_that_look_like_fields_stay_as_they_are() {
    for host in ["base_url.lab", "endpoint.lab", "secret-access-key.lab"] {
        let endpoint = format!("http://{host}");
        let args = [
            "probe",
            "s3",
            "--endpoint",
            &endpoint,
            "--bucket",
            "endpoint-images",
        ];
        let done = run(&[&args[..], &["--access-key-id", "AK"]].concat());
        assert_eq!(done.code, Some(1), "{}{}", done.out, done.err);
        assert!(done.out.contains(host), "{}", done.out);
        assert!(!done.out.contains("--"), "{}", done.out);
        assert!(done.out.contains("Check endpoint"), "{}", done.out);
    }
}

#[test]
fn an_nfs_server_that_is_not_there_fails_and_leaves_nothing() {
    let home = directory();
    let state = home.path().to_str().expect("UTF-8");
    let done = run(&[
        "probe",
        "nfs",
        "--server",
        "127.0.0.1",
        "--export-path",
        "/srv",
        "--state-dir",
        state,
    ]);
    assert_eq!(done.code, Some(1), "{}{}", done.out, done.err);
    let left: Vec<_> = std::fs::read_dir(home.path().join("probes"))
        .expect("it was made")
        .collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn a_portal_that_is_none_is_told() {
    let port = web_server().port().to_string();
    let done = run(&[
        "probe",
        "iscsi",
        "--target",
        "127.0.0.1",
        "--port",
        &port,
        "--json",
    ]);
    assert_eq!(done.code, Some(1), "{}{}", done.out, done.err);
    let report: Value = serde_json::from_str(&done.out).expect("one JSON object");
    assert_eq!(report["success"], false);
    let message = report["message"].as_str().expect("a message");
    assert!(message.contains("is not an iSCSI target"), "{message}");
}

#[test]
fn every_wrong_field_is_named_by_its_flag() {
    let done = run(&[
        "probe",
        "nfs",
        "--server",
        "-x",
        "--export-path",
        "srv",
        "--auth-method",
        "magic",
    ]);
    assert_eq!(done.code, Some(2), "{}", done.err);
    // A value that begins with a hyphen is clap's to refuse; the rest is the config's.
    let done = run(&[
        "probe",
        "nfs",
        "--server=a b",
        "--export-path",
        "srv",
        "--auth-method",
        "magic",
    ]);
    assert_eq!(done.code, Some(2), "{}", done.err);
    for flag in [
        "\n  --server must ",
        "\n  --export-path must ",
        "\n  --auth-method must ",
    ] {
        assert!(done.err.contains(flag), "{flag}: {}", done.err);
    }
}

#[test]
fn secrets_come_from_a_file_or_standard_input_only() {
    let home = directory();
    let file = home.path().join("secret");
    std::fs::write(&file, "canary-5f1\n").expect("it can be written");
    let base = [
        "probe",
        "http",
        "--base-url",
        "http://127.0.0.1:9",
        "--auth-method",
        "basic",
        "--username",
        "u",
    ];
    let done = finish(binary().args(base).arg("--password-file").arg(&file));
    assert_eq!(done.code, Some(1), "{}", done.err);
    assert!(!done.out.contains("canary"), "{}", done.out);

    let mut child = binary()
        .args(base)
        .arg("--password-stdin")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the binary starts");
    child
        .stdin
        .take()
        .expect("a pipe")
        .write_all(b"canary-5f1\n")
        .expect("it can be written");
    let done = child.wait_with_output().expect("it ends");
    assert_eq!(done.status.code(), Some(1));
    assert!(!String::from_utf8_lossy(&done.stdout).contains("canary"));

    let done = run(&[
        "probe",
        "http",
        "--base-url",
        "http://127.0.0.1:9",
        "--password",
        "canary-5f1",
    ]);
    assert_eq!(done.code, Some(2));
    let done = run(&[
        "probe",
        "http",
        "--base-url",
        "http://127.0.0.1:9",
        "--password-file",
        "/nowhere",
    ]);
    assert_eq!(done.code, Some(2));
    assert!(done.err.contains("--password-file: /nowhere: "), "{}", done.err);
}
