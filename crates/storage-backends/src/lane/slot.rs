//! A lane on which one worker at a time may run.

use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use storage_domain::BackendId;
use tokio::sync::{OwnedMutexGuard, watch};
use tokio_util::sync::CancellationToken;

use super::StuckWorker;
use super::running::{Cleanup, Ending, Running};
use crate::context::OpContext;
use crate::error::{Error, ErrorKind};
use crate::worker::WorkerCommand;
use crate::worker::protocol::{self, Call, Reply};

/// How often a session is ended again that came before the one that is to have the lane.
const INTERRUPT_AGAIN: Duration = Duration::from_millis(20);

/// A lane on which one worker at a time may run.
#[derive(Debug)]
pub(crate) struct Slot {
    backend: BackendId,
    lock: Arc<tokio::sync::Mutex<()>>,
    stuck: watch::Sender<Option<StuckWorker>>,
    interrupt: Mutex<CancellationToken>,
}

/// The right to run workers on a lane, until it is dropped and the last of them is gone.
#[derive(Debug)]
pub(crate) struct Session {
    slot: Arc<Slot>,
    hold: Arc<Hold>,
    interrupted: CancellationToken,
}

/// Keeps others off the lane. A session has it, and so has each worker that is not reaped yet.
#[derive(Debug)]
pub(crate) struct Hold {
    _guard: OwnedMutexGuard<()>,
}

impl Slot {
    pub(super) fn new(backend: BackendId) -> Arc<Self> {
        Arc::new(Self {
            backend,
            lock: Arc::default(),
            stuck: watch::Sender::new(None),
            interrupt: Mutex::default(),
        })
    }

    /// Waits for the lane.
    ///
    /// # Errors
    /// [`ErrorKind::Stuck`] at once where its worker hangs in the kernel, or as soon as it is known to.
    pub(crate) async fn enter(self: &Arc<Self>, cx: &OpContext) -> Result<Session, Error> {
        let mut stuck = self.stuck.subscribe();
        let hangs = async {
            match stuck.wait_for(Option::is_some).await {
                Ok(worker) => *worker,
                Err(_) => None,
            }
        };
        let lock = Arc::clone(&self.lock).lock_owned();
        let wait = async {
            tokio::select! {
                biased;
                worker = hangs => Err(worker),
                guard = lock => Ok(guard),
            }
        };
        let guard = match cx.bound("waiting for the backend's worker", wait).await? {
            Ok(guard) => guard,
            Err(worker) => return Err(stuck_error(worker)),
        };
        let interrupted = CancellationToken::new();
        *self.interrupt.lock().unwrap_or_else(PoisonError::into_inner) = interrupted.clone();
        Ok(Session {
            slot: Arc::clone(self),
            hold: Arc::new(Hold { _guard: guard }),
            interrupted,
        })
    }

    /// Ends the session that is under way, if there is one: its calls fail with [`ErrorKind::Cancelled`].
    pub(crate) fn interrupt(&self) {
        self.interrupt
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .cancel();
    }

    /// Ends the session that is under way and those that wait before this one, and has the lane then.
    ///
    /// # Errors
    /// As [`Slot::enter`].
    pub(crate) async fn take_over(self: &Arc<Self>, cx: &OpContext) -> Result<Session, Error> {
        let mut enter = pin!(self.enter(cx));
        loop {
            self.interrupt();
            tokio::select! {
                biased;
                session = &mut enter => return session,
                () = tokio::time::sleep(INTERRUPT_AGAIN) => {}
            }
        }
    }

    /// The worker that hangs in the kernel now.
    pub(crate) fn stuck(&self) -> Option<StuckWorker> {
        *self.stuck.borrow()
    }

    pub(super) fn set_stuck(&self, pid: Option<u32>) {
        let worker = pid.map(|pid| StuckWorker {
            backend: self.backend,
            pid,
            since: time::OffsetDateTime::now_utc(),
        });
        self.stuck.send_if_modified(|now| {
            let changes = now.map(|s| s.pid) != worker.map(|s| s.pid);
            if changes {
                *now = worker;
            }
            changes
        });
    }

    pub(crate) fn is_idle(&self) -> bool {
        self.stuck().is_none() && self.lock.try_lock().is_ok()
    }
}

fn stuck_error(worker: Option<StuckWorker>) -> Error {
    match worker {
        Some(worker) => worker.error(),
        None => {
            Error::new(ErrorKind::Helper, "the helper process").with_source("its lane is gone".to_owned())
        }
    }
}

impl Session {
    /// Runs a step that has no worker; `what` names it where the session is ended meanwhile.
    pub(crate) async fn bound<T>(
        &self,
        what: &'static str,
        step: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        tokio::select! {
            biased;
            () = self.interrupted.cancelled() => Err(Error::cancelled(what)),
            done = step => done,
        }
    }

    /// Starts a worker, makes one call and ends the worker.
    ///
    /// # Cancel safety
    /// Dropping the future kills the worker; the lane is free again when it is gone.
    pub(super) async fn call(
        &self,
        cx: &OpContext,
        what: &'static str,
        worker: &WorkerCommand,
        call: &Call,
        cleanup: Option<Cleanup>,
        on_progress: impl FnMut(u64, u64) + Send,
    ) -> Result<Reply, Error> {
        let mut running = Running::start(worker, &self.slot, Arc::clone(&self.hold), cleanup)
            .map_err(|e| Error::new(ErrorKind::Helper, "starting the helper process").with_source(e))?;
        let exchange = async {
            tokio::select! {
                biased;
                () = self.interrupted.cancelled() => Err(Error::cancelled(what)),
                reply = exchange(&mut running, call, on_progress) => Ok(reply),
            }
        };
        let answer = cx.bound(what, exchange).await;
        let ended = running
            .end(match &answer {
                Ok(Ok(Ok(_))) => Ending::Answered,
                Ok(Ok(Err(_))) => Ending::BrokenOff,
                Ok(Err(_)) | Err(_) => Ending::GivenUp,
            })
            .await;
        match answer {
            Ok(Ok(Ok(reply))) => Ok(reply),
            Ok(Ok(Err(broken))) => {
                Err(Error::new(ErrorKind::Helper, "the helper process")
                    .with_source(format!("{broken}; {ended}")))
            }
            Ok(Err(error)) | Err(error) => match self.slot.stuck() {
                Some(worker) => Err(worker.error()),
                None => Err(error),
            },
        }
    }
}

/// Sends the call and waits for its last reply.
async fn exchange(
    running: &mut Running,
    call: &Call,
    mut on_progress: impl FnMut(u64, u64) + Send,
) -> std::io::Result<Reply> {
    protocol::send(&mut running.input, call).await?;
    loop {
        match protocol::receive(&mut running.output).await? {
            Reply::Progress { files, directories } => on_progress(files, directories),
            reply => return Ok(reply),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A step that nothing ends but an interruption.
    async fn run_for_ever(slot: Arc<Slot>, cx: OpContext) -> Result<(), Error> {
        let session = slot.enter(&cx).await?;
        session.bound("the step", std::future::pending()).await
    }

    #[tokio::test]
    async fn taking_over_ends_those_that_wait_too() {
        let slot = Slot::new(BackendId::generate());
        let cx = OpContext::within(Duration::from_secs(20));
        let before: Vec<_> = (0..5)
            .map(|_| tokio::spawn(run_for_ever(Arc::clone(&slot), cx.clone())))
            .collect();
        while slot.is_idle() {
            tokio::task::yield_now().await;
        }
        let session = slot.take_over(&cx).await.unwrap();
        for step in before {
            let ended = step.await.unwrap();
            assert!(ended.as_ref().is_err_and(Error::is_cancelled), "{ended:?}");
        }
        assert!(
            session.bound("the step", async { Ok(()) }).await.is_ok(),
            "it ended itself"
        );
    }
}
