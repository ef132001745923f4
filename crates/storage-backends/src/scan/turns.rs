//! Turns of the counts that go over a network, so that none keeps the others waiting, whatever its server sends.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, sleep_until};

/// Counts that begin listings at once.
const AT_ONCE: usize = 4;
/// Time after which a count gives its turn up if others wait.
const LENGTH: Duration = Duration::from_secs(30);
/// Memory that all counts together may keep between their listings, in bytes.
const KEPT_BYTES: usize = 64 * 1024 * 1024;
/// Memory that one count may keep, in bytes: the paths of 10,000 directories of 400 bytes each.
const MAX_KEPT_BYTES: usize = 4 * 1024 * 1024;

/// Shares time and memory between counts. A few list at once; who waits is served in order.
#[derive(Debug)]
pub struct Turns {
    permits: Semaphore,
    length: Duration,
    /// Counts that have begun, the waiting ones included.
    begun: AtomicUsize,
}

impl Default for Turns {
    fn default() -> Self {
        Self::new(AT_ONCE, LENGTH)
    }
}

impl Turns {
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

/// The part of one count in the turns. A count that has its process for itself always has its turn.
#[derive(Debug)]
pub(super) struct Turn<'a> {
    turns: Option<&'a Turns>,
    permit: Option<SemaphorePermit<'a>>,
    end: Instant,
}

impl<'a> Turn<'a> {
    /// Waits for the first turn of a count.
    ///
    /// # Cancel safety
    /// Dropping the future ends the wait.
    pub(super) async fn begin(turns: Option<&'a Turns>) -> Self {
        let mut turn = Turn {
            turns: None,
            permit: None,
            end: Instant::now(),
        };
        if let Some(turns) = turns {
            turn.permit = turns.permits.acquire().await.ok();
            turn.end = Instant::now() + turns.length;
            turn.turns = Some(turns);
            turns.begun.fetch_add(1, Ordering::Relaxed);
        }
        turn
    }

    /// Returns whether listings may begin.
    pub(super) fn is_held(&self) -> bool {
        self.turns.is_none() || self.permit.is_some()
    }

    /// Waits for the next turn.
    ///
    /// # Cancel safety
    /// Dropping the future loses the place in the line.
    pub(super) async fn next(&mut self) {
        if let Some(turns) = self.turns {
            // The semaphore is never closed.
            self.permit = turns.permits.acquire().await.ok();
            self.end = Instant::now() + turns.length;
        }
    }

    /// Waits for a listing, and gives the turn up meanwhile if its time is over and others wait.
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
        if let Some(turns) = self.turns {
            // It is free only if nobody waits.
            self.permit = turns.permits.try_acquire().ok();
            self.end = Instant::now() + turns.length;
        }
    }

    /// Gives the turn to whoever waits.
    pub(super) fn end(&mut self) {
        self.permit = None;
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        if let Some(turns) = self.turns {
            turns.begun.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests;
