//! Real trees, some of them at random.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::atomic::AtomicBool;

use proptest::prelude::*;
use rustix::fs::{AtFlags, Mode, OFlags, mkdirat, openat, renameat, unlinkat};
use storage_backends::nfs::scan::{WalkOptions, walk};
use storage_domain::ByteCount;

use crate::scan::{count, counted};

/// What is made below a directory of a random tree.
#[derive(Debug, Clone)]
enum Make {
    File(u16),
    Directory(Vec<(u8, Make)>),
    Link,
}

fn any_directory() -> impl Strategy<Value = Vec<(u8, Make)>> {
    let leaf = prop_oneof![4 => (0..2000_u16).prop_map(Make::File), 1 => Just(Make::Link)];
    let tree = leaf.prop_recursive(5, 120, 12, |inner| {
        prop::collection::vec((any::<u8>(), inner), 0..12).prop_map(Make::Directory)
    });
    prop::collection::vec((any::<u8>(), tree), 0..12)
}

fn make(dir: &Path, children: &[(u8, Make)]) {
    let mut taken = BTreeSet::new();
    for (number, what) in children.iter().filter(|(n, _)| taken.insert(*n)) {
        let path = |ending| dir.join(format!("n{number}{ending}"));
        match what {
            Make::File(size) => {
                fs::write(
                    path([".iso", "", ".txt", ".IMG.xz"][usize::from(number % 4)]),
                    vec![0; usize::from(*size)],
                )
                .unwrap();
            }
            Make::Link => symlink("..", path("")).unwrap(),
            Make::Directory(children) => {
                fs::create_dir(path("")).unwrap();
                make(&path(""), children);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn counts_as_walkdir_does(children in any_directory(), threads in 1..6_usize) {
        let dir = tempfile::tempdir().unwrap();
        make(dir.path(), &children);
        let options = WalkOptions { bytes: true, threads, ..WalkOptions::default() };
        let report = count(dir.path(), &options);
        let entries: Vec<_> = walkdir::WalkDir::new(dir.path()).into_iter().map(Result::unwrap).collect();
        let files: Vec<_> = entries.iter().filter(|e| e.file_type().is_file()).collect();
        let templates = files.iter().filter(|e| options.templates.matches(e.file_name().as_bytes()));
        prop_assert_eq!(report.files, files.len() as u64);
        prop_assert_eq!(report.directories, entries.iter().filter(|e| e.file_type().is_dir()).count() as u64);
        prop_assert_eq!(report.templates, templates.count() as u64);
        let bytes = files.iter().map(|e| e.metadata().unwrap().len()).sum();
        prop_assert_eq!(report.bytes, Some(ByteCount::saturating(bytes)));
        prop_assert_eq!(report.errors, 0);
    }
}

#[test]
fn odd_names_are_names() {
    let dir = tempfile::tempdir().unwrap();
    for name in [
        &b"line\nbreak.iso"[..],
        b"\xff\xfe.img",
        b" ",
        b"-rf",
        "\u{202e}x.iso".as_bytes(),
    ] {
        fs::create_dir(dir.path().join(OsStr::from_bytes(&[b"d", name].concat()))).unwrap();
        File::create(
            dir.path()
                .join(OsStr::from_bytes(&[b"d", name].concat()))
                .join(OsStr::from_bytes(name)),
        )
        .unwrap();
    }
    let report = counted(dir.path());
    assert_eq!((report.files, report.directories, report.templates), (5, 6, 3));
}

#[test]
fn links_are_never_followed() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("a")).unwrap();
    File::create(dir.path().join("a/x.iso")).unwrap();
    symlink(dir.path(), dir.path().join("a/loop")).unwrap();
    symlink("x.iso", dir.path().join("a/y.iso")).unwrap();
    symlink("/nonexistent", dir.path().join("nowhere")).unwrap();
    let report = counted(dir.path());
    assert_eq!((report.files, report.directories, report.templates), (1, 2, 1));
    // The root itself may be one.
    let link = tempfile::tempdir().unwrap();
    symlink(dir.path(), link.path().join("root")).unwrap();
    assert_eq!(counted(&link.path().join("root")).files, 1);
}

#[test]
fn only_regular_files_are_files() {
    let dir = tempfile::tempdir().unwrap();
    nix::unistd::mkfifo(&dir.path().join("pipe.iso"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(dir.path().join("socket.iso")).unwrap();
    assert_eq!(counted(dir.path()).files, 0);
}

/// More directories wait than are held open at once.
#[test]
fn a_deep_tree_with_branches_is_walked_to_its_end() {
    let dir = tempfile::tempdir().unwrap();
    let mut path = dir.path().to_owned();
    for _ in 0..700 {
        for branch in ["a", "b", "c"] {
            fs::create_dir(path.join(branch)).unwrap();
            File::create(path.join(branch).join("f")).unwrap();
        }
        path.push("b");
    }
    for threads in [1, 4] {
        let options = WalkOptions {
            threads,
            ..WalkOptions::default()
        };
        let report = count(dir.path(), &options);
        assert_eq!((report.files, report.directories, report.errors), (2100, 2101, 0));
    }
    // Deeper than the standard library's recursive removal likes.
    let _removed = fs::remove_dir_all(dir.path());
}

#[test]
fn a_tree_without_an_end_is_left_at_a_depth() {
    const LEVELS: usize = 1100;
    let dir = tempfile::tempdir().unwrap();
    let open = |at: &OwnedFd, name: &str| openat(at, name, OFlags::DIRECTORY, Mode::empty()).unwrap();
    let top: OwnedFd = File::open(dir.path()).unwrap().into();
    let mut at = top.try_clone().unwrap();
    for _ in 0..LEVELS {
        mkdirat(&at, "d", Mode::RWXU).unwrap();
        at = open(&at, "d");
        openat(&at, "f", OFlags::CREATE, Mode::RWXU).unwrap();
    }
    let report = counted(dir.path());
    assert_eq!((report.files, report.directories), (1024, 1026));
    let told = report.truncated.unwrap();
    assert!(told.contains("more than 1024 levels deep"), "{told}");
    // Deeper than the standard library's recursive removal likes.
    for level in 0..LEVELS {
        let at = open(&top, "d");
        unlinkat(&at, "f", AtFlags::empty()).unwrap();
        if level + 1 < LEVELS {
            renameat(&at, "d", &top, "below").unwrap();
        }
        unlinkat(&top, "d", AtFlags::REMOVEDIR).unwrap();
        let _last = renameat(&top, "below", &top, "d");
    }
}

#[test]
fn a_root_that_is_no_directory_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    File::create(&file).unwrap();
    let kind = |path: &Path| {
        let result = walk(path, &WalkOptions::default(), &|_, _| {}, &AtomicBool::new(false));
        result.unwrap_err().kind()
    };
    assert_eq!(kind(&file), io::ErrorKind::NotADirectory);
    assert_eq!(kind(&dir.path().join("none")), io::ErrorKind::NotFound);
}
