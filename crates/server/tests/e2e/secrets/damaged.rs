//! Keys that are rotated while a backend's secrets can't be opened.

use std::fs;
use std::path::Path;

use super::keys::{command, filled, trail};
use crate::service::{Service, directory, finish};

/// As a disk, or a hand, may leave it.
fn damage(state: &Path) {
    let database = rusqlite::Connection::open(state.join("storage.db")).expect("it opens");
    let sql = "UPDATE backends SET config = replace(config, '\"$sealed\":\"1.', '\"$sealed\":\"1.0')";
    assert_eq!(database.execute(sql, []), Ok(1));
}

fn keys(state: &Path, args: &[&str]) -> String {
    let done = finish(&mut command(&[&["keys"], args].concat(), state));
    assert_eq!(done.code, Some(0), "{}", done.err);
    done.out
}

/// The key that a line names behind these words.
fn key_behind(text: &str, words: &str) -> String {
    let rest = text.split_once(words);
    let rest = rest.unwrap_or_else(|| panic!("no {words:?}: {text}")).1;
    rest.chars().take_while(char::is_ascii_hexdigit).collect()
}

#[test]
fn it_is_told_and_there_is_a_new_key_each_time() {
    let home = directory();
    let state = filled(home.path());
    damage(&state);
    let mut made = Vec::new();
    for _ in 0..3 {
        let told = keys(&state, &["rotate"]);
        let key = key_behind(&told, "made and changed over to key ");
        assert!(
            told.contains("\n1 backends can't be read, and keep their older key"),
            "{told}"
        );
        assert!(!made.contains(&key), "{key} again: {made:?}");
        made.push(key);
    }
    let present = made.pop().expect("three");

    let told = keys(&state, &["rotate", "--prepare"]);
    let prepared = key_behind(&told, "has the new key ");
    assert_ne!(prepared, present);
    let status = keys(&state, &["status"]);
    let line = |key: &str| {
        let line = status.lines().find(|line| line.trim_start().starts_with(key));
        line.unwrap_or_default()
    };
    assert!(line(&prepared).ends_with("  0 backends  not in use"), "{status}");
    assert!(line(&present).ends_with("  0 backends  present"), "{status}");

    let told = keys(&state, &["rotate"]);
    assert_eq!(
        key_behind(&told, "went on to key "),
        prepared,
        "one new key is enough"
    );
    assert!(told.contains("no new key was made; "), "{told}");
    let trail = trail(&Service::start_in(&state, &[]));
    let told: Vec<_> = trail
        .iter()
        .filter_map(|record| record["detail"].as_str())
        .collect();
    assert_eq!(
        told[..3],
        [
            format!("key {prepared}, 0 backends"),
            format!("key {prepared} prepared"),
            format!("key {present}, 0 backends"),
        ]
    );
    let file = fs::read_to_string(state.join("secret.key")).expect("it can be read");
    let lines = file.lines().filter(|line| !line.starts_with('#'));
    assert_eq!(lines.count(), 2, "the present key, and that of the damaged row");
}
