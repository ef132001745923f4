//! How long the schedule waits.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use storage_domain::BackendId;

/// The longest pause between two checks of a backend that fails, and how many intervals it may be at most.
const LONGEST_PAUSE: Duration = Duration::from_mins(5);
const MOST_INTERVALS: u32 = 5;

/// Returns how long to wait after so many failures in a row: twice as long after each.
pub(super) fn pause(interval: Duration, failures: u32) -> Duration {
    let longest = LONGEST_PAUSE.min(interval * MOST_INTERVALS).max(interval);
    let doublings = failures.saturating_sub(1).min(16);
    interval.saturating_mul(1 << doublings).min(longest)
}

/// Returns a time a little shorter or longer than this one, so that not everything happens at once.
pub(super) fn jittered(time: Duration, id: BackendId, salt: u32) -> Duration {
    time * 9 / 10 + share(time / 5, id, salt)
}

/// Returns a part of a time, by a backend's id.
pub(super) fn share(time: Duration, id: BackendId, salt: u32) -> Duration {
    let thousandths = u32::try_from(hash(&(id, salt)) % 1000).unwrap_or_default();
    time * thousandths / 1000
}

pub(super) fn hash<T: Hash + ?Sized>(value: &T) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}
