//! Walks of real trees, and of trees that exist only as answers of a file system in this process.

mod local;
mod mounted;

use std::path::Path;
use std::sync::atomic::AtomicBool;

use storage_backends::ScanReport;
use storage_backends::nfs::scan::{WalkOptions, walk};

use crate::support::fuse;

fn count(root: &Path, options: &WalkOptions) -> ScanReport {
    walk(root, options, &|_, _| {}, &AtomicBool::new(false)).unwrap()
}

fn counted(root: &Path) -> ScanReport {
    let report = count(root, &WalkOptions::default());
    assert_eq!(report.errors, 0, "{:?}", report.first_error);
    report
}
