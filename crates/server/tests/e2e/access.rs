//! Who is let in: open on loopback, never on a network.

use std::os::unix::fs::PermissionsExt as _;
use std::time::Instant;

use crate::service::{PATIENCE, Service, directory, run};
use crate::tokens::{create, token};

const BACKENDS: &str = "/api/v1/storage/backends";

#[test]
fn loopback_is_open_and_says_so_until_there_is_a_token() {
    let home = directory();
    let state = home.path().join("state");
    let service = Service::start_in(&state, &[]);
    let told = "whoever is on this machine may do everything";
    assert!(service.log().contains(told), "{}", service.log());
    assert_eq!(service.ask("GET", BACKENDS, "").status, 200);

    // The running service takes notice.
    let secret = create(&state, "admin", "admin");
    let begun = Instant::now();
    while service.ask("GET", BACKENDS, "").status != 401 {
        assert!(begun.elapsed() < PATIENCE, "it is still open");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    assert_eq!(service.ask_as(&secret, "GET", BACKENDS, "").status, 200);
    // A token that is made now is let in at once.
    let viewer = create(&state, "viewer", "viewer");
    assert_eq!(service.ask_as(&viewer, "GET", BACKENDS, "").status, 200);
    assert_eq!(service.ask_as(&viewer, "POST", BACKENDS, "{}").status, 403);
    assert_eq!(token(&state, &["revoke", "viewer"]).code, Some(0));
    let begun = Instant::now();
    while service.ask_as(&viewer, "GET", BACKENDS, "").status != 401 {
        assert!(begun.elapsed() < PATIENCE, "it is still let in");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    drop(service);
    // After a restart as before, and open where that is wanted.
    let service = Service::start_in(&state, &[]);
    assert!(!service.log().contains(told), "{}", service.log());
    assert_eq!(service.ask("GET", BACKENDS, "").status, 401);
    assert_eq!(service.ask("GET", "/healthz", "").status, 200);
    drop(service);
    let service = Service::start_in(&state, &["--no-auth"]);
    assert!(service.log().contains("auth is off"), "{}", service.log());
    assert_eq!(service.ask("GET", BACKENDS, "").status, 200);
}

#[test]
fn a_network_needs_a_token_or_a_word() {
    let home = directory();
    let state = home.path().join("state");
    let path = state.to_str().expect("UTF-8");
    let args = [
        "serve",
        "--no-mount",
        "--listen",
        "0.0.0.0:0",
        "--state-dir",
        path,
    ];
    let done = run(&args);
    assert_eq!(done.code, Some(2), "{}", done.err);
    for remedy in ["token create", "--listen 127.0.0.1", "--no-auth"] {
        assert!(done.err.contains(remedy), "{}", done.err);
    }
    let service = Service::start_in(&state, &["--listen", "0.0.0.0:0", "--no-auth"]);
    assert_eq!(service.ask("GET", BACKENDS, "").status, 200);
    drop(service);
    let secret = create(&state, "admin", "admin");
    let service = Service::start_in(&state, &["--listen", "0.0.0.0:0"]);
    assert_eq!(service.ask("GET", BACKENDS, "").status, 401);
    assert_eq!(service.ask_as(&secret, "GET", BACKENDS, "").status, 200);
}

#[test]
fn a_token_is_in_no_log() {
    let home = directory();
    let state = home.path().join("state");
    let secret = create(&state, "admin", "admin");
    let service = Service::start_in(&state, &["--log-level", "trace"]);
    let almost = format!("{}x", &secret[..secret.len() - 1]);
    for (token, status) in [
        (secret.as_str(), 200),
        (&almost, 401),
        ("header.secret-canary.signature", 401),
    ] {
        assert_eq!(service.ask_as(token, "GET", BACKENDS, "").status, status);
    }
    let log = service.log();
    for hidden in [&secret[17..], &almost[17..80], "secret-canary"] {
        assert!(!log.contains(hidden), "the log shows {hidden}");
    }
}

#[test]
fn who_did_what_is_in_the_database_and_in_the_log() {
    let home = directory();
    let state = home.path().join("state");
    let secret = create(&state, "ops", "admin");
    let mut service = Service::start_in(&state, &[]);
    let body = r#"{"name":"web","type":"http","config":{"base_url":"http://127.0.0.1:9","auth_method":"bearer","password":"secret-canary"}}"#;
    assert_eq!(service.ask_as(&secret, "POST", BACKENDS, body).status, 201);
    assert_eq!(service.ask("DELETE", BACKENDS, "").status, 401);
    assert_eq!(token(&state, &["revoke", "ops"]).code, Some(0));
    service.signal(nix::sys::signal::Signal::SIGTERM);
    assert_eq!(service.wait().code(), Some(0), "{}", service.log());

    let events = service.events();
    let lines: Vec<_> = events.iter().filter(|e| e["target"] == "audit").collect();
    let created = lines
        .iter()
        .find(|e| e["action"] == "backend.create")
        .expect("a line");
    assert_eq!(
        (&created["actor"], &created["status"], &created["backend.name"]),
        (&"ops".into(), &201.into(), &"web".into())
    );
    let service = Service::start_in(&state, &["--no-auth"]);
    let trail = service.ask("GET", "/api/v1/storage/audit", "");
    assert!(!trail.body.contains("canary") && !service.log().contains("canary"));
    let trail = trail.json();
    let told: Vec<_> = trail["data"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|r| {
            (
                r["action"].as_str().expect("a text"),
                r["outcome"].as_str().expect("a text"),
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            ("token.revoke", "done"),
            ("backend.create", "done"),
            ("token.create", "done")
        ]
    );
    assert_eq!(trail["data"][2]["how"], "cli");
    assert!(!trail.to_string().contains(&secret[17..]));
}

#[test]
fn json_web_tokens_need_keys_that_can_be_used() {
    let home = directory();
    let (file, state) = (home.path().join("secret"), home.path().join("state"));
    let serve = || {
        let (file, state) = (file.to_str().expect("UTF-8"), state.to_str().expect("UTF-8"));
        run(&[
            "serve",
            "--no-mount",
            "--listen=127.0.0.1:0",
            "--state-dir",
            state,
            "--jwt-hs256-secret-file",
            file,
        ])
    };
    let done = serve();
    assert_eq!(done.code, Some(2), "{}", done.err);
    assert!(done.err.contains("secret can't be read"), "{}", done.err);
    std::fs::write(&file, "short-canary\n").expect("it can be written");
    let chmod = |mode| {
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).expect("its mode can be set");
    };
    chmod(0o644);
    let done = serve();
    assert_eq!(done.code, Some(2), "{}", done.err);
    assert!(
        done.err.contains("jwt_hs256_secret_file: ")
            && done.err.contains("secret is open to other users (mode 0644)")
            && done.err.contains("chmod 0600"),
        "{}",
        done.err
    );
    chmod(0o600);
    let done = serve();
    assert_eq!(done.code, Some(2), "{}", done.err);
    assert!(
        done.err.contains("must hold a secret of at least 32 bytes") && !done.err.contains("canary"),
        "{}",
        done.err
    );
    std::fs::write(&file, "0123456789abcdef0123456789abcdef\n").expect("it can be written");
    let file = file.to_str().expect("UTF-8");
    let service = Service::start_in(&state, &["--listen=0.0.0.0:0", "--jwt-hs256-secret-file", file]);
    assert_eq!(service.ask("GET", BACKENDS, "").status, 401);
}
