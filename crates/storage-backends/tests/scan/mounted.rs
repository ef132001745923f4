//! Trees that exist only as answers of a file system in this process: slow, broken, wide.

use std::fs::{self, File};
use std::path::Path;
use std::time::{Duration, Instant};

use storage_backends::scan::{self, ScanOptions, count_directory_blocking};
use storage_backends::tree::LocalTree;
use storage_backends::{OpContext, ScanProgress};
use storage_domain::{IgnoredDirectories, TemplatePatterns};
use tokio_util::sync::CancellationToken;

use crate::scan::fuse::{Mounted, Tree};
use crate::scan::{count, counted};
use crate::support::alone::is_root;

/// Mounts the tree, which takes root; see [`is_root`].
fn mounted(tree: Tree, at: &Path) -> Option<Mounted> {
    is_root().then(|| Mounted::new(tree, at, 40).unwrap())
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
    assert_eq!(
        report.skipped().map(ToString::to_string).as_deref(),
        Some("1 directory is another file system and was not entered (first: below)")
    );
}

#[test]
fn what_cannot_be_read_is_counted_and_named() {
    let dir = tempfile::tempdir().unwrap();
    let tree = Tree {
        broken_every: 10,
        ..TREE
    };
    let Some(_mounted) = mounted(tree, dir.path()) else {
        return;
    };
    let report = count(dir.path(), false);
    assert_eq!(report.errors, 36);
    assert_eq!(report.files, tree.total_files() - 36 * tree.files);
    assert_eq!(report.directories, tree.total_directories());
    let first_error = report.first_error.unwrap();
    assert!(first_error.starts_with("d00000"), "{first_error}");
    assert!(first_error.ends_with("/: I/O error"), "{first_error}");
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

#[tokio::test]
async fn cancelling_ends_a_count_of_slow_storage_soon() {
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
    let tree = LocalTree::open(dir.path(), false).unwrap();
    let templates = TemplatePatterns::default();
    let ignored = IgnoredDirectories::default();
    let options = ScanOptions::of_directory(&templates, &ignored, false);
    let (cancel, progress) = (CancellationToken::new(), ScanProgress::default());
    let cx = OpContext::within(Duration::from_mins(5)).with_cancel(cancel.clone());
    let stop = async {
        while progress.files() == 0 {
            tokio::task::yield_now().await;
        }
        cancel.cancel();
        Instant::now()
    };
    let (ended, cancelled_at) = tokio::join!(scan::count(&tree, &options, &cx, &progress), stop);
    assert!(ended.unwrap_err().is_cancelled());
    assert!(cancelled_at.elapsed() < Duration::from_secs(10));
}

#[test]
fn progress_grows_up_to_the_report() {
    let dir = tempfile::tempdir().unwrap();
    let tree = Tree {
        outer: 60,
        delay: Duration::from_millis(10),
        ..TREE
    };
    let Some(_mounted) = mounted(tree, dir.path()) else {
        return;
    };
    let mut seen = Vec::new();
    let templates = TemplatePatterns::default();
    let ignored = IgnoredDirectories::default();
    let options = ScanOptions::of_directory(&templates, &ignored, false);
    let report = count_directory_blocking(dir.path(), &options, |files, _| seen.push(files)).unwrap();
    assert_eq!(report.files, tree.total_files());
    assert!(seen.len() > 2 && seen.is_sorted(), "{seen:?}");
    assert!(
        seen.last().is_some_and(|last| (1..=report.files).contains(last)),
        "{seen:?}"
    );
}
