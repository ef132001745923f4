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
    under_way: bool,
}

/// What is to be done.
pub(super) enum Due {
    /// This backend, with a turn for it.
    Now(BackendId, OwnedSemaphorePermit),
    /// Nothing before then.
    At(Instant),
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

    /// How a look, or a test that somebody asked for, ended.
    pub(super) fn note(&self, id: BackendId, passed: bool, doubted: bool) {
        let Some(interval) = self.interval else { return };
        let now = Instant::now();
        let mut known = self.known();
        let watched = known.entry(id).or_insert_with(|| Watched {
            due: now,
            failures: 0,
            scan_due: now + jittered(self.scan_interval, id, 1),
            under_way: false,
        });
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
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_up_to_five_minutes() {
        let minute = Duration::from_mins(1);
        let pauses: Vec<u64> = (0..6).map(|n| pause(minute, n).as_secs() / 60).collect();
        assert_eq!(pauses, [1, 1, 2, 4, 5, 5]);
        assert_eq!(pause(Duration::from_mins(30), 9), Duration::from_mins(30));
        assert_eq!(pause(Duration::from_secs(2), 9), Duration::from_secs(10));
    }

    #[test]
    fn a_thousand_backends_are_spread_and_taken_a_few_at_a_time() {
        let minute = Duration::from_mins(1);
        let tested: Vec<_> = (0..1000)
            .map(|_| (BackendId::generate(), BackendStatus::Online))
            .collect();
        let rounds = Rounds::new(Some(minute), minute);
        rounds.replace(&tested);
        let now = Instant::now();
        let early = rounds
            .known()
            .values()
            .filter(|w| w.due < now + minute / 2)
            .count();
        assert!((400..600).contains(&early), "{early} in the first half");
        for (id, _) in &tested {
            rounds.hurry(*id);
        }
        let mut taken = Vec::new();
        while let Due::Now(id, turn) = rounds.take() {
            taken.push((id, turn));
        }
        assert_eq!(taken.len(), WATCHED_AT_ONCE);
        let mut ids: Vec<_> = taken.iter().map(|(id, _)| *id).collect();
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), WATCHED_AT_ONCE, "none is taken twice");
    }

    #[test]
    fn a_first_failure_is_looked_at_again_soon() {
        let minute = Duration::from_mins(1);
        let rounds = Rounds::new(Some(minute), minute);
        let id = BackendId::generate();
        rounds.replace(&[(id, BackendStatus::Online)]);
        assert!(rounds.is_first_failure(id));
        rounds.note(id, false, true);
        assert!(!rounds.is_first_failure(id));
        let due = |rounds: &Rounds| rounds.known()[&id].due - Instant::now();
        assert!(due(&rounds) <= RECHECK * 11 / 10);
        rounds.note(id, true, false);
        assert!(rounds.is_first_failure(id) && due(&rounds) > minute / 2);
    }
}
