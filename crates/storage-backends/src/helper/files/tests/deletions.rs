use std::fs;
use std::io::Read as _;
use std::os::unix::fs::symlink;
use std::time::{Duration, SystemTime};

use rstest::rstest;

use super::super::delete::{Report, delete};
use super::super::protocol::Refusal;
use super::*;
use crate::files::Deletion;
use crate::mount::namespace::inside;

/// Deletes, and returns how many entries were reported.
fn deleted(root: &Root, at: &str, deletion: Deletion) -> (u64, Result<(), FileFailure>) {
    let (ours, theirs) = pipe_with(PipeFlags::CLOEXEC).unwrap();
    let caller = File::from(theirs);
    let done = delete(root, &path(at), deletion, &mut Report::new(&caller));
    drop(caller);
    let mut lines = String::new();
    File::from(ours).read_to_string(&mut lines).unwrap();
    let entries = lines.lines().map(|line| {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        line["progress"]["entries"].as_u64().unwrap()
    });
    (entries.sum(), done)
}

fn stays(at: &str) -> Result<(), FileFailure> {
    let stays = at.to_owned();
    Err(FileFailure::NotEmpty { stays })
}

#[test]
fn all_that_is_in_a_directory_is_deleted_and_nothing_that_links_lead_to() {
    let outside = tree(&["f", "d/", "d/f"]);
    let dir = tree(&["gone/a/b/c/", "gone/a/b/f", "gone/.nfs1", "gone/.hidden", "stays"]);
    for (target, name) in [("f", "file"), ("d", "directory"), ("none", "dangling")] {
        symlink(outside.path().join(target), dir.path().join("gone/a").join(name)).unwrap();
    }
    rustix::fs::mkfifoat(rustix::fs::CWD, dir.path().join("gone/pipe"), 0o600.into()).unwrap();
    for n in 0..2000 {
        fs::write(dir.path().join(format!("gone/a/b/{n}")), "1").unwrap();
    }
    let root = root_of(&dir);
    assert_eq!(deleted(&root, "/gone", Deletion::Recursive), (2011, Ok(())));
    assert_eq!(all(&dir, "/").0, ["stays"]);
    assert_eq!(all(&outside, "/").0, ["d/", "f"]);
    symlink(outside.path(), dir.path().join("link")).unwrap();
    for deletion in [Deletion::Single, Deletion::Recursive] {
        symlink(outside.path(), dir.path().join("another")).unwrap();
        assert_eq!(deleted(&root, "/another", deletion), (1, Ok(())));
    }
    assert_eq!(all(&outside, "/d").0, ["f"]);
}

#[rstest]
#[case("/", Deletion::Recursive, Err(FileFailure::Refused(Refusal::Root)))]
#[case("/none", Deletion::Recursive, Err(FileFailure::NotFound))]
#[case("/f/none", Deletion::Single, Err(FileFailure::NotFound))]
#[case("/.nfs1", Deletion::Single, Err(FileFailure::NotFound))]
#[case("/.snapshot/f", Deletion::Single, Err(FileFailure::NotFound))]
#[case(
    "/.snapshot",
    Deletion::Recursive,
    Err(FileFailure::Refused(Refusal::Ignored))
)]
#[case("/link/a", Deletion::Recursive, Err(FileFailure::Refused(Refusal::Link)))]
#[case("/d", Deletion::Single, stays("/d/a"))]
fn what_is_not_deleted(
    #[case] at: &str,
    #[case] deletion: Deletion,
    #[case] expected: Result<(), FileFailure>,
) {
    let names = ["d/a/", "f", ".nfs1", ".snapshot/", ".snapshot/f"];
    let dir = tree(&names);
    symlink("d", dir.path().join("link")).unwrap();
    assert_eq!(deleted(&root_of(&dir), at, deletion), (0, expected));
    assert!(names.iter().all(|name| dir.path().join(name).exists()));
}

/// What belongs to the file server, or to an upload that goes on, stays, with the directories above it and nothing else.
#[rstest]
#[case("d/a/.snapshot/", "d/a/.snapshot/f", "/d/a/.snapshot")]
#[case("d/a/", "d/a/.pureboot-upload-1", "/d/a/.pureboot-upload-1")]
fn what_stays_is_named(#[case] directory: &str, #[case] file: &str, #[case] named: &str) {
    let dir = tree(&["d/b/", "d/b/f", "d/a/", "d/a/f", directory, file]);
    let root = root_of(&dir);
    assert_eq!(deleted(&root, "/d", Deletion::Recursive), (3, stays(named)));
    assert!(dir.path().join(file).exists());
    assert_eq!(all(&dir, "/d").0, ["a/"]);
    assert_eq!(all(&dir, "/d/a").0, [""; 0]);
}

#[test]
fn a_temporary_file_that_nobody_wrote_to_for_days_goes_too() {
    let dir = tree(&["d/", "d/.pureboot-upload-1"]);
    let file = File::options()
        .write(true)
        .open(dir.path().join("d/.pureboot-upload-1"))
        .unwrap();
    file.set_modified(SystemTime::now() - Duration::from_hours(49))
        .unwrap();
    assert_eq!(deleted(&root_of(&dir), "/d", Deletion::Recursive), (2, Ok(())));
}

#[test]
fn a_caller_that_leaves_ends_it_between_two_entries() {
    let dir = tree(&["d/", "d/f"]);
    let (ours, theirs) = pipe_with(PipeFlags::CLOEXEC).unwrap();
    drop(ours);
    let caller = File::from(theirs);
    let done = delete(
        &root_of(&dir),
        &path("/d"),
        Deletion::Recursive,
        &mut Report::new(&caller),
    );
    assert_eq!(done, Err(FileFailure::Left));
    assert_eq!(all(&dir, "/d").0, ["f"]);
}

#[test]
fn a_tree_that_is_too_deep_is_refused_and_its_parts_are_not() {
    let dir = tree(&[]);
    let deep = |levels| "/d".repeat(levels);
    fs::create_dir_all(dir.path().join(&deep(200)[1..])).unwrap();
    let root = root_of(&dir);
    let too_deep = Err(FileFailure::Refused(Refusal::TooDeep));
    assert_eq!(deleted(&root, "/d", Deletion::Recursive), (0, too_deep));
    assert_eq!(deleted(&root, &deep(100), Deletion::Recursive), (101, Ok(())));
    assert_eq!(deleted(&root, "/d", Deletion::Recursive), (99, Ok(())));
}

#[test]
fn no_other_file_system_is_touched() {
    if !inside("helper::files::tests::deletions::no_other_file_system_is_touched") {
        return;
    }
    let dir = tree(&["d/a/mount/", "d/a/f", "d/file-mount", "source"]);
    let mount = |source: &str, at: &str, fstype: Option<&str>, flags| {
        let (source, at) = (dir.path().join(source), dir.path().join(at));
        #[expect(clippy::disallowed_methods, reason = "the test mounts")]
        nix::mount::mount(Some(&source), &at, fstype, flags, None::<&str>).unwrap();
    };
    let (none, bind) = (nix::mount::MsFlags::empty(), nix::mount::MsFlags::MS_BIND);
    mount("none", "d/a/mount", Some("tmpfs"), none);
    fs::write(dir.path().join("d/a/mount/f"), "1").unwrap();
    mount("source", "d/file-mount", None, bind);
    let root = root_of(&dir);
    let refused = Err(FileFailure::Refused(Refusal::OtherFileSystem));
    for at in ["/d/a/mount", "/d/file-mount", "/d/a/mount/f"] {
        for deletion in [Deletion::Single, Deletion::Recursive] {
            assert_eq!(deleted(&root, at, deletion), (0, refused.clone()), "{at}");
        }
    }
    let (entries, done) = deleted(&root, "/d", Deletion::Recursive);
    assert_eq!(entries, 1, "{done:?}");
    assert!(
        [stays("/d/a/mount"), stays("/d/file-mount")].contains(&done),
        "{done:?}"
    );
    assert_eq!(fs::read(dir.path().join("d/a/mount/f")).unwrap(), b"1");
    assert_eq!(fs::read(dir.path().join("source")).unwrap(), b"1");
}
