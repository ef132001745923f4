//! Waits between tries, longer each time and never the same for two who wait.

use std::hash::{BuildHasher as _, RandomState};
use std::time::Duration;

/// How often a request is sent, at the most.
pub(crate) const TRIES: u32 = 8;
/// The first wait is up to this long.
const FIRST: Duration = Duration::from_millis(200);
/// No wait is longer, whatever the server asks for.
const LONGEST: Duration = Duration::from_secs(20);

/// The wait after the try `tried` (from 0): between half of `FIRST * 2^tried` and all of it, and at least `asked`,
/// what the server asked for by `Retry-After`.
pub(crate) fn wait(tried: u32, asked: Option<Duration>) -> Duration {
    let whole = FIRST.saturating_mul(1 << tried.min(16)).min(LONGEST);
    let half = whole / 2;
    let jitter = half.mul_f64(fraction());
    (half + jitter).max(asked.unwrap_or_default()).min(LONGEST)
}

/// A number from 0 to 1 that nobody can foresee: every [`RandomState`] has other keys.
fn fraction() -> f64 {
    let random = RandomState::new().hash_one(0_u8) >> 32;
    f64::from(u32::try_from(random).unwrap_or(0)) / f64::from(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_differ_and_end() {
        let waits: Vec<_> = (0..40).map(|tried| wait(tried, None)).collect();
        for (tried, wait) in waits.iter().enumerate().take(6) {
            let whole = FIRST * (1 << tried);
            assert!((whole / 2..=whole).contains(wait), "{tried}: {wait:?}");
        }
        assert!(waits.iter().all(|wait| *wait <= LONGEST));
        assert_ne!(wait(5, None), wait(5, None));
        assert!(wait(0, Some(Duration::from_secs(3))) >= Duration::from_secs(3));
        assert_eq!(wait(0, Some(Duration::from_hours(1))), LONGEST);
    }
}
