//! What all threads have counted together.

use std::fmt;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use crate::scan::ScanReport;

/// How often progress is told, in milliseconds.
const PROGRESS_EVERY_MS: u64 = 100;

/// What one thread has counted since it last told.
#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) files: u64,
    pub(super) directories: u64,
    pub(super) templates: u64,
    pub(super) bytes: u64,
}

/// The sums of all threads.
pub(super) struct Tally<'a> {
    files: AtomicU64,
    directories: AtomicU64,
    templates: AtomicU64,
    bytes: AtomicU64,
    errors: AtomicU64,
    first_error: OnceLock<String>,
    truncated: OnceLock<String>,
    progress: &'a (dyn Fn(u64, u64) + Sync),
    begun: Instant,
    told_ms: AtomicU64,
}

impl fmt::Debug for Tally<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tally").finish_non_exhaustive()
    }
}

impl<'a> Tally<'a> {
    pub(super) fn new(progress: &'a (dyn Fn(u64, u64) + Sync)) -> Self {
        Self {
            files: AtomicU64::new(0),
            directories: AtomicU64::new(0),
            templates: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            errors: AtomicU64::new(0),
            first_error: OnceLock::new(),
            truncated: OnceLock::new(),
            progress,
            begun: Instant::now(),
            told_ms: AtomicU64::new(0),
        }
    }

    /// Adds what a thread has counted, and tells the progress where it is time.
    pub(super) fn add(&self, counts: &mut Counts, now: Instant) {
        let Counts {
            files,
            directories,
            templates,
            bytes,
        } = std::mem::take(counts);
        for (sum, part) in [
            (&self.files, files),
            (&self.directories, directories),
            (&self.templates, templates),
            (&self.bytes, bytes),
        ] {
            if part > 0 {
                sum.fetch_add(part, Ordering::Relaxed);
            }
        }
        self.tell(now);
    }

    fn tell(&self, now: Instant) {
        let ms = u64::try_from(now.saturating_duration_since(self.begun).as_millis()).unwrap_or(u64::MAX);
        let told = self.told_ms.load(Ordering::Relaxed);
        let due = ms.saturating_sub(told) >= PROGRESS_EVERY_MS;
        if due
            && self
                .told_ms
                .compare_exchange(told, ms, Ordering::Relaxed, Ordering::Relaxed)
                .is_ok()
        {
            (self.progress)(get(&self.files), get(&self.directories));
        }
    }

    /// Counts what could not be read. `what` makes the sentence of the first one.
    pub(super) fn fail(&self, what: impl FnOnce() -> String) {
        self.errors.fetch_add(1, Ordering::Relaxed);
        self.first_error.get_or_init(what);
    }

    /// Notes that not everything was seen, because of a bound.
    pub(super) fn cut(&self, bound: impl FnOnce() -> String) {
        self.truncated.get_or_init(bound);
    }

    pub(super) fn bytes(&self) -> u64 {
        get(&self.bytes)
    }

    pub(super) fn report(&self) -> ScanReport {
        ScanReport {
            files: get(&self.files),
            directories: get(&self.directories),
            templates: get(&self.templates),
            errors: get(&self.errors),
            first_error: self.first_error.get().cloned(),
            truncated: self.truncated.get().cloned(),
            ..ScanReport::default()
        }
    }
}

fn get(sum: &AtomicU64) -> u64 {
    sum.load(Ordering::Relaxed)
}
