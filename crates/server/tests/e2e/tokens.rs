//! `token`: made, listed and revoked on the command line.

use std::fs::OpenOptions;
use std::path::Path;

use rstest::rstest;
use serde_json::Value;

use crate::service::{Done, binary, directory, make_database, run};

/// Runs `token` on the database of a state directory.
pub(crate) fn token(state: &Path, args: &[&str]) -> Done {
    let state = state.to_str().expect("UTF-8");
    let (action, rest) = args.split_first().expect("an action");
    run(&[&["token", action, "--state-dir", state], rest].concat())
}

/// Makes a token of this role, and the database if there is none.
pub(crate) fn create(state: &Path, name: &str, role: &str) -> String {
    make_database(state);
    let done = token(state, &["create", "--name", name, "--role", role]);
    assert_eq!(done.code, Some(0), "{}", done.err);
    done.out.trim_end().to_owned()
}

#[test]
fn a_token_is_shown_once() {
    let home = directory();
    let state = home.path().join("state");
    make_database(&state);
    let done = token(&state, &["create", "--name", "ci", "--role", "operator"]);
    assert_eq!(done.code, Some(0), "{}", done.err);
    let secret = done.out.trim_end();
    assert!(
        secret.starts_with("pbs_") && done.out == format!("{secret}\n"),
        "{}",
        done.out
    );
    let (id, hidden) = (&secret[4..16], &secret[17..]);
    assert!(
        done.err.contains(id) && !done.err.contains(hidden),
        "{}",
        done.err
    );

    let listed = token(&state, &["list", "--json"]);
    let rows: Value = serde_json::from_str(&listed.out).expect("JSON");
    assert_eq!(
        (&rows[0]["id"], &rows[0]["role"], &rows[0]["state"]),
        (&id.into(), &"operator".into(), &"valid".into())
    );
    assert!(rows[0]["expires_at"].is_string(), "{rows}");
    let table = token(&state, &["list"]);
    assert!(
        table.out.contains(id) && table.out.starts_with("ID "),
        "{}",
        table.out
    );
    let file = std::fs::read(state.join("storage.db")).expect("it can be read");
    for text in [
        &listed.out,
        &table.out,
        &String::from_utf8_lossy(&file).into_owned(),
    ] {
        assert!(!text.contains(hidden), "the secret is shown");
    }

    let taken = token(&state, &["create", "--name", "ci", "--role", "admin"]);
    assert_eq!((taken.code, taken.out.as_str()), (Some(1), ""), "{}", taken.err);
    assert!(taken.err.contains("another token has this name"), "{}", taken.err);

    assert_eq!(token(&state, &["revoke", "ci"]).code, Some(0));
    let again = token(&state, &["revoke", "ci"]);
    assert_eq!(again.code, Some(1), "{}", again.err);
    let none: Value = serde_json::from_str(&token(&state, &["list", "--json"]).out).expect("JSON");
    assert_eq!(none, Value::Array(Vec::new()));
    let all: Value = serde_json::from_str(&token(&state, &["list", "--json", "--all"]).out).expect("JSON");
    assert_eq!(all[0]["state"], "revoked");
}

/// A token that nobody has would be valid until it expires.
#[test]
fn one_that_cannot_be_written_is_revoked() {
    let home = directory();
    let state = home.path().join("state");
    make_database(&state);
    let full = OpenOptions::new()
        .write(true)
        .open("/dev/full")
        .expect("the kernel has it");
    let mut create = binary();
    create.args([
        "token",
        "create",
        "--name",
        "ci",
        "--role",
        "admin",
        "--state-dir",
    ]);
    let child = create
        .arg(&state)
        .stdout(full)
        .stderr(std::process::Stdio::piped())
        .spawn();
    let done = child
        .and_then(std::process::Child::wait_with_output)
        .expect("the binary starts");
    let told = String::from_utf8_lossy(&done.stderr);
    assert_eq!(done.status.code(), Some(1), "{told}");
    assert!(
        told.contains("could not be written, so that it is revoked"),
        "{told}"
    );
    let all: Value = serde_json::from_str(&token(&state, &["list", "--json", "--all"]).out).expect("JSON");
    assert_eq!(all[0]["state"], "revoked", "{all}");
}

#[rstest]
#[case(&["create", "--name", "x", "--role", "root"], "viewer, operator, admin")]
#[case(&["create", "--name", " ", "--role", "admin"], "must not be blank")]
#[case(&["create", "--name", "x", "--role", "admin", "--expires", "soon"], "such as 90d, 12h or 30m")]
#[case(&["create", "--name", "x"], "--role")]
#[case(&["revoke"], "NAME|ID")]
fn what_is_wrong_is_told(#[case] args: &[&str], #[case] wanted: &str) {
    let home = directory();
    let done = token(&home.path().join("state"), args);
    assert_eq!((done.code, done.out.as_str()), (Some(2), ""), "{}", done.err);
    assert!(done.err.contains(wanted), "{}", done.err);
}
