//! Waits between tries, longer each time and never the same for two clients.

use std::hash::{BuildHasher as _, RandomState};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use hyper::header::{HeaderMap, RETRY_AFTER};
use time::OffsetDateTime;
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::context::OpContext;
use crate::web::file::parse_date;

/// How often a request is sent, at the most.
const TRIES: u32 = 8;
/// The same for an operation that somebody waits for at a screen ([`OpContext::lightly`]).
const LIGHT_TRIES: u32 = 3;
/// The first wait is up to this long.
const FIRST: Duration = Duration::from_millis(200);
/// No wait is longer, whatever the server asks for.
const LONGEST: Duration = Duration::from_secs(20);
/// The least time in which a server can answer: with less left, the last answer says more than another try would.
const ANSWER: Duration = Duration::from_millis(500);

/// Counts the tries of one request.
#[derive(Debug, Default)]
pub(crate) struct Backoff {
    tried: u32,
}

impl Backoff {
    /// Waits before the next try, at least `asked`; false if there is no try or no time left.
    ///
    /// # Cancel safety
    /// Dropping the future ends the wait.
    pub(crate) async fn wait(&mut self, cx: &OpContext, asked: Option<Duration>) -> bool {
        let wait = wait(self.tried, asked);
        self.tried += 1;
        let tries = match cx {
            cx if cx.is_patient() => u32::MAX,
            cx if cx.is_light() => LIGHT_TRIES,
            _ => TRIES,
        };
        if self.tried >= tries || cx.remaining() <= wait + ANSWER {
            return false;
        }
        tracing::debug!(wait_ms = wait.as_millis(), "a request is sent again");
        tokio::time::sleep(wait).await;
        true
    }
}

/// Bounds how many requests are under way at once; fewer if the server asks for fewer.
#[derive(Debug)]
pub(crate) struct Pace {
    permits: Semaphore,
    left: AtomicUsize,
}

/// The right to send a request, held while its client waits for the next try too.
#[derive(Debug)]
pub(crate) struct Permit<'a> {
    pace: &'a Pace,
    permit: Option<SemaphorePermit<'a>>,
}

impl Pace {
    /// Allows so many requests at once.
    pub(crate) fn new(parallel: usize) -> Self {
        Self {
            permits: Semaphore::new(parallel),
            left: AtomicUsize::new(parallel),
        }
    }

    /// Waits until one more request may be sent.
    ///
    /// # Cancel safety
    /// Dropping the future ends the wait.
    pub(crate) async fn acquire(&self) -> Permit<'_> {
        Permit {
            pace: self,
            // The semaphore is never closed.
            permit: self.permits.acquire().await.ok(),
        }
    }
}

impl Permit<'_> {
    /// Lets one request less be under way from now on; at least one stays.
    pub(crate) fn give_up(mut self) {
        let less = |left: usize| (left > 1).then(|| left - 1);
        let order = Ordering::Relaxed;
        if self.pace.left.fetch_update(order, order, less).is_ok()
            && let Some(permit) = self.permit.take()
        {
            permit.forget();
        }
    }
}

/// The wait after the try `tried` (from 0): between half of `FIRST * 2^tried` and all of it, and at least `asked`.
fn wait(tried: u32, asked: Option<Duration>) -> Duration {
    let full = FIRST.saturating_mul(1 << tried.min(16)).min(LONGEST);
    let half = full / 2;
    let jitter = half.mul_f64(fraction());
    (half + jitter).max(asked.unwrap_or_default()).min(LONGEST)
}

/// Returns how long the server asks to wait: `Retry-After`, in seconds or as a date (RFC 9110, section 10.2.3).
pub(crate) fn asked(headers: &HeaderMap) -> Option<Duration> {
    let value = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = value.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let at = parse_date(value)?;
    (at - OffsetDateTime::now_utc()).try_into().ok()
}

/// A number from 0 to 1 that can't be foreseen: every [`RandomState`] has other keys.
fn fraction() -> f64 {
    let random = RandomState::new().hash_one(0_u8) >> 32;
    f64::from(u32::try_from(random).unwrap_or(0)) / f64::from(u32::MAX)
}

#[cfg(test)]
mod tests {
    use hyper::header::HeaderValue;
    use rstest::rstest;
    use time::format_description::well_known::Rfc2822;

    use super::*;

    #[test]
    fn waits_grow_differ_and_end() {
        let waits: Vec<_> = (0..40).map(|tried| wait(tried, None)).collect();
        for (tried, wait) in waits.iter().enumerate().take(6) {
            let full = FIRST * (1 << tried);
            assert!((full / 2..=full).contains(wait), "{tried}: {wait:?}");
        }
        assert!(waits.iter().all(|wait| *wait <= LONGEST));
        assert_ne!(wait(5, None), wait(5, None));
        assert!(wait(0, Some(Duration::from_secs(3))) >= Duration::from_secs(3));
        assert_eq!(wait(0, Some(Duration::from_hours(1))), LONGEST);
    }

    #[tokio::test(start_paused = true)]
    async fn a_patient_operation_tries_until_its_deadline() {
        let cx = OpContext::within(Duration::from_mins(10)).patiently();
        let mut backoff = Backoff::default();
        while backoff.wait(&cx, None).await {}
        assert!(backoff.tried > 2 * TRIES, "{}", backoff.tried);
        assert!(cx.remaining() <= LONGEST + ANSWER, "{:?}", cx.remaining());
    }

    #[tokio::test]
    async fn at_least_one_request_goes_on() {
        let pace = Pace::new(3);
        for left in [2, 1, 1] {
            pace.acquire().await.give_up();
            assert_eq!(pace.permits.available_permits(), left);
        }
    }

    #[rstest]
    #[case("3", Some(3))]
    #[case(" 0 ", Some(0))]
    #[case("soon", None)]
    #[case("Wed, 21 Oct 2015 07:28:00 GMT", None)]
    fn servers_ask_for_time(#[case] value: &'static str, #[case] seconds: Option<u64>) {
        let mut headers = HeaderMap::new();
        headers.insert(RETRY_AFTER, HeaderValue::from_static(value));
        assert_eq!(asked(&headers), seconds.map(Duration::from_secs));
    }

    #[test]
    fn servers_ask_for_a_date() {
        let at = OffsetDateTime::now_utc() + Duration::from_mins(2);
        let value = at.format(&Rfc2822).unwrap();
        let mut headers = HeaderMap::new();
        headers.insert(RETRY_AFTER, HeaderValue::from_str(&value).unwrap());
        let asked = asked(&headers).unwrap();
        assert!(
            (Duration::from_mins(1)..=Duration::from_mins(2)).contains(&asked),
            "{asked:?}"
        );
    }
}
