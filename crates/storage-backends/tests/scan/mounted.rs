//! Trees that exist only as answers of a file system in this process: slow, broken, wide.

use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use storage_backends::nfs::scan::{WalkOptions, walk};

use crate::scan::fuse::{Mounted, Tree};
use crate::scan::{count, counted};

/// Only root may mount; `make test` runs as root where it can.
fn mounted(tree: Tree, at: &Path) -> Option<Mounted> {
    match Mounted::new(tree, at, 40) {
        Ok(mounted) => Some(mounted),
        Err(error) if nix::unistd::geteuid().is_root() => panic!("mounting failed: {error}"),
        Err(_) => None,
    }
}

const TREE: Tree = Tree {
    outer: 12,
    inner: 30,
    files: 25,
    delay: Duration::ZERO,
    typed: true,
    broken_every: 0,
};

#[test]
fn file_systems_mounted_below_the_root_are_not_entered() {
    let dir = tempfile::tempdir().unwrap();
    let below = dir.path().join("below");
    fs::create_dir(&below).unwrap();
    File::create(dir.path().join("mine")).unwrap();
    let Some(_mounted) = mounted(TREE, &below) else {
        return;
    };
    let report = counted(dir.path());
    assert_eq!((report.files, report.directories), (1, 2));
}

#[test]
fn what_cannot_be_read_is_counted_and_told() {
    let dir = tempfile::tempdir().unwrap();
    let tree = Tree {
        broken_every: 10,
        ..TREE
    };
    let Some(_mounted) = mounted(tree, dir.path()) else {
        return;
    };
    let report = count(dir.path(), &WalkOptions::default());
    assert_eq!(report.errors, 36);
    assert_eq!(report.files, tree.total_files() - 36 * tree.files);
    assert_eq!(report.directories, tree.total_directories());
    let told = report.first_error.unwrap();
    assert!(told.starts_with("Reading d00000"), "{told}");
    assert!(
        told.ends_with(" failed: Input/output error (os error 5)"),
        "{told}"
    );
}

#[test]
fn entries_without_a_type_are_asked_for_theirs() {
    let dir = tempfile::tempdir().unwrap();
    let tree = Tree { typed: false, ..TREE };
    let Some(mounted) = mounted(tree, dir.path()) else {
        return;
    };
    let report = counted(dir.path());
    assert_eq!(
        (report.files, report.directories),
        (tree.total_files(), tree.total_directories())
    );
    assert_eq!(report.templates, report.files);
    assert!(mounted.operations() > tree.total_files());
}

#[test]
fn a_directory_wider_than_what_may_wait_is_read_in_parts() {
    let dir = tempfile::tempdir().unwrap();
    let tree = Tree {
        outer: 40_000,
        inner: 0,
        files: 0,
        ..TREE
    };
    let Some(_mounted) = mounted(tree, dir.path()) else {
        return;
    };
    assert_eq!(counted(dir.path()).directories, 40_001);
}

#[test]
fn cancelling_ends_a_walk_of_slow_storage_soon() {
    let dir = tempfile::tempdir().unwrap();
    let tree = Tree {
        outer: 1000,
        inner: 1000,
        files: 10,
        delay: Duration::from_millis(5),
        ..TREE
    };
    let Some(_mounted) = mounted(tree, dir.path()) else {
        return;
    };
    let (cancel, cancelled_at) = (AtomicBool::new(false), Mutex::new(None));
    let stop = |files: u64, _: u64| {
        if files > 0 && !cancel.swap(true, Ordering::Relaxed) {
            *cancelled_at.lock().unwrap() = Some(Instant::now());
        }
    };
    let error = walk(dir.path(), &WalkOptions::default(), &stop, &cancel).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::Interrupted);
    assert!(cancelled_at.lock().unwrap().unwrap().elapsed() < Duration::from_secs(1));
}

#[test]
fn progress_grows_and_ends_at_the_report() {
    let dir = tempfile::tempdir().unwrap();
    let tree = Tree {
        delay: Duration::from_millis(2),
        ..TREE
    };
    let Some(_mounted) = mounted(tree, dir.path()) else {
        return;
    };
    let (calls, last) = (AtomicU64::new(0), AtomicU64::new(0));
    let progress = |files, _| {
        calls.fetch_add(1, Ordering::Relaxed);
        last.store(files, Ordering::Relaxed);
    };
    let options = WalkOptions {
        threads: 2,
        ..WalkOptions::default()
    };
    let report = walk(dir.path(), &options, &progress, &AtomicBool::new(false)).unwrap();
    assert!(calls.into_inner() > 2);
    assert_eq!(
        (report.files, last.into_inner()),
        (tree.total_files(), tree.total_files())
    );
}
