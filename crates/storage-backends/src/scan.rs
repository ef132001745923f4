//! Counting files, whatever the kind of storage.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use storage_domain::{ByteCount, TemplatePatterns};

mod counter;
mod local;

pub use counter::count;
pub use local::{count_directory, count_directory_blocking};

/// Says what is counted, and within which bounds.
#[derive(Debug, Clone)]
pub struct ScanOptions<'a> {
    /// Which files are boot or install images.
    pub templates: &'a TemplatePatterns,
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

/// What a scan counted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScanReport {
    /// Regular files.
    pub files: u64,
    /// Directories, the root included.
    pub directories: u64,
    /// Files that are boot or install images by their names.
    pub templates: u64,
    /// The files' sizes added up, if the scan was asked for it or the listing gave them.
    pub bytes: Option<ByteCount>,
    /// Directories and files that could not be read.
    pub errors: u64,
    /// The first thing that could not be read, in plain words.
    pub first_error: Option<String>,
    /// Why the scan ended before it had seen everything: a bound that it names.
    pub truncated: Option<String>,
    /// How long the scan took.
    pub duration: Duration,
}

impl ScanReport {
    /// Drops the sum of bytes if something was not seen: a sum with gaps would look like a size.
    #[must_use]
    pub fn without_partial_bytes(mut self) -> Self {
        self.bytes = self
            .bytes
            .filter(|_| self.errors == 0 && self.truncated.is_none());
        self
    }
}
