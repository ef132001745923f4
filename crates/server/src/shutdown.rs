//! The end of the service: in order at the first signal, at once at the second.

use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::ServerHandle;
use anyhow::Context;
use storage_api::App;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::notify;
use crate::settings::values;

/// What is given to the drain on top of its deadline before it is given up.
const GRACE: Duration = Duration::from_secs(1);

/// SIGTERM and SIGINT, caught from the moment on that this exists.
pub(crate) struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    /// Catches the signals.
    ///
    /// # Errors
    /// Where the process may not.
    pub(crate) fn catch() -> anyhow::Result<Self> {
        let catch = |kind| signal(kind).context("catching signals failed");
        Ok(Self {
            terminate: catch(SignalKind::terminate())?,
            interrupt: catch(SignalKind::interrupt())?,
        })
    }

    /// Catches SIGHUP, which ends a process otherwise.
    ///
    /// # Errors
    /// Where the process may not.
    pub(crate) fn hangup() -> anyhow::Result<Signal> {
        signal(SignalKind::hangup()).context("catching SIGHUP failed")
    }

    /// Waits for one of them; gives its number.
    pub(crate) async fn next(&mut self) -> i32 {
        tokio::select! {
            _ = self.terminate.recv() => SignalKind::terminate().as_raw_value(),
            _ = self.interrupt.recv() => SignalKind::interrupt().as_raw_value(),
        }
    }
}

/// Takes note of SIGHUP where there is nothing to read again. Never ends.
pub(crate) async fn survive(mut hangup: Signal) {
    while hangup.recv().await.is_some() {
        tracing::info!("SIGHUP changes nothing here: there is no TLS certificate to read again");
    }
}

/// Reports that a signal ended the start.
pub(crate) fn before_serving(signal: i32) {
    notify::report(notify::STOPPING);
    tracing::info!(
        signal,
        "stopping before the first request; the start was not at its end"
    );
}

/// Waits for the first signal, then stops the service within `limit`; a further signal ends the process at once.
pub(crate) async fn on_signal(mut signals: Signals, server: ServerHandle, app: Arc<App>, limit: Duration) {
    let number = signals.next().await;
    notify::report(notify::STOPPING);
    tracing::info!(signal = number, limit = %values::show(limit), "stopping; a second signal ends it at once");
    tokio::spawn(async move {
        let number = signals.next().await;
        tracing::warn!(signal = number, "stopped at once by a second signal");
        std::process::exit(128 + number);
    });
    let drain = async { tokio::join!(server.stop(true), app.shutdown(limit)) };
    if tokio::time::timeout(limit + GRACE, drain).await.is_err() {
        tracing::warn!("requests or tests were still running at the shutdown deadline");
    }
}
