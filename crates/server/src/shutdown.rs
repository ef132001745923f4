//! The end of the service: in order at the first signal, at once at the second.

use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use actix_server::Server;
use anyhow::{Context, bail};
use storage_api::{Access, App};
use storage_persistence::Store;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::boot::BootServer;
use crate::clock;
use crate::notify;
use crate::settings::values;

/// What the audit trail and the database get of the time of a stop.
const CLOSING: Duration = Duration::from_secs(2);

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

/// Reports that a signal ended the start.
pub(crate) fn before_serving(signal: i32) {
    notify::report(notify::STOPPING);
    tracing::info!(
        signal,
        "stopping before the first request; the start was not at its end"
    );
}

/// Runs the web server until the first signal, which begins the stop.
///
/// # Errors
/// The web server ended by itself: nothing listens any more. Or the clock was set to a time that it cannot write.
pub(crate) async fn begin(
    mut signals: Signals,
    server: impl Future<Output = io::Result<()>>,
    clock: &Notify,
    limit: Duration,
) -> anyhow::Result<Stop> {
    let number = tokio::select! {
        number = signals.next() => number,
        ended = server => {
            ended.context("the web server failed")?;
            bail!("the web server ended by itself");
        }
        () = clock.notified() => bail!(clock::UNUSABLE),
    };
    notify::report(notify::STOPPING);
    tracing::info!(signal = number, limit = %values::show(limit), "stopping; a second signal ends it at once");
    tokio::spawn(async move {
        let number = signals.next().await;
        tracing::warn!(signal = number, "stopped at once by a second signal");
        std::process::exit(128 + number);
    });
    Ok(Stop {
        drain: limit.saturating_sub(CLOSING).max(limit / 4 * 3),
        until: Instant::now() + limit,
    })
}

/// A stop that is under way.
pub(crate) struct Stop {
    drain: Duration,
    until: Instant,
}

impl Stop {
    /// Waits for requests and tests that still run.
    pub(crate) async fn drain(&self, server: Server, boot: BootServer, app: Arc<App>) {
        let stopped = server.handle().stop(true);
        let drain = async { tokio::join!(server, stopped, boot.stop(), app.shutdown(self.drain)) };
        if tokio::time::timeout(self.drain, drain).await.is_err() {
            tracing::warn!("requests or tests were still running at the shutdown deadline");
        }
    }

    /// Writes the rest of the audit trail and closes the database, in what is left of the time.
    pub(crate) async fn close(self, access: &Access, store: Store) {
        let left = self.until.saturating_duration_since(Instant::now());
        let close = async {
            access.flush(left).await;
            store.close().await;
        };
        if tokio::time::timeout(left, close).await.is_err() {
            tracing::warn!("the database did not answer before the end of the stop");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::Ready;
    use std::net::TcpListener;
    use std::sync::mpsc;

    use actix_server::ServerBuilder;
    use actix_service::fn_service;
    use rustix::process::getpriority_process;
    use tokio::net::TcpStream;

    use super::*;
    use crate::{commands, web};

    const LIMIT: Duration = Duration::from_secs(1);

    /// A process that lives on without a listener serves nobody, and no service manager starts it again.
    #[tokio::test]
    async fn the_end_of_the_web_server_is_noticed() {
        let signals = Signals::catch().unwrap();
        let ended = begin(signals, async { Ok(()) }, &Notify::new(), LIMIT).await;
        assert!(ended.is_err_and(|error| error.to_string().contains("ended by itself")));
    }

    fn dies(_: TcpStream) -> Ready<Result<(), ()>> {
        panic!("this test ends the worker")
    }

    #[test]
    fn a_worker_that_replaces_another_is_as_nice_as_the_first() {
        let (sender, started) = mpsc::channel();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let server = ServerBuilder::new().workers(1).disable_signals();
        let server = server.listen("dying", listener, move || {
            sender.send(getpriority_process(None).unwrap()).unwrap();
            fn_service(dies)
        });
        // Each connection ends a worker, or finds that it has ended.
        let replaced = move || {
            let first = started.recv().unwrap();
            loop {
                let _connection = std::net::TcpStream::connect(address).unwrap();
                if let Ok(second) = started.recv_timeout(Duration::from_millis(10)) {
                    return (first, second);
                }
            }
        };
        let nice = commands::block_on(async {
            let mut server = server.unwrap().run();
            web::start(&mut server).await.unwrap();
            let (signals, clock) = (Signals::catch().unwrap(), Notify::new());
            tokio::select! {
                ended = begin(signals, &mut server, &clock, LIMIT) => panic!("{:?}", ended.err()),
                nice = tokio::task::spawn_blocking(replaced) => nice.unwrap(),
            }
        });
        let (first, second) = nice.unwrap();
        assert_eq!(first, second);
    }
}
