//! Takes up new certificates.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::signal::unix::Signal;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::Identity;
use super::files::{self, Fingerprint, Loaded};

/// How often the files are looked at.
const LOOK: Duration = Duration::from_secs(5);
/// How often a certificate that ends soon is logged.
const REMIND: Duration = Duration::from_hours(24);
/// How long before its end.
const SOON: Duration = Duration::from_hours(14 * 24);

/// Reads the files again whenever they have changed, and at every `hangup` (SIGHUP). What can't be used is logged once, and
/// the certificate that was there stays. Never ends.
pub(crate) async fn watch(identity: Arc<Identity>, mut hangup: Signal) {
    let mut ticks = interval(LOOK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut seen = Some(identity.current().seen);
    let mut failed = None;
    let mut reminded = remind(&identity.current());
    loop {
        let asked = tokio::select! {
            _ = ticks.tick() => false,
            Some(()) = hangup.recv() => true,
        };
        let now = look(&identity).await;
        if asked || now != seen {
            match reload(&identity).await {
                Ok(()) => {
                    (seen, failed) = (now, None);
                    reminded = remind(&identity.current());
                }
                // What can't be read now may be readable later, without a change of the files.
                Err(error) => {
                    let failure = Some((now, error));
                    if let Some((_, error)) = failure.as_ref().filter(|_| asked || failed != failure) {
                        tracing::error!(
                            error,
                            "the new TLS certificate can't be used; the one that was there stays"
                        );
                    }
                    failed = failure;
                }
            }
        }
        if reminded.elapsed() >= REMIND {
            reminded = remind(&identity.current());
        }
    }
}

async fn look(identity: &Arc<Identity>) -> Option<Fingerprint> {
    let identity = Arc::clone(identity);
    let looked = spawn_blocking(move || files::fingerprint(&identity.files));
    looked.await.ok()
}

async fn reload(identity: &Arc<Identity>) -> Result<(), String> {
    let files = identity.files.clone();
    let loaded = spawn_blocking(move || files::load(&files)).await;
    let loaded = loaded.map_err(|error| error.to_string())?;
    let loaded = loaded.map_err(|error| format!("{error:#}"))?;
    tracing::info!(
        days_left = days_left(&loaded),
        "the TLS certificate was read again"
    );
    identity.replace(loaded);
    Ok(())
}

/// Logs an end that is near or over.
fn remind(loaded: &Loaded) -> Instant {
    match loaded.end.duration_since(SystemTime::now()) {
        Ok(left) if left > SOON => {}
        Ok(_) => tracing::warn!(
            days_left = days_left(loaded),
            "the TLS certificate ends soon: renew it"
        ),
        Err(_) => tracing::error!("the TLS certificate has ended, so that clients refuse it: renew it"),
    }
    Instant::now()
}

fn days_left(loaded: &Loaded) -> u64 {
    let left = loaded.end.duration_since(SystemTime::now());
    left.map_or(0, |left| left.as_secs() / (24 * 60 * 60))
}
