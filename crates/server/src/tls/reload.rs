//! Reads the certificate again when it changes, and says when it ends.

use std::sync::PoisonError;
use std::time::{Duration, SystemTime};

use storage_api::watched::Reload;
use tokio::time::Instant;

use super::Identity;
use super::files::Loaded;

/// Time between two reminders of a certificate that ends soon.
const REMIND: Duration = Duration::from_hours(24);
/// Time before its end in which a certificate ends soon.
const SOON: Duration = Duration::from_hours(14 * 24);

impl Reload for Identity {
    fn reload(&self, asked: bool) {
        let is_new = self.files.reload(asked);
        let current = self.files.current();
        if is_new {
            tracing::info!(
                days_left = days_left(&current),
                "the TLS certificate was read again"
            );
        }
        let mut reminded = self.reminded.lock().unwrap_or_else(PoisonError::into_inner);
        if is_new || reminded.is_none_or(|at| at.elapsed() >= REMIND) {
            remind(&current);
            *reminded = Some(Instant::now());
        }
    }
}

/// Logs an end that is near or over.
fn remind(loaded: &Loaded) {
    match loaded.end.duration_since(SystemTime::now()) {
        Ok(left) if left > SOON => {}
        Ok(_) => tracing::warn!(
            days_left = days_left(loaded),
            "the TLS certificate ends soon: renew it"
        ),
        Err(_) => tracing::error!("the TLS certificate has ended, so that clients refuse it: renew it"),
    }
}

fn days_left(loaded: &Loaded) -> u64 {
    let left = loaded.end.duration_since(SystemTime::now());
    left.map_or(0, |left| left.as_secs() / (24 * 60 * 60))
}
