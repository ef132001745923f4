//! When which backend is checked again.

mod timing;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use storage_domain::{BackendId, BackendStatus};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use self::timing::{hash, jittered, pause, share};

/// How many checks run at once: most of the permits stay for the tests of clients.
pub(super) const CHECKS_AT_ONCE: usize = 6;
/// How many of them are of backends that fail. Each may wait for a silent server until its deadline, and the checks of
/// the others must not wait for that.
pub(super) const FAILING_AT_ONCE: usize = 3;
/// How soon a backend that failed for the first time is checked again, at the latest, before that counts.
pub(super) const RECHECK: Duration = Duration::from_secs(10);
/// The pause if nothing is due: the next list, or the end of a check, wakes the monitor.
const FAR: Duration = Duration::from_hours(24);

/// A backend that is checked.
#[derive(Debug, Clone, Copy)]
struct Entry {
    due: Instant,
    /// How often it failed since it passed.
    failures: u32,
    /// Whether its failure counts.
    is_failing: bool,
    /// Its server, as a hash; `None` until its first test.
    server: Option<u64>,
    count_due: Instant,
    /// How many counts of its files in a row did not end well.
    lost_counts: u32,
    is_under_way: bool,
    /// When a test or a count was noted last; the time of the list if none was.
    noted: Instant,
}

impl Entry {
    fn new(noted: Instant, due: Instant, count_due: Instant, is_failing: bool) -> Self {
        Self {
            noted,
            due,
            failures: u32::from(is_failing),
            is_failing,
            server: None,
            count_due,
            lost_counts: 0,
            is_under_way: false,
        }
    }

    /// Returns the server, if it failed its last check and its next one is not answered yet.
    fn failing_server_asked(&self) -> Option<u64> {
        self.server.filter(|_| self.is_failing && self.is_under_way)
    }
}

/// What is to be done.
pub(super) enum Due {
    /// The check of this backend.
    Now(BackendId, CheckPermit),
    /// Nothing before then.
    At(Instant),
}

/// How a count of a backend's files ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CountResult {
    /// Everything was counted.
    Complete,
    /// Something could not be read.
    Partial,
    /// The database did not take it.
    NotStored,
    /// A change or a delete was to come first, and may have failed.
    BrokenOff,
}

/// When which backend is checked again.
#[derive(Debug)]
pub(super) struct Schedule {
    interval: Option<Duration>,
    count_interval: Duration,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    entries: Mutex<HashMap<BackendId, Entry>>,
    permits: Arc<Semaphore>,
    failing: Arc<Semaphore>,
    wake: Notify,
}

/// The permit of one scheduled check. Dropped without a result, it puts the check off for an interval.
pub(crate) struct CheckPermit {
    id: BackendId,
    shared: Arc<Shared>,
    permit: Option<OwnedSemaphorePermit>,
    /// That of a backend that fails.
    failing: Option<OwnedSemaphorePermit>,
}

impl CheckPermit {
    /// Whether the backend passed its last check, so that permits are reserved for it.
    pub(super) fn may_use_reserve(&self) -> bool {
        self.failing.is_none()
    }
}

impl Drop for CheckPermit {
    fn drop(&mut self) {
        if let Some(entry) = self.shared.entries().get_mut(&self.id) {
            entry.is_under_way = false;
        }
        drop((self.permit.take(), self.failing.take()));
        self.shared.wake.notify_one();
    }
}

impl Shared {
    fn entries(&self) -> MutexGuard<'_, HashMap<BackendId, Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Schedule {
    pub(super) fn new(interval: Option<Duration>, count_interval: Duration) -> Self {
        Self {
            interval,
            count_interval,
            shared: Arc::new(Shared {
                entries: Mutex::default(),
                permits: Arc::new(Semaphore::new(CHECKS_AT_ONCE)),
                failing: Arc::new(Semaphore::new(FAILING_AT_ONCE)),
                wake: Notify::new(),
            }),
        }
    }

    pub(super) fn interval(&self) -> Duration {
        self.interval.unwrap_or(FAR)
    }

    pub(super) async fn woken(&self) {
        self.shared.wake.notified().await;
    }

    /// Checks these from now on, and those whose test ended since the list began, which may lack them; new ones are spread
    /// over the interval.
    pub(super) fn replace(&self, tested: &[(BackendId, BackendStatus)], begun: Instant) {
        let mut entries = self.entries();
        let now = Instant::now();
        let mut before = std::mem::take(&mut *entries);
        for (id, status) in tested {
            let entry = before.remove(id).unwrap_or_else(|| {
                let due = now + share(self.interval(), *id, 0);
                let count_due = now + jittered(self.count_interval, *id, 0);
                Entry::new(begun, due, count_due, *status == BackendStatus::Error)
            });
            entries.insert(*id, entry);
        }
        entries.extend(before.into_iter().filter(|(_, entry)| entry.noted >= begun));
    }

    /// Takes the first check that is due, if there is a permit for it.
    pub(super) fn take(&self) -> Due {
        let mut entries = self.entries();
        let now = Instant::now();
        // The end of a check wakes the monitor, so what waits for one is not considered.
        let Ok(permit) = Arc::clone(&self.shared.permits).try_acquire_owned() else {
            return Due::At(now + FAR);
        };
        let failing = Arc::clone(&self.shared.failing).try_acquire_owned().ok();
        let asked: Vec<u64> = entries.values().filter_map(Entry::failing_server_asked).collect();
        let may_begin = |entry: &Entry| {
            let is_asked = entry.server.is_some_and(|server| asked.contains(&server));
            !entry.is_under_way && (!entry.is_failing || (failing.is_some() && !is_asked))
        };
        let waiting = entries.iter_mut().filter(|(_, entry)| may_begin(entry));
        let Some((id, first)) = waiting.min_by_key(|(_, entry)| entry.due) else {
            return Due::At(now + FAR);
        };
        if first.due > now {
            return Due::At(first.due);
        }
        first.is_under_way = true;
        first.due = now + jittered(self.interval(), *id, 2);
        let permit = CheckPermit {
            id: *id,
            shared: Arc::clone(&self.shared),
            permit: Some(permit),
            failing: failing.filter(|_| first.is_failing),
        };
        Due::Now(*id, permit)
    }

    /// Whether a failure is the first since the backend passed: it may be a hiccup.
    pub(super) fn is_first_failure(&self, id: BackendId) -> bool {
        self.entries().get(&id).is_none_or(|entry| entry.failures == 0)
    }

    /// Whether the files are to be counted again.
    pub(super) fn count_is_due(&self, id: BackendId) -> bool {
        let entries = self.entries();
        entries
            .get(&id)
            .is_some_and(|entry| entry.count_due <= Instant::now())
    }

    /// Notes that the files are being counted.
    pub(super) fn count_begun(&self, id: BackendId) {
        if let Some(entry) = self.entries().get_mut(&id) {
            entry.count_due = Instant::now() + jittered(self.count_interval, id, 1);
        }
    }

    /// Notes how a count ended. One that was lost is repeated with a check soon, and later each time.
    pub(super) fn counted(&self, id: BackendId, result: CountResult) {
        let Some(interval) = self.interval else { return };
        let mut entries = self.entries();
        let entry = self.entry(&mut entries, id);
        entry.lost_counts = match result {
            CountResult::Complete => 0,
            CountResult::Partial | CountResult::NotStored => entry.lost_counts.saturating_add(1),
            CountResult::BrokenOff => entry.lost_counts,
        };
        let again = match result {
            CountResult::Complete => return,
            // A server that was away for a minute must not cost an hour's wrong count; a directory that is always
            // closed is no reason to count all day.
            CountResult::Partial => {
                let pause = interval.saturating_mul(1 << (entry.lost_counts - 1).min(16));
                pause.min(self.count_interval)
            }
            CountResult::NotStored => pause(interval, entry.lost_counts),
            CountResult::BrokenOff => interval,
        };
        entry.count_due = Instant::now() + jittered(again, id, 3);
    }

    /// Notes how a check, or a test that a client asked for, of a backend on `server` ended; `is_soft` if it is to be
    /// repeated before it counts.
    pub(super) fn tested(&self, id: BackendId, server: &str, passed: bool, is_soft: bool) {
        let Some(interval) = self.interval else { return };
        let mut entries = self.entries();
        let entry = self.entry(&mut entries, id);
        entry.failures = if passed {
            0
        } else {
            entry.failures.saturating_add(1)
        };
        entry.is_failing = !passed && !is_soft;
        entry.server = Some(hash(server));
        let pause = if is_soft {
            RECHECK.min(interval / 4)
        } else {
            pause(interval, entry.failures)
        };
        entry.due = Instant::now() + jittered(pause, id, entry.failures);
        drop(entries);
        self.shared.wake.notify_one();
    }

    /// Makes a backend due at once.
    pub(super) fn hurry(&self, id: BackendId) {
        if let Some(entry) = self.entries().get_mut(&id) {
            entry.due = Instant::now();
        }
        self.shared.wake.notify_one();
    }

    /// Stops checking a backend until it is listed again.
    pub(super) fn forget(&self, id: BackendId) {
        self.entries().remove(&id);
    }

    /// Returns the entry of a backend, to note something; a new one is due after an interval.
    fn entry<'a>(&self, entries: &'a mut HashMap<BackendId, Entry>, id: BackendId) -> &'a mut Entry {
        let now = Instant::now();
        let entry = entries.entry(id).or_insert_with(|| {
            let count_due = now + jittered(self.count_interval, id, 1);
            Entry::new(now, now + self.interval(), count_due, false)
        });
        entry.noted = now;
        entry
    }

    fn entries(&self) -> MutexGuard<'_, HashMap<BackendId, Entry>> {
        self.shared.entries()
    }
}

#[cfg(test)]
mod tests;
