//! The clock of the machine, which HTTP can write from 1970 to 9999 only.

use std::panic;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::ensure;
use tokio::sync::Notify;

/// Seconds from 1970 to the year 10000.
const END: u64 = 253_402_300_800;

/// The message about a time that cannot be written.
pub(crate) const UNUSABLE: &str =
    "the clock of this machine is not between the years 1970 and 9999. Set it, and start the service again";

/// Checks the present time.
///
/// # Errors
/// HTTP has no date for it.
pub(crate) fn check() -> anyhow::Result<()> {
    ensure!(is_usable(SystemTime::now()), UNUSABLE);
    Ok(())
}

fn is_usable(time: SystemTime) -> bool {
    time.duration_since(UNIX_EPOCH)
        .is_ok_and(|since| since.as_secs() < END)
}

/// Notifies of a time that cannot be written, until the process ends.
///
/// The web server writes the date twice a second. It panics at such a time, and all its later answers are time-outs,
/// even if the clock is set right. The panic comes right after the time was read, so that no such time is missed.
pub(crate) fn watch() -> Arc<Notify> {
    let left = Arc::new(Notify::new());
    let noticed = Arc::clone(&left);
    let print = panic::take_hook();
    panic::set_hook(Box::new(move |panic| {
        print(panic);
        if check().is_err() {
            noticed.notify_one();
        }
    }));
    left
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_years_1970_to_9999_are_usable() {
        let second = Duration::from_secs(1);
        let last = UNIX_EPOCH + Duration::from_secs(END) - second;
        assert!(is_usable(UNIX_EPOCH) && is_usable(last));
        assert!(!is_usable(UNIX_EPOCH - second) && !is_usable(last + second));
        let shown = actix_http::header::HttpDate::from(last).to_string();
        assert_eq!(shown, "Fri, 31 Dec 9999 23:59:59 GMT");
    }
}
