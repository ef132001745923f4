//! When which backend is checked again.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use storage_domain::{BackendId, BackendStatus};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

/// How many checks run at once: most of the permits stay for the tests of clients.
pub(super) const CHECKS_AT_ONCE: usize = 6;
/// The longest pause between two checks of a backend that fails, and how many intervals it may be at most.
const LONGEST_PAUSE: Duration = Duration::from_mins(5);
const MOST_INTERVALS: u32 = 5;
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
    count_due: Instant,
    /// How many counts of its files in a row did not end well.
    lost_counts: u32,
    is_under_way: bool,
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
    wake: Notify,
}

/// The permit of one scheduled check. Dropped without a result, it puts the check off for an interval.
#[derive(Debug)]
pub(super) struct CheckPermit {
    id: BackendId,
    shared: Arc<Shared>,
    permit: Option<OwnedSemaphorePermit>,
}

impl Drop for CheckPermit {
    fn drop(&mut self) {
        if let Some(entry) = self.shared.entries().get_mut(&self.id) {
            entry.is_under_way = false;
        }
        drop(self.permit.take());
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

    /// Checks exactly these from now on; new ones are spread over the interval.
    pub(super) fn replace(&self, tested: &[(BackendId, BackendStatus)]) {
        let mut entries = self.entries();
        let now = Instant::now();
        let mut next: HashMap<BackendId, Entry> = HashMap::with_capacity(tested.len());
        for (id, status) in tested {
            let entry = entries.get(id).copied().unwrap_or_else(|| Entry {
                due: now + share(self.interval(), *id, 0),
                failures: u32::from(*status == BackendStatus::Error),
                count_due: now + jittered(self.count_interval, *id, 0),
                lost_counts: 0,
                is_under_way: false,
            });
            next.insert(*id, entry);
        }
        *entries = next;
    }

    /// Takes the first check that is due, if there is a permit for it.
    pub(super) fn take(&self) -> Due {
        let mut entries = self.entries();
        let now = Instant::now();
        let waiting = entries.iter_mut().filter(|(_, entry)| !entry.is_under_way);
        let Some((id, first)) = waiting.min_by_key(|(_, entry)| entry.due) else {
            return Due::At(now + FAR);
        };
        if first.due > now {
            return Due::At(first.due);
        }
        let Ok(permit) = Arc::clone(&self.shared.permits).try_acquire_owned() else {
            // The end of another check wakes the monitor.
            return Due::At(now + FAR);
        };
        first.is_under_way = true;
        first.due = now + jittered(self.interval(), *id, 2);
        let permit = CheckPermit {
            id: *id,
            shared: Arc::clone(&self.shared),
            permit: Some(permit),
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

    /// Notes how a check, or a test that a client asked for, ended; `is_soft` if it is to be repeated before it counts.
    pub(super) fn tested(&self, id: BackendId, passed: bool, is_soft: bool) {
        let Some(interval) = self.interval else { return };
        let mut entries = self.entries();
        let entry = self.entry(&mut entries, id);
        entry.failures = if passed {
            0
        } else {
            entry.failures.saturating_add(1)
        };
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

    /// Returns the entry of a backend; a new one is due after an interval.
    fn entry<'a>(&self, entries: &'a mut HashMap<BackendId, Entry>, id: BackendId) -> &'a mut Entry {
        entries.entry(id).or_insert_with(|| Entry {
            due: Instant::now() + self.interval(),
            failures: 0,
            count_due: Instant::now() + jittered(self.count_interval, id, 1),
            lost_counts: 0,
            is_under_way: false,
        })
    }

    fn entries(&self) -> MutexGuard<'_, HashMap<BackendId, Entry>> {
        self.shared.entries()
    }
}

/// Returns how long to wait after so many failures in a row: twice as long after each.
fn pause(interval: Duration, failures: u32) -> Duration {
    let longest = LONGEST_PAUSE.min(interval * MOST_INTERVALS).max(interval);
    let doublings = failures.saturating_sub(1).min(16);
    interval.saturating_mul(1 << doublings).min(longest)
}

/// Returns a time a little shorter or longer than this one, so that not everything happens at once.
fn jittered(time: Duration, id: BackendId, salt: u32) -> Duration {
    time * 9 / 10 + share(time / 5, id, salt)
}

/// Returns a part of a time, by a backend's id.
fn share(time: Duration, id: BackendId, salt: u32) -> Duration {
    let mut hasher = DefaultHasher::new();
    (id, salt).hash(&mut hasher);
    let thousandths = u32::try_from(hasher.finish() % 1000).unwrap_or_default();
    time * thousandths / 1000
}

#[cfg(test)]
mod tests;
