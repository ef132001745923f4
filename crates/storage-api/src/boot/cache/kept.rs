//! A file that is kept.

use std::fs::File;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use uuid::Uuid;

use super::disk::{Disk, Meta};
use super::verify::Proof;

/// Milliseconds between two notes of a use on disk.
const USE_PRECISION: u64 = 60_000;

/// A file that is kept.
#[derive(Debug)]
pub(super) struct Kept {
    pub(super) name: Uuid,
    pub(super) meta: Meta,
    pub(super) is_pinned: AtomicBool,
    pub(super) proof: Proof,
    /// When it was used last, and when that was noted, in milliseconds of the Unix time.
    used: AtomicU64,
    noted: AtomicU64,
}

impl Kept {
    pub(super) fn new(name: Uuid, meta: Meta, is_pinned: bool, used: SystemTime, is_unproven: bool) -> Self {
        let used = millis_of(used);
        Self {
            name,
            meta,
            is_pinned: AtomicBool::new(is_pinned),
            proof: Proof::new(is_unproven),
            used: AtomicU64::new(used),
            noted: AtomicU64::new(used),
        }
    }

    /// Returns when it was used last, for comparison.
    pub(super) fn used(&self) -> u64 {
        self.used.load(Ordering::Relaxed)
    }

    /// Opens its bytes, and notes the use.
    pub(super) fn open(&self, disk: &Disk) -> io::Result<File> {
        let file = disk.read(self.name, self.meta.size())?;
        let now = millis_of(SystemTime::now());
        self.used.store(now, Ordering::Relaxed);
        if now.saturating_sub(self.noted.load(Ordering::Relaxed)) >= USE_PRECISION {
            self.noted.store(now, Ordering::Relaxed);
            disk.touch(self.name);
        }
        Ok(file)
    }
}

fn millis_of(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
