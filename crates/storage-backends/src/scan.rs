//! Counting files, whatever the kind of storage.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use storage_domain::ByteCount;

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
    /// The files' sizes added up, where the scan was asked for it or the listing told them.
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
