//! Counts of real trees, and of trees that exist only as answers of a file system in this process.

mod local;
mod mounted;

use std::path::Path;

use storage_backends::ScanReport;
use storage_backends::scan::{ScanOptions, count_directory_blocking};
use storage_domain::{IgnoredDirectories, TemplatePatterns};

use crate::support::fuse;

fn count(root: &Path, bytes: bool) -> ScanReport {
    let templates = TemplatePatterns::default();
    let ignored = IgnoredDirectories::default();
    let options = ScanOptions::of_directory(&templates, &ignored, bytes);
    count_directory_blocking(root, &options, |_, _| {}).unwrap()
}

fn counted(root: &Path) -> ScanReport {
    let report = count(root, false);
    assert_eq!(report.errors, 0, "{:?}", report.first_error);
    report
}
