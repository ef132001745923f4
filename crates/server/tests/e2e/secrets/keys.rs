//! The keys of secrets, from outside: where they come from, and what a start without the right one says.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use rstest::rstest;
use serde_json::Value;

use crate::service::{Done, Service, binary, directory, finish};

const ONE: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
const TWO: &str = "/////////////////////////////////////////+8=";
const BACKENDS: &str = "/api/v1/storage/backends";
const KEY_ENV: &str = "PUREBOOT_STORAGE_SECRET_KEY";

fn mode(path: &Path) -> u32 {
    fs::metadata(path).expect("it is there").permissions().mode() & 0o7777
}

/// A state directory with a backend that has a secret.
pub(super) fn filled(home: &Path) -> PathBuf {
    let state = home.join("state");
    let service = Service::start_in(&state, &[]);
    let body = r#"{"name":"web","type":"http","config":{"base_url":"http://127.0.0.1:9","auth_method":"basic","username":"u","password":"p"}}"#;
    assert_eq!(service.ask("POST", BACKENDS, body).status, 201);
    state
}

/// `serve` as it ends where it can't start, or `keys status`.
pub(super) fn command(args: &[&str], state: &Path) -> Command {
    let mut command = binary();
    command.args(args).arg("--state-dir").arg(state);
    command
}

fn refused(state: &Path, set: impl Fn(&mut Command) -> &mut Command) -> Done {
    let mut serve = command(&["serve", "--no-mount", "--listen", "127.0.0.1:0"], state);
    let done = finish(set(&mut serve));
    assert!(!done.err.contains(ONE) && !done.err.contains(TWO), "{}", done.err);
    done
}

#[test]
fn a_first_start_makes_a_private_one_and_tells_its_name() {
    let home = directory();
    let state = filled(home.path());
    assert_eq!(mode(&state.join("secret.key")), 0o600);
    let done = finish(&mut command(&["keys", "status"], &state));
    assert_eq!(done.code, Some(0), "{}", done.err);
    assert!(done.out.contains("  1 backends  present\n"), "{}", done.out);
    let key = fs::read_to_string(state.join("secret.key")).expect("it can be read");
    let key = key.lines().last().expect("a key");
    let log = fs::read_to_string(home.path().join("state.log")).expect("it can be read");
    assert!(!done.out.contains(key) && !log.contains(key));
}

#[test]
fn a_start_without_the_right_one_says_why_and_makes_none() {
    let home = directory();
    let state = filled(home.path());
    let (file, away) = (state.join("secret.key"), home.path().join("away.key"));
    let status = finish(&mut command(&["keys", "status"], &state)).out;
    let id = status
        .lines()
        .nth(1)
        .and_then(|line| line.split_whitespace().next())
        .expect("a name");
    fs::rename(&file, &away).expect("it can be moved");
    let done = refused(&state, |serve| serve);
    assert_eq!(done.code, Some(1), "{}", done.err);
    for wanted in [
        &format!("sealed with key {id}"),
        "secret.key is not there",
        "--secret-key-file",
        "keys reset",
    ] {
        assert!(done.err.contains(wanted), "{wanted}\n{}", done.err);
    }
    assert!(!file.exists());
    let done = refused(&state, |serve| serve.env(KEY_ENV, ONE));
    assert!(
        done.err.contains(&format!("sealed with key {id}")) && done.err.contains(KEY_ENV),
        "{}",
        done.err
    );
    let service = Service::start_in(&state, &["--secret-key-file", away.to_str().expect("UTF-8")]);
    assert_eq!(service.ask("GET", BACKENDS, "").json()["total"], 1);
}

#[rstest]
#[case::open(0o640, ONE, "chmod 600")]
#[case::empty(0o600, "# none\n", "holds no key")]
#[case::half(0o600, "AAECAwQF", "32 random bytes in base64")]
fn a_file_that_is_no_good_is_refused(#[case] mode: u32, #[case] text: &str, #[case] says: &str) {
    let home = directory();
    let file = home.path().join("my.key");
    fs::write(&file, text).expect("it can be written");
    fs::set_permissions(&file, fs::Permissions::from_mode(mode)).expect("its mode can be set");
    let done = refused(&home.path().join("state"), |serve| {
        serve.arg("--secret-key-file").arg(&file)
    });
    assert_eq!(done.code, Some(1), "{}", done.err);
    assert!(
        done.err.contains(says) && done.err.contains("my.key"),
        "{}",
        done.err
    );
}

#[test]
fn wrong_settings_are_named() {
    let home = directory();
    let state = home.path().join("state");
    let done = refused(&state, |serve| serve.env(KEY_ENV, "hunter2"));
    assert_eq!(done.code, Some(2), "{}", done.err);
    assert!(
        done.err.contains(KEY_ENV) && !done.err.contains("hunter2"),
        "{}",
        done.err
    );
    let done = refused(&state, |serve| {
        serve.env(KEY_ENV, ONE).arg("--secret-key-file=/nowhere")
    });
    assert!(done.err.contains("must not be set beside"), "{}", done.err);
}

/// The environment, and systemd's credentials: a key that is put in front takes over by `keys rotate`.
#[rstest]
#[case::environment(false)]
#[case::credential(true)]
fn a_place_that_is_only_read_can_be_rotated_too(#[case] is_credential: bool) {
    let home = directory();
    let state = home.path().join("state");
    let run = |args: &[&str], keys: &str| {
        let mut command = command(args, &state);
        if is_credential {
            // As systemd leaves it for a service that is not root: the group bits are an ACL's.
            let file = home.path().join("secret-key");
            fs::write(&file, keys).expect("it can be written");
            fs::set_permissions(&file, fs::Permissions::from_mode(0o440)).expect("its mode can be set");
            finish(command.env("CREDENTIALS_DIRECTORY", home.path()))
        } else {
            finish(command.env(KEY_ENV, keys))
        }
    };
    assert_eq!(run(&["migrate", "--create"], ONE).code, Some(0));
    assert!(!state.join("secret.key").exists());
    let fixed = run(&["keys", "rotate"], ONE);
    assert_eq!(fixed.code, Some(1), "{}", fixed.err);
    assert!(
        fixed.err.contains("put a new key") && fixed.err.contains("in front"),
        "{}",
        fixed.err
    );
    let both = format!("{TWO},{ONE}");
    assert_eq!(run(&["keys", "rotate"], &both).code, Some(0));
    let gone = run(&["keys", "rotate"], ONE);
    assert_eq!(gone.code, Some(1), "{}", gone.out);
    let status = run(&["keys", "status"], TWO);
    assert!(
        status.out.lines().count() == 2 && status.out.contains("present"),
        "{}",
        status.out
    );
}

/// A directory that can't be looked into may hold a key: a new one in its place would be the wrong one.
#[test]
fn a_credential_that_cannot_be_looked_at_is_no_missing_one() {
    let home = directory();
    let state = home.path().join("state");
    let file = home.path().join("no-directory");
    fs::write(&file, "").expect("it can be written");
    let done = refused(&state, |serve| serve.env("CREDENTIALS_DIRECTORY", &file));
    assert_eq!(done.code, Some(1), "{}", done.err);
    assert!(done.err.contains("no-directory/secret-key"), "{}", done.err);
    assert!(!state.join("secret.key").exists());
}

/// What the command line left in the audit trail.
pub(super) fn trail(service: &Service) -> Vec<Value> {
    let page = service.ask("GET", "/api/v1/storage/audit", "").json();
    let all = page["data"].as_array().expect("an array").clone();
    all.into_iter().filter(|r| r["how"] == "cli").collect()
}

#[test]
fn a_rotation_is_in_the_audit_trail() {
    let home = directory();
    let state = filled(home.path());
    for args in [&["keys", "rotate", "--prepare"][..], &["keys", "rotate"]] {
        let done = finish(&mut command(args, &state));
        assert_eq!(done.code, Some(0), "{}", done.err);
    }
    let trail = trail(&Service::start_in(&state, &[]));
    assert_eq!(trail.len(), 2, "{trail:?}");
    for (record, ending) in trail.iter().zip([", 1 backends", " prepared"]) {
        assert_eq!(record["action"], "keys.rotate", "{record}");
        let detail = record["detail"].as_str().unwrap_or_default();
        assert!(detail.starts_with("key ") && detail.ends_with(ending), "{detail}");
    }
}

#[test]
fn a_lost_one_can_be_given_up() {
    let home = directory();
    let state = filled(home.path());
    fs::remove_file(state.join("secret.key")).expect("it can be removed");
    assert_eq!(
        finish(&mut command(&["keys", "reset"], &state)).code,
        Some(2),
        "it has to be meant"
    );
    let done = finish(&mut command(&["keys", "reset", "--drop-secrets"], &state));
    assert_eq!(done.code, Some(0), "{}", done.err);
    assert!(
        done.out.contains("1 backends lost their secrets\n  web\n"),
        "{}",
        done.out
    );
    let service = Service::start_in(&state, &[]);
    assert_eq!(service.ask("GET", BACKENDS, "").json()["data"][0]["name"], "web");
    let trail = trail(&service);
    assert_eq!(trail.len(), 2, "{trail:?}");
    let of = |action: &str| {
        let of = trail.iter().find(|r| r["action"] == action);
        of.unwrap_or_else(|| panic!("no {action}: {trail:?}"))
    };
    assert_eq!(of("backend.update")["backend"]["name"], "web");
    assert_eq!(
        of("backend.update")["fields"],
        serde_json::json!(["config.password"])
    );
    let detail = of("keys.reset")["detail"].as_str().unwrap_or_default();
    assert!(detail.contains("1 backends"), "{detail}");
    let busy = finish(&mut command(&["keys", "reset", "--drop-secrets"], &state));
    assert!(
        busy.code == Some(1) && busy.err.contains("another pureboot-storage runs"),
        "{}",
        busy.err
    );
}
