//! A disk that is full for a while: the kernel refuses to let the database's log grow.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::service::{Answer, Service, command, directory};

/// As many requests at once as the pool has connections, and as many again.
const AT_ONCE: usize = 8;
/// More writes than a log that was begun anew has room for.
const MANY: usize = 500;

/// The binary as a program that lives on where a file may not grow.
pub(crate) fn spared() -> Command {
    let mut shell = command("sh");
    shell.args([
        "-c",
        "trap '' XFSZ; exec \"$0\" \"$@\"",
        env!("CARGO_BIN_EXE_pureboot-storage"),
    ]);
    shell
}

/// Bounds the size of the files that a process writes, in bytes or `unlimited`.
fn bound(service: &Service, bytes: &str) {
    service.bound(&format!("--fsize={bytes}:unlimited"));
}

fn at_once(ask: impl Fn(usize) -> Answer + Sync) -> Vec<Answer> {
    std::thread::scope(|scope| {
        let asking: Vec<_> = (0..AT_ONCE)
            .map(|n| {
                scope.spawn({
                    let ask = &ask;
                    move || ask(n)
                })
            })
            .collect();
        asking
            .into_iter()
            .map(|one| one.join().expect("an answer"))
            .collect()
    })
}

fn log_bytes(state: &Path) -> u64 {
    state
        .join("storage.db-wal")
        .metadata()
        .expect("the database has a log")
        .len()
}

/// What fails at its commit, or in the middle of a transaction afterwards, must not leave a transaction open: what a later
/// request writes into that one is answered as written, and never is.
#[test]
fn what_is_acknowledged_after_it_is_kept() {
    let home = directory();
    let state = home.path().join("state");
    let mut service = Service::spawn_by(spared(), &state, &[]);
    service.address = service.wait_for_address();
    assert_eq!(service.register("first").status, 201);

    bound(&service, &log_bytes(&state).to_string());
    // The log has room that it used before.
    let filled = (0..MANY).any(|n| service.register(&format!("filling {n}")).status == 503);
    assert!(filled, "{MANY} writes went onto a full disk");
    for answer in at_once(|n| service.register(&format!("refused {n}"))) {
        assert_eq!(
            (answer.status, &answer.json()["error"]),
            (503, &"database_unavailable".into())
        );
    }
    bound(&service, "unlimited");
    for answer in at_once(|_| service.register("first")) {
        assert_eq!(answer.status, 409, "{}", answer.body);
    }
    let made = at_once(|n| service.register(&format!("kept {n}")));
    let path = |answer: &Answer| {
        let body: Value = answer.json();
        format!(
            "/api/v1/storage/backends/{}",
            body["data"]["id"].as_str().unwrap_or_default()
        )
    };
    for answer in &made {
        assert_eq!(answer.status, 201, "{}", answer.body);
        assert_eq!(
            service.ask("GET", &path(answer), "").status,
            200,
            "it is not there: {}",
            answer.body
        );
    }
    service.kill();
    let service = Service::start_in(&state, &[]);
    for answer in &made {
        assert_eq!(
            service.ask("GET", &path(answer), "").status,
            200,
            "it is lost: {}",
            answer.body
        );
    }
}
