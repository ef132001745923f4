//! Real trees, some of them at random.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::path::Path;

use proptest::prelude::*;
use rstest::rstest;
use rustix::fs::{AtFlags, Mode, OFlags, mkdirat, openat, renameat, unlinkat};
use storage_backends::scan::{ScanOptions, count_directory_blocking};
use storage_domain::{ByteCount, IgnoredDirectories, TemplatePatterns};

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
    fn counts_as_walkdir_does(children in any_directory()) {
        let dir = tempfile::tempdir().unwrap();
        make(dir.path(), &children);
        let report = count(dir.path(), true);
        let entries: Vec<_> = walkdir::WalkDir::new(dir.path()).into_iter().map(Result::unwrap).collect();
        let files: Vec<_> = entries.iter().filter(|e| e.file_type().is_file()).collect();
        let patterns = TemplatePatterns::default();
        let templates = files.iter().filter(|e| patterns.matches(e.file_name().as_bytes()));
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
    let report = counted(dir.path());
    assert_eq!((report.files, report.directories), (2100, 2101));
    // Deeper than the standard library's recursive removal likes.
    let _removed = fs::remove_dir_all(dir.path());
}

/// The second tree's paths are too long for one call before its levels are too many.
#[rstest]
#[case::levels("d", 1100, 1024, "more than 1024 levels deep")]
#[case::path(
    "a-directory-of-a-tree-that-does-not-end",
    120,
    102,
    "a path of more than 4095 bytes"
)]
fn a_tree_without_an_end_is_left_at_a_bound(
    #[case] name: &str,
    #[case] levels: usize,
    #[case] entered: u64,
    #[case] bound: &str,
) {
    let dir = tempfile::tempdir().unwrap();
    let open = |at: &OwnedFd| openat(at, name, OFlags::DIRECTORY, Mode::empty()).unwrap();
    let top: OwnedFd = File::open(dir.path()).unwrap().into();
    let mut at = top.try_clone().unwrap();
    for _ in 0..levels {
        mkdirat(&at, name, Mode::RWXU).unwrap();
        at = open(&at);
        openat(&at, "f", OFlags::CREATE, Mode::RWXU).unwrap();
    }
    let report = counted(dir.path());
    assert_eq!((report.files, report.directories), (entered, entered + 2));
    let truncated = report.truncated.unwrap();
    assert!(truncated.contains(bound), "{truncated}");
    // Deeper than the standard library's recursive removal likes.
    for level in 0..levels {
        let at = open(&top);
        unlinkat(&at, "f", AtFlags::empty()).unwrap();
        if level + 1 < levels {
            renameat(&at, name, &top, "below").unwrap();
        }
        unlinkat(&top, name, AtFlags::REMOVEDIR).unwrap();
        let _last = renameat(&top, "below", &top, name);
    }
}

#[test]
fn a_root_that_is_not_a_directory_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    File::create(&file).unwrap();
    let kind = |path: &Path| {
        let templates = TemplatePatterns::default();
        let ignored = IgnoredDirectories::default();
        let options = ScanOptions::of_directory(&templates, &ignored, false);
        let result = count_directory_blocking(path, &options, |_, _| {});
        result.unwrap_err().io_source().map(io::Error::kind)
    };
    assert_eq!(kind(&file), Some(io::ErrorKind::NotADirectory));
    assert_eq!(kind(&dir.path().join("none")), Some(io::ErrorKind::NotFound));
}
