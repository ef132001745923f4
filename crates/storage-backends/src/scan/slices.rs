//! Time slices of the counts that go over a network, so that none keeps the others waiting, whatever its server sends.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, sleep_until};

/// Counts that begin listings at once.
const AT_ONCE: usize = 4;
/// Time after which a count gives its slice up if others wait.
const LENGTH: Duration = Duration::from_secs(30);
/// Memory that all counts together may keep between their listings, in bytes.
const KEPT_BYTES: usize = 64 * 1024 * 1024;
/// Memory that one count may keep, in bytes: the paths of 10,000 directories of 400 bytes each.
const MAX_KEPT_BYTES: usize = 4 * 1024 * 1024;

/// Shares time and memory between counts: a few list at once, and the others wait in order.
#[derive(Debug)]
pub struct TimeSlices {
    permits: Semaphore,
    length: Duration,
    /// Counts that have begun, the waiting ones included.
    begun: AtomicUsize,
}

impl Default for TimeSlices {
    fn default() -> Self {
        Self::new(AT_ONCE, LENGTH)
    }
}

impl TimeSlices {
    pub(super) const fn new(at_once: usize, length: Duration) -> Self {
        Self {
            permits: Semaphore::const_new(at_once),
            length,
            begun: AtomicUsize::new(0),
        }
    }

    /// Returns how much a count may keep between its listings, in bytes: the same for all that have begun.
    pub(super) fn kept_bytes(&self) -> usize {
        (KEPT_BYTES / self.begun.load(Ordering::Relaxed).max(1)).min(MAX_KEPT_BYTES)
    }
}

/// The time slice of one count. A count that runs in a process of its own always holds one.
#[derive(Debug)]
pub(super) struct TimeSlice<'a> {
    slices: Option<&'a TimeSlices>,
    permit: Option<SemaphorePermit<'a>>,
    end: Instant,
}

impl<'a> TimeSlice<'a> {
    /// Waits for the first slice of a count.
    ///
    /// # Cancel safety
    /// Dropping the future ends the wait.
    pub(super) async fn begin(slices: Option<&'a TimeSlices>) -> Self {
        let mut slice = TimeSlice {
            slices: None,
            permit: None,
            end: Instant::now(),
        };
        if let Some(slices) = slices {
            slice.permit = slices.permits.acquire().await.ok();
            slice.end = Instant::now() + slices.length;
            slice.slices = Some(slices);
            slices.begun.fetch_add(1, Ordering::Relaxed);
        }
        slice
    }

    /// Returns whether listings may begin.
    pub(super) fn is_held(&self) -> bool {
        self.slices.is_none() || self.permit.is_some()
    }

    /// Waits for the next slice.
    ///
    /// # Cancel safety
    /// Dropping the future loses the place in the line.
    pub(super) async fn next(&mut self) {
        if let Some(slices) = self.slices {
            // The semaphore is never closed.
            self.permit = slices.permits.acquire().await.ok();
            self.end = Instant::now() + slices.length;
        }
    }

    /// Waits for a listing, and gives the slice up meanwhile if its time is over and others wait.
    ///
    /// # Cancel safety
    /// Dropping the future drops the listing.
    pub(super) async fn during<T>(&mut self, mut listing: impl Future<Output = T> + Unpin) -> T {
        loop {
            tokio::select! {
                listed = &mut listing => return listed,
                () = sleep_until(self.end), if self.permit.is_some() => self.pass_on(),
            }
        }
    }

    fn pass_on(&mut self) {
        self.end();
        if let Some(slices) = self.slices {
            // It is free only if nobody waits.
            self.permit = slices.permits.try_acquire().ok();
            self.end = Instant::now() + slices.length;
        }
    }

    /// Gives the slice to the next count that waits.
    pub(super) fn end(&mut self) {
        self.permit = None;
    }
}

impl Drop for TimeSlice<'_> {
    fn drop(&mut self) {
        if let Some(slices) = self.slices {
            slices.begun.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests;
