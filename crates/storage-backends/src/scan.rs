//! Counting files, whatever the kind of storage.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use storage_domain::{ByteCount, IgnoredDirectories, Incomplete, Skipped, TemplatePatterns};

mod counter;
mod local;
mod slices;
mod summary;

pub use counter::count;
pub use local::{count_directory, count_directory_blocking};
pub use slices::TimeSlices;

/// Says what is counted, and within which bounds.
#[derive(Debug, Clone)]
pub struct ScanOptions<'a> {
    /// Which files are boot or install images.
    pub templates: &'a TemplatePatterns,
    /// Which directories are not counted.
    pub ignored: &'a IgnoredDirectories,
    /// Whether the files' sizes are added up.
    pub bytes: bool,
    /// Listings under way at once.
    pub parallel: usize,
    /// Listings in total.
    pub listings: usize,
    /// Levels of directories below the root that are entered.
    pub depth: usize,
    /// Files that are asked for their sizes, one by one, if the listing has none.
    pub size_requests: usize,
    /// What is shared with other counts of this process; `None` if a count has its process for itself.
    pub slices: Option<&'a TimeSlices>,
}

/// What a scan has counted so far. Shared between the scan and whoever watches it.
#[derive(Debug, Default)]
pub struct ScanProgress {
    files: AtomicU64,
    directories: AtomicU64,
}

impl ScanProgress {
    /// Regular files so far.
    pub fn files(&self) -> u64 {
        self.files.load(Ordering::Relaxed)
    }

    /// Directories so far.
    pub fn directories(&self) -> u64 {
        self.directories.load(Ordering::Relaxed)
    }

    /// Sets both counts.
    pub fn set(&self, files: u64, directories: u64) {
        self.files.store(files, Ordering::Relaxed);
        self.directories.store(directories, Ordering::Relaxed);
    }
}

/// What a scan counted; displayed as a sentence.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScanReport {
    /// Regular files.
    pub files: u64,
    /// Directories, the root included.
    pub directories: u64,
    /// Files that are boot or install images by their names.
    pub templates: u64,
    /// The files' sizes added up, if the scan was asked for it; a lower bound if some are not known.
    pub bytes: Option<ByteCount>,
    /// Directories and files that could not be read.
    pub errors: u64,
    /// The first thing that could not be read, with its cause: `private/: 401`.
    pub first_error: Option<String>,
    /// What was left out on purpose.
    #[serde(default)]
    pub skipped: Skipped,
    /// Why the scan ended before it had seen everything: a bound that it names.
    pub truncated: Option<String>,
    /// How long the scan took.
    pub duration: Duration,
}

impl ScanReport {
    /// Returns what the count could not read; `None` if it is complete.
    pub fn incomplete(&self) -> Option<Incomplete> {
        let first = self.first_error.as_ref().or(self.truncated.as_ref())?.clone();
        let errors = self.errors + u64::from(self.truncated.is_some());
        Some(Incomplete { errors, first })
    }

    /// Returns what was left out on purpose; `None` if nothing was.
    pub fn skipped(&self) -> Option<&Skipped> {
        Some(&self.skipped).filter(|skipped| !skipped.is_empty())
    }
}
