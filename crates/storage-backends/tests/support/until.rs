//! Waiting for a state of other processes, which nothing announces.

use std::time::{Duration, Instant};

/// What a machine under load may need for it.
pub(crate) const SOON: Duration = Duration::from_secs(20);

/// Looks every 5 ms whether it is so.
///
/// # Panics
///
/// When it is not within [`SOON`], with `what` as the message.
pub(crate) async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let end = Instant::now() + SOON;
    while !is_so() {
        assert!(Instant::now() < end, "{what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
