use std::os::unix::fs::symlink;

use super::*;

const ALL: [&str; 4] = ["b.2", "b.1", "b.0", "a"];

/// Makes attempts whose family is the first letter of their label.
fn attempts(labels: &[&str]) -> Vec<Attempt> {
    let attempt = |label: &&str| Attempt {
        label: (*label).to_owned(),
        family: label[..1].to_owned(),
        data: String::new(),
    };
    labels.iter().map(attempt).collect()
}

/// Returns what negotiation tries, and what it ends with, if the attempts answer as given.
fn run(answers: &[(&str, Errno)], labels: &[&str]) -> (Vec<String>, Option<(Errno, String)>) {
    let mut tried = Vec::new();
    let ended = negotiate(&attempts(labels), |attempt| {
        tried.push(attempt.label.clone());
        match answers.iter().find(|(label, _)| *label == attempt.label) {
            Some((_, errno)) => Err(*errno as i32),
            None => Ok(()),
        }
    });
    let failed = ended.err();
    let failed = failed.map(|f| (Errno::from_raw(f.errno), f.label.unwrap_or_default()));
    (tried, failed)
}

#[test]
fn the_next_options_are_tried_if_the_server_does_not_know_some() {
    let no = Errno::EPROTONOSUPPORT;
    assert_eq!(run(&[("b.2", no), ("b.1", no)], &ALL).0, ["b.2", "b.1", "b.0"]);
    let (tried, failed) = run(&[("b.2", no), ("b.1", no), ("b.0", no), ("a", no)], &ALL);
    assert_eq!(tried, ALL);
    assert_eq!(failed, Some((no, "b.2".to_owned())));
}

#[test]
fn a_path_that_one_family_does_not_know_is_tried_with_another() {
    let (tried, failed) = run(&[("b.2", Errno::ENOENT)], &ALL);
    assert_eq!((tried, failed), (vec!["b.2".to_owned(), "a".to_owned()], None));
    let both = [("b.2", Errno::ENOENT), ("a", Errno::EOPNOTSUPP)];
    assert_eq!(run(&both, &ALL).1, Some((Errno::ENOENT, "b.2".to_owned())));
}

#[test]
fn what_is_not_about_the_options_ends_it() {
    let (tried, failed) = run(&[("b.2", Errno::ETIMEDOUT)], &ALL);
    assert_eq!(tried, ["b.2"]);
    assert_eq!(failed, Some((Errno::ETIMEDOUT, "b.2".to_owned())));
    let mixed = [("b.2", Errno::EPROTONOSUPPORT), ("b.1", Errno::ECONNREFUSED)];
    let (tried, failed) = run(&mixed, &ALL[..3]);
    assert_eq!(tried, ["b.2", "b.1"]);
    assert_eq!(failed, Some((Errno::ECONNREFUSED, "b.1".to_owned())));
}

/// Whatever the other family finds out says more than the closed port, unless it finds out no more.
#[test]
fn a_port_that_is_closed_to_one_family_may_be_another_for_the_next() {
    let refused = ("b.2", Errno::ECONNREFUSED);
    let (tried, failed) = run(&[refused], &ALL);
    assert_eq!((tried, failed), (vec!["b.2".to_owned(), "a".to_owned()], None));
    for (other, reported) in [
        (Errno::EACCES, (Errno::EACCES, "a")),
        (Errno::ETIMEDOUT, (Errno::ETIMEDOUT, "a")),
        (Errno::ECONNREFUSED, (Errno::ECONNREFUSED, "b.2")),
        (Errno::EOPNOTSUPP, (Errno::ECONNREFUSED, "b.2")),
    ] {
        let (tried, failed) = run(&[refused, ("a", other)], &ALL);
        assert_eq!(tried, ["b.2", "a"]);
        assert_eq!(failed, Some((reported.0, reported.1.to_owned())));
    }
    assert_eq!(run(&[("a", Errno::ECONNREFUSED)], &ALL[3..]).0, ["a"]);
}

#[test]
fn a_mount_point_is_made_empty_and_for_nobody() {
    let dir = tempfile::tempdir().unwrap();
    let target = dir.path().join("mount");
    make_mount_point(&target).unwrap();
    make_mount_point(&target).unwrap();
    assert_eq!(fs::symlink_metadata(&target).unwrap().mode() & 0o7777, 0);
    // For root this shows whether the file system below knows immutable directories; nothing gets in either way
    // where it does, and a removal works in both cases.
    let written = fs::write(target.join("a.iso"), "x");
    if written.is_ok() {
        assert!(nix::unistd::geteuid().is_root(), "its mode keeps others out");
        fs::remove_file(target.join("a.iso")).unwrap();
    }
    mount_point::remove_dir(&target).unwrap();
    assert!(!target.exists());
}

#[test]
fn a_mount_point_with_content_and_one_that_is_a_link_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let full = dir.path().join("full");
    fs::create_dir(&full).unwrap();
    fs::write(full.join("a.iso"), "x").unwrap();
    assert_eq!(
        make_mount_point(&full).unwrap_err().raw_os_error(),
        Some(Errno::ENOTEMPTY as i32)
    );
    assert!(full.join("a.iso").exists());
    let link = dir.path().join("link");
    symlink(&full, &link).unwrap();
    assert_eq!(
        make_mount_point(&link).unwrap_err().raw_os_error(),
        Some(Errno::ENOTDIR as i32)
    );
}

#[test]
fn a_mount_directory_that_others_may_write_to_is_refused() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    let open = dir.path().join("open");
    fs::create_dir(&open).unwrap();
    fs::set_permissions(&open, fs::Permissions::from_mode(0o777)).unwrap();
    let refused = make_mount_point(&open.join("mount")).unwrap_err();
    assert_eq!(refused.raw_os_error(), Some(Errno::EPERM as i32));
}
