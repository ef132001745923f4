use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::sync::mpsc;
use std::time::Duration;

use nix::sys::stat::Mode;
use nix::unistd::mkfifo;
use rstest::rstest;

use super::*;

/// 32 bytes in base64, as `openssl rand -base64 32` writes them.
const ONE: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
const TWO: &str = "/////////////////////////////////////////+8=";

fn ids(text: &str) -> Vec<String> {
    let ring: KeyRing = text.parse().unwrap();
    ring.ids().map(ToString::to_string).collect()
}

#[test]
fn a_key_has_one_name_wherever_it_stands() {
    let one = ids(ONE).remove(0);
    assert_eq!(one.len(), 16);
    let both = ids(&format!(
        "# comment {TWO}\n\n{TWO}\t# new\r\n{} ",
        ONE.trim_end_matches('=')
    ));
    assert_eq!(both[1], one);
    assert_ne!(both[0], one);
    assert_eq!(ids(&format!("{TWO},{ONE},{TWO}")), both);
}

#[rstest]
#[case("", Malformed::Empty)]
#[case("# nothing\n\n", Malformed::Empty)]
#[case("hunter2", Malformed::NoKey { number: 1 })]
#[case("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=,x", Malformed::NoKey { number: 2 })]
#[case("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHg==", Malformed::NoKey { number: 1 })]
#[case("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8A", Malformed::NoKey { number: 1 })]
#[case::zeros("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", Malformed::NoKey { number: 1 })]
fn what_is_no_key_is_refused_and_not_shown(#[case] text: &str, #[case] why: Malformed) {
    let error = text.parse::<KeyRing>().unwrap_err();
    assert_eq!(error, why);
    assert!(!error.to_string().contains("hunter2"));
}

#[test]
fn too_many_keys_are_refused() {
    let many: Vec<String> = (0..=KeyRing::MAX_KEYS)
        .map(|_| {
            KeyRing::generate()
                .unwrap()
                .text()
                .lines()
                .last()
                .unwrap()
                .to_owned()
        })
        .collect();
    assert_eq!(
        many.join("\n").parse::<KeyRing>().unwrap_err(),
        Malformed::TooMany
    );
}

#[test]
fn a_ring_shows_no_key() {
    let ring: KeyRing = ONE.parse().unwrap();
    let shown = format!(
        "{ring:?} {:?}",
        KeySource::Given {
            keys: ring.clone(),
            place: "here"
        }
    );
    assert!(shown.contains(ring.newest().as_str()));
    assert!(!shown.contains("AAEC") && !shown.contains("[0, 1"), "{shown}");
}

#[test]
fn a_file_is_made_once_private_and_whole() {
    let home = tempfile::tempdir().unwrap();
    let source = KeySource::Own(home.path().join("secret.key"));
    let made: Vec<String> = std::thread::scope(|scope| {
        let racers: Vec<_> = (0..6)
            .map(|_| scope.spawn(|| source.load_or_make().unwrap().listed()))
            .collect();
        racers.into_iter().map(|racer| racer.join().unwrap()).collect()
    });
    assert!(made.iter().all(|ids| *ids == made[0]), "{made:?}");
    let found: Vec<_> = fs::read_dir(home.path()).unwrap().map(|e| e.unwrap()).collect();
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].metadata().unwrap().permissions().mode() & 0o7777, 0o600);
}

#[test]
fn a_file_that_was_named_is_never_made() {
    let home = tempfile::tempdir().unwrap();
    let source = KeySource::Named(home.path().join("my.key"));
    assert!(matches!(source.load_or_make(), Err(KeyError::Missing { .. })));
}

#[rstest]
#[case(0o640)]
#[case(0o604)]
#[case(0o660)]
fn a_file_that_others_may_read_is_refused_with_a_remedy(#[case] mode: u32) {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("my.key");
    fs::write(&path, ONE).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    let message = KeySource::Named(path.clone()).load().unwrap_err().to_string();
    assert!(
        message.contains(&format!("chmod 600 {}", path.display())),
        "{message}"
    );
    assert!(
        KeySource::Credential(path).load().is_ok(),
        "systemd gives its credentials an ACL"
    );
}

#[test]
fn a_replaced_file_has_the_new_keys_and_nothing_is_left_beside_it() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("secret.key");
    let source = KeySource::Own(path.clone());
    let old = source.load_or_make().unwrap();
    // What a process that was killed left.
    fs::write(home.path().join(".secret.key.1-0.new"), ONE).unwrap();
    let lock = source.lock().unwrap();
    assert!(matches!(source.lock(), Err(KeyError::Busy)));
    let new = old.with_new().unwrap();
    source.replace(&new).unwrap();
    assert_eq!(source.load().unwrap().listed(), new.listed());
    assert_eq!(new.ids().nth(1), Some(old.newest()));
    drop(lock);
    let mut names: Vec<_> = fs::read_dir(home.path())
        .unwrap()
        .map(|e| e.unwrap().file_name())
        .collect();
    names.sort();
    assert_eq!(names, [".secret.key.lock", "secret.key"]);
    assert_eq!(fs::metadata(path).unwrap().permissions().mode() & 0o7777, 0o600);
}

fn names_in(directory: &Path) -> Vec<String> {
    let found = fs::read_dir(directory).unwrap();
    let mut names: Vec<_> = found
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// Configuration management that puts the link back must not bring the old keys back.
#[test]
fn a_link_stays_and_the_file_it_leads_to_is_replaced() {
    let home = tempfile::tempdir().unwrap();
    let (managed, state) = (home.path().join("managed"), home.path().join("state"));
    fs::create_dir(&managed).unwrap();
    fs::create_dir(&state).unwrap();
    let (real, link) = (managed.join("real.key"), state.join("secret.key"));
    let direct = KeySource::Named(real.clone());
    KeySource::Own(real.clone()).load_or_make().unwrap();
    symlink(&real, &link).unwrap();
    // What a process that was killed left.
    fs::write(managed.join(".real.key.1-0.new"), ONE).unwrap();

    let source = KeySource::Own(link.clone());
    let _lock = source.lock().unwrap();
    assert!(
        matches!(direct.lock(), Err(KeyError::Busy)),
        "one file, two locks"
    );
    let new = source.load().unwrap().with_new().unwrap();
    source.replace(&new).unwrap();

    assert_eq!(fs::read_link(&link).unwrap(), real);
    assert_eq!(direct.load().unwrap().listed(), new.listed());
    assert_eq!(names_in(&state), ["secret.key"]);
    assert_eq!(names_in(&managed), [".real.key.lock", "real.key"]);
}

#[test]
fn a_pipe_is_refused_and_not_waited_for() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("my.key");
    mkfifo(&path, Mode::S_IRUSR | Mode::S_IWUSR).unwrap();
    let (say, hear) = mpsc::channel();
    std::thread::spawn(move || say.send(KeySource::Named(path).load().map(|ring| ring.listed())));
    let message = hear.recv_timeout(Duration::from_secs(10)).expect("it waits");
    assert!(
        matches!(message, Err(KeyError::File { step: "read", .. })),
        "{message:?}"
    );
}
