use std::os::unix::fs::symlink;

use super::*;

fn attempts(versions: &[&str]) -> Vec<Attempt> {
    let attempt = |v: &&str| Attempt {
        version: (*v).to_owned(),
        data: format!("vers={v}"),
    };
    versions.iter().map(attempt).collect()
}

/// Returns what negotiation tries, and what it ends with, if each version answers as given.
fn run(answers: &[(&str, Errno)], versions: &[&str]) -> (Vec<String>, Option<(Errno, String)>) {
    let mut tried = Vec::new();
    let ended = negotiate(&attempts(versions), |a| {
        tried.push(a.version.clone());
        match answers.iter().find(|(v, _)| *v == a.version) {
            Some((_, errno)) => Err(*errno),
            None => Ok(()),
        }
    });
    let failed = ended
        .err()
        .map(|f| (Errno::from_raw(f.errno), f.version.unwrap_or_default()));
    (tried, failed)
}

const ALL: [&str; 4] = ["4.2", "4.1", "4.0", "3"];

#[test]
fn an_older_version_is_tried_where_the_server_does_not_speak_the_newer() {
    let no = Errno::EPROTONOSUPPORT;
    assert_eq!(run(&[("4.2", no), ("4.1", no)], &ALL).0, ["4.2", "4.1", "4.0"]);
    let (tried, failed) = run(&[("4.2", no), ("4.1", no), ("4.0", no), ("3", no)], &ALL);
    assert_eq!(tried, ALL);
    assert_eq!(failed, Some((no, "4.2".to_owned())));
}

#[test]
fn a_path_that_version_4_does_not_know_is_tried_with_version_3() {
    let (tried, failed) = run(&[("4.2", Errno::ENOENT)], &ALL);
    assert_eq!((tried, failed), (vec!["4.2".to_owned(), "3".to_owned()], None));
    let both = [("4.2", Errno::ENOENT), ("3", Errno::EOPNOTSUPP)];
    assert_eq!(run(&both, &ALL).1, Some((Errno::ENOENT, "4.2".to_owned())));
}

#[test]
fn what_is_not_about_the_version_ends_it() {
    let (tried, failed) = run(&[("4.2", Errno::ETIMEDOUT)], &ALL);
    assert_eq!(tried, ["4.2"]);
    assert_eq!(failed, Some((Errno::ETIMEDOUT, "4.2".to_owned())));
    let mixed = [("4.2", Errno::EPROTONOSUPPORT), ("4.1", Errno::ECONNREFUSED)];
    let (tried, failed) = run(&mixed, &ALL[..3]);
    assert_eq!(tried, ["4.2", "4.1"]);
    assert_eq!(failed, Some((Errno::ECONNREFUSED, "4.1".to_owned())));
}

/// Only version 3 asks the server for its port.
#[test]
fn a_port_that_is_closed_to_version_4_may_be_another_in_version_3() {
    let refused = ("4.2", Errno::ECONNREFUSED);
    let (tried, failed) = run(&[refused], &ALL);
    assert_eq!((tried, failed), (vec!["4.2".to_owned(), "3".to_owned()], None));
    // Whatever version 3 finds out says more than the closed port, unless it finds out no more.
    for (v3, reported) in [
        (Errno::EACCES, (Errno::EACCES, "3")),
        (Errno::ETIMEDOUT, (Errno::ETIMEDOUT, "3")),
        (Errno::ECONNREFUSED, (Errno::ECONNREFUSED, "4.2")),
        (Errno::EOPNOTSUPP, (Errno::ECONNREFUSED, "4.2")),
    ] {
        let (tried, failed) = run(&[refused, ("3", v3)], &ALL);
        assert_eq!(tried, ["4.2", "3"]);
        assert_eq!(failed, Some((reported.0, reported.1.to_owned())));
    }
    assert_eq!(run(&[("3", Errno::ECONNREFUSED)], &ALL[3..]).0, ["3"]);
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
