//! Counts the files of a directory tree.

use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use storage_domain::{ByteCount, TemplatePatterns};

use crate::scan::ScanReport;

/// How a tree is walked.
#[derive(Debug, Clone)]
pub struct WalkOptions {
    /// Which files are boot or install images.
    pub templates: TemplatePatterns,
    /// Whether the files' sizes are added up, which costs a stat a file.
    pub bytes: bool,
    /// How many directories are read at once, at the most.
    pub threads: usize,
}

impl WalkOptions {
    /// How many directories are read at once where nothing else is said.
    pub const DEFAULT_THREADS: usize = 32;
}

impl Default for WalkOptions {
    fn default() -> Self {
        Self {
            templates: TemplatePatterns::default(),
            bytes: false,
            threads: Self::DEFAULT_THREADS,
        }
    }
}

/// Counts the tree below `root`. `progress` is told the files and directories so far, from any thread; `cancel` ends
/// the walk soon.
///
/// # Errors
/// The root can't be read; [`io::ErrorKind::Interrupted`] where the walk was cancelled. What can't be read below the
/// root is counted in [`ScanReport::errors`].
pub fn walk(
    root: &Path,
    options: &WalkOptions,
    progress: &(dyn Fn(u64, u64) + Sync),
    cancel: &AtomicBool,
) -> io::Result<ScanReport> {
    let begun = Instant::now();
    let mut report = ScanReport::default();
    let mut bytes = 0;
    for entry in walkdir::WalkDir::new(root).same_file_system(true) {
        if cancel.load(Ordering::Relaxed) {
            return Err(io::Error::new(
                io::ErrorKind::Interrupted,
                "the scan was cancelled",
            ));
        }
        let Ok(entry) = entry else {
            report.errors += 1;
            continue;
        };
        if entry.file_type().is_dir() {
            report.directories += 1;
        } else if entry.file_type().is_file() {
            report.files += 1;
            report.templates += u64::from(options.templates.matches(entry.file_name().as_encoded_bytes()));
            bytes += entry.metadata().map_or(0, |m| m.len());
        }
    }
    progress(report.files, report.directories);
    report.bytes = options.bytes.then(|| ByteCount::saturating(bytes));
    report.duration = begun.elapsed();
    Ok(report)
}
