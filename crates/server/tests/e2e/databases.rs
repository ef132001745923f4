//! Commands on the database: each names it, none makes one, and reading changes nothing.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::Path;

use rstest::rstest;
use rusqlite::Connection;

use crate::nobody::Nobody;
use crate::service::{Done, binary, directory, finish, make_database};

fn on(state: &Path, args: &[&str]) -> Done {
    finish(binary().args(args).arg("--state-dir").arg(state))
}

#[rstest]
fn none_makes_a_database(
    #[values(
        &["migrate"][..],
        &["migrate", "--check"],
        &["keys", "status"],
        &["keys", "rotate"],
        &["keys", "reset", "--drop-secrets"],
        &["token", "list"],
        &["token", "revoke", "ci"],
        &["token", "create", "--name", "ci", "--role", "admin"]
    )]
    args: &[&str],
) {
    let home = directory();
    for state in [home.path().join("nowhere"), home.path().join("empty")] {
        let is_there = state.ends_with("empty");
        if is_there {
            fs::create_dir(&state).expect("it can be made");
        }
        let done = on(&state, args);
        assert_eq!((done.code, done.out.as_str()), (Some(1), ""), "{}", done.err);
        for wanted in [
            &format!("database: sqlite://{}/storage.db\n", state.display()),
            "does not exist",
            "pureboot-storage migrate --create",
        ] {
            assert!(done.err.contains(wanted), "{wanted}\n{}", done.err);
        }
        assert_eq!(state.exists(), is_there);
        assert!(!is_there || fs::read_dir(&state).expect("a directory").next().is_none());
    }
}

/// Everything in a state directory that a command could change.
fn inventory(state: &Path) -> Vec<(String, u32, u64)> {
    let entries = fs::read_dir(state).expect("a directory").flatten();
    let mut found: Vec<_> = entries
        .map(|entry| {
            let meta = entry.metadata().expect("it is there");
            (
                entry.file_name().to_string_lossy().into_owned(),
                meta.permissions().mode(),
                meta.len(),
            )
        })
        .collect();
    found.sort();
    found
}

/// A schema of an earlier release is not for a command to change, least of all one that only reads.
#[rstest]
fn none_migrates(
    #[values(
        &["migrate", "--check"][..],
        &["keys", "status"],
        &["token", "list"],
        &["token", "create", "--name", "ci", "--role", "admin"]
    )]
    args: &[&str],
) {
    let home = directory();
    let state = home.path().join("state");
    make_database(&state);
    let sql = "DELETE FROM seaql_migrations WHERE version = (SELECT max(version) FROM seaql_migrations)";
    let database = Connection::open(state.join("storage.db")).expect("it opens");
    assert_eq!(database.execute(sql, []), Ok(1));
    drop(database);
    let before = inventory(&state);
    let done = on(&state, args);
    assert_eq!((done.code, done.out.as_str()), (Some(1), ""), "{}", done.err);
    assert!(done.err.contains("the schema lacks 1 migrations"), "{}", done.err);
    assert_eq!(inventory(&state), before);
}

/// As a restore by root leaves it: the service's user may not write, or not even read.
#[rstest]
#[case::the_database("storage.db", 0o600)]
#[case::that_can_be_read("storage.db", 0o644)]
#[case::its_log("storage.db-wal", 0o600)]
fn a_file_of_another_user_is_named_with_its_owner(#[case] name: &str, #[case] mode: u32) {
    let Some(nobody) = Nobody::new() else { return };
    let state = nobody.home().join("state");
    make_database(&state);
    let file = state.join(name);
    if !file.exists() {
        fs::write(&file, "").expect("it can be written");
    }
    fs::set_permissions(&file, fs::Permissions::from_mode(mode)).expect("its mode can be set");
    let entries = fs::read_dir(&state).expect("a directory").flatten();
    for entry in entries.map(|entry| entry.path()).chain([state.clone()]) {
        if entry != file {
            chown(&entry, Some(Nobody::ID), Some(Nobody::ID)).expect("root may do so");
        }
    }
    let mut command = nobody.binary();
    command.args(["token", "list", "--state-dir"]).arg(&state);
    let done = finish(&mut command);
    assert_eq!(done.code, Some(1), "{}", done.err);
    let wanted = format!(
        "{} belongs to user 0, and this process runs as user 65534",
        file.display()
    );
    assert!(
        done.err.contains(&wanted) && done.err.contains("chown"),
        "{}",
        done.err
    );
    assert_eq!(file.metadata().expect("it is there").uid(), 0);
}
