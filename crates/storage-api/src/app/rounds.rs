//! When which backend is looked at again.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use storage_domain::{BackendId, BackendStatus};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

/// How many backends are looked at at once: most of the turns of the tests stay for those who ask.
pub(super) const WATCHED_AT_ONCE: usize = 6;
/// The longest pause between two looks at a backend that fails, and how many intervals it may be at most.
const LONGEST_PAUSE: Duration = Duration::from_mins(5);
const MOST_INTERVALS: u32 = 5;
/// How soon one that failed for the first time is looked at again, at the latest, before it counts as failed.
pub(super) const RECHECK: Duration = Duration::from_secs(10);
/// Nothing is due: somebody wakes the watcher, or the next list does.
const FAR: Duration = Duration::from_hours(24);

/// One backend.
#[derive(Debug, Clone, Copy)]
struct Watched {
    due: Instant,
    /// How often it failed since it passed.
    failures: u32,
    scan_due: Instant,
    /// How many counts of its files in a row did not end well.
    lost_counts: u32,
    under_way: bool,
}

/// What is to be done.
pub(super) enum Due {
    /// This backend, with a turn for it.
    Now(BackendId, OwnedSemaphorePermit),
    /// Nothing before then.
    At(Instant),
}

/// How a count of a backend's files ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Count {
    /// Everything was counted.
    Whole,
    /// Something could not be read.
    Partial,
    /// The database did not take it.
    NotStored,
    /// A change or a delete was to come first, and may have failed.
    BrokenOff,
}

/// When which backend is looked at again.
#[derive(Debug)]
pub(super) struct Rounds {
    interval: Option<Duration>,
    scan_interval: Duration,
    known: Mutex<HashMap<BackendId, Watched>>,
    turns: Arc<Semaphore>,
    wake: Notify,
}

impl Rounds {
    pub(super) fn new(interval: Option<Duration>, scan_interval: Duration) -> Self {
        Self {
            interval,
            scan_interval,
            known: Mutex::default(),
            turns: Arc::new(Semaphore::new(WATCHED_AT_ONCE)),
            wake: Notify::new(),
        }
    }

    pub(super) fn interval(&self) -> Duration {
        self.interval.unwrap_or(FAR)
    }

    pub(super) async fn woken(&self) {
        self.wake.notified().await;
    }

    pub(super) fn wake(&self) {
        self.wake.notify_one();
    }

    /// Watches exactly these from now on; those that are new get their places all over the interval.
    pub(super) fn replace(&self, tested: &[(BackendId, BackendStatus)]) {
        let mut known = self.known();
        let now = Instant::now();
        let mut next: HashMap<BackendId, Watched> = HashMap::with_capacity(tested.len());
        for (id, status) in tested {
            let watched = known.get(id).copied().unwrap_or_else(|| Watched {
                due: now + share(self.interval(), *id, 0),
                failures: u32::from(*status == BackendStatus::Error),
                scan_due: now + jittered(self.scan_interval, *id, 0),
                lost_counts: 0,
                under_way: false,
            });
            next.insert(*id, watched);
        }
        *known = next;
    }

    /// What is due first, where there is a turn for it.
    pub(super) fn take(&self) -> Due {
        let mut known = self.known();
        let now = Instant::now();
        let waiting = known.iter_mut().filter(|(_, watched)| !watched.under_way);
        let Some((id, first)) = waiting.min_by_key(|(_, watched)| watched.due) else {
            return Due::At(now + FAR);
        };
        if first.due > now {
            return Due::At(first.due);
        }
        match Arc::clone(&self.turns).try_acquire_owned() {
            Ok(turn) => {
                first.under_way = true;
                Due::Now(*id, turn)
            }
            // The end of another one wakes the watcher.
            Err(_) => Due::At(now + FAR),
        }
    }

    /// Whether a failure is the first since the backend passed: it may be a hiccup.
    pub(super) fn is_first_failure(&self, id: BackendId) -> bool {
        self.known().get(&id).is_none_or(|watched| watched.failures == 0)
    }

    /// Whether the files are to be counted again.
    pub(super) fn scan_is_due(&self, id: BackendId) -> bool {
        self.known()
            .get(&id)
            .is_some_and(|watched| watched.scan_due <= Instant::now())
    }

    /// The files are being counted.
    pub(super) fn note_scan(&self, id: BackendId) {
        let interval = self.scan_interval;
        if let Some(watched) = self.known().get_mut(&id) {
            watched.scan_due = Instant::now() + jittered(interval, id, 1);
        }
    }

    /// How a count of the files ended. One that was lost is made again with a look soon, and later each time.
    pub(super) fn note_counted(&self, id: BackendId, count: Count) {
        let Some(interval) = self.interval else { return };
        let mut known = self.known();
        let watched = self.entry(&mut known, id);
        watched.lost_counts = match count {
            Count::Whole => 0,
            Count::Partial | Count::NotStored => watched.lost_counts.saturating_add(1),
            Count::BrokenOff => watched.lost_counts,
        };
        let again = match count {
            Count::Whole => return,
            // A server that was away for a minute must not cost an hour's wrong count; a directory that is closed
            // for ever is no reason to count all day.
            Count::Partial => {
                let pause = interval.saturating_mul(1 << (watched.lost_counts - 1).min(16));
                pause.min(self.scan_interval)
            }
            Count::NotStored => pause(interval, watched.lost_counts),
            Count::BrokenOff => interval,
        };
        watched.scan_due = Instant::now() + jittered(again, id, 3);
    }

    /// How a look, or a test that somebody asked for, ended.
    pub(super) fn note(&self, id: BackendId, passed: bool, doubted: bool) {
        let Some(interval) = self.interval else { return };
        let now = Instant::now();
        let mut known = self.known();
        let watched = self.entry(&mut known, id);
        watched.under_way = false;
        watched.failures = if passed {
            0
        } else {
            watched.failures.saturating_add(1)
        };
        let pause = if doubted {
            RECHECK.min(interval / 4)
        } else {
            pause(interval, watched.failures)
        };
        watched.due = now + jittered(pause, id, watched.failures);
        drop(known);
        self.wake();
    }

    /// Could not be looked at now.
    pub(super) fn put_off(&self, id: BackendId) {
        let interval = self.interval();
        if let Some(watched) = self.known().get_mut(&id) {
            watched.under_way = false;
            watched.due = Instant::now() + jittered(interval, id, 2);
        }
    }

    /// Is to be looked at as soon as can be.
    pub(super) fn hurry(&self, id: BackendId) {
        if let Some(watched) = self.known().get_mut(&id) {
            watched.due = Instant::now();
        }
        self.wake();
    }

    /// Is not watched any more, until it is listed again.
    pub(super) fn forget(&self, id: BackendId) {
        self.known().remove(&id);
    }

    /// What is known of a backend; one that is new is due after an interval.
    fn entry<'a>(&self, known: &'a mut HashMap<BackendId, Watched>, id: BackendId) -> &'a mut Watched {
        known.entry(id).or_insert_with(|| Watched {
            due: Instant::now() + self.interval(),
            failures: 0,
            scan_due: Instant::now() + jittered(self.scan_interval, id, 1),
            lost_counts: 0,
            under_way: false,
        })
    }

    fn known(&self) -> MutexGuard<'_, HashMap<BackendId, Watched>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How long to wait after so many failures in a row: twice as long after each.
fn pause(interval: Duration, failures: u32) -> Duration {
    let longest = LONGEST_PAUSE.min(interval * MOST_INTERVALS).max(interval);
    let doublings = failures.saturating_sub(1).min(16);
    interval.saturating_mul(1 << doublings).min(longest)
}

/// A time a little shorter or longer than this one, so that not everything happens at once.
fn jittered(time: Duration, id: BackendId, salt: u32) -> Duration {
    time * 9 / 10 + share(time / 5, id, salt)
}

/// A part of a time, by a backend's id.
fn share(time: Duration, id: BackendId, salt: u32) -> Duration {
    let mut hasher = DefaultHasher::new();
    (id, salt).hash(&mut hasher);
    let thousandths = u32::try_from(hasher.finish() % 1000).unwrap_or_default();
    time * thousandths / 1000
}

#[cfg(test)]
mod tests;
