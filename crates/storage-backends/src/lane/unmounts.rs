//! Unmounts, and the removal of mount points: each in a short-lived worker of its own, beside the lanes, for they are what helps where a lane hangs.

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use storage_domain::BackendId;
use tokio::sync::oneshot;

use super::StuckWorker;
use super::slot::{Session, Slot};
use crate::context::OpContext;
use crate::error::BackendError;
use crate::worker::WorkerCommand;
use crate::worker::protocol::{Call, Reply, UnmountCall};

/// How long a worker may go on that nobody waits for any more: the kernel says farewell to the server meanwhile.
const FAREWELL: Duration = Duration::from_secs(1);
/// How long removing mount points may take: the disk below them may hang.
const REMOVE_DEADLINE: Duration = Duration::from_secs(2);
/// How many workers of one backend may hang in an unmount before no more are started.
const MAX_STUCK: usize = 4;

/// What a worker said of an unmount; an error here means that its task is gone.
pub(crate) type Answer = oneshot::Receiver<Result<Reply, BackendError>>;

/// The workers that unmount now, of all backends.
#[derive(Debug)]
pub(super) struct Unmounts {
    worker: WorkerCommand,
    slots: Mutex<Vec<Arc<Slot>>>,
}

/// Starts the workers that take one backend's mounts away.
#[derive(Debug, Clone)]
pub(crate) struct Unmounter {
    unmounts: Arc<Unmounts>,
    backend: BackendId,
}

impl Unmounts {
    pub(super) fn new(worker: WorkerCommand) -> Arc<Self> {
        Arc::new(Self {
            worker,
            slots: Mutex::default(),
        })
    }

    pub(super) fn of(this: &Arc<Self>, backend: BackendId) -> Unmounter {
        Unmounter {
            unmounts: Arc::clone(this),
            backend,
        }
    }

    /// Workers that hang in an unmount now.
    pub(super) fn stuck(&self) -> Vec<StuckWorker> {
        self.current().iter().filter_map(|slot| slot.stuck()).collect()
    }

    /// The slots whose workers are not gone yet.
    fn current(&self) -> MutexGuard<'_, Vec<Arc<Slot>>> {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        slots.retain(|slot| !slot.is_idle());
        slots
    }

    /// A place for one more worker.
    async fn enter(&self, cx: &OpContext, backend: BackendId) -> Result<Session, BackendError> {
        let slot = Slot::new(backend);
        let session = slot.enter(cx).await?;
        let mut slots = self.current();
        let stuck: Vec<_> = slots.iter().filter_map(|slot| slot.stuck()).collect();
        let mut its = stuck.into_iter().filter(|worker| worker.backend == backend);
        if let Some(worker) = its.nth(MAX_STUCK - 1) {
            return Err(worker.error());
        }
        slots.push(slot);
        Ok(session)
    }
}

impl Unmounter {
    /// Has a worker call umount2(2) for the topmost mount at a place, once. What `begin` says holds here too.
    ///
    /// # Errors
    /// Those of [`Unmounter::begin`].
    pub(crate) async fn unmount(
        &self,
        cx: &OpContext,
        place: &Path,
        detach: bool,
    ) -> Result<Answer, BackendError> {
        let call = Call::Unmount(UnmountCall {
            place: place.as_os_str().to_owned(),
            detach,
        });
        self.begin(cx, "the unmount", call).await
    }

    /// Has a worker remove a mount point on which nothing is mounted, or, for a [`Call::Sweep`], all of a directory.
    ///
    /// That is a courtesy to whoever looks at the directory, for a mount makes its place anew: it is waited for no
    /// longer than [`REMOVE_DEADLINE`], and a failure is only logged.
    pub(crate) async fn remove(&self, cx: &OpContext, call: Call) {
        let cx = cx.step(REMOVE_DEADLINE);
        let done = async {
            match self.begin(&cx, "removing mount points", call).await?.await {
                Ok(reply) => reply,
                Err(_) => Ok(Reply::Removed),
            }
        };
        let why = match cx.bound("removing mount points", done).await {
            Ok(Ok(Reply::Failed(failure))) => std::io::Error::from_raw_os_error(failure.errno).to_string(),
            Ok(Ok(_)) => return,
            Ok(Err(error)) | Err(error) => error.to_string(),
        };
        tracing::warn!(backend.id = %self.backend, why, "a mount point can't be removed");
    }

    /// Starts a worker for one call.
    ///
    /// Where the answer is dropped, by somebody who sees in the table of mounts that the mount is gone, or who waits no
    /// longer, the worker is killed after [`FAREWELL`] and reaped in the background.
    ///
    /// # Errors
    /// [`BackendError::Stuck`] where [`MAX_STUCK`] workers of this backend hang already.
    async fn begin(&self, cx: &OpContext, what: &'static str, call: Call) -> Result<Answer, BackendError> {
        let session = self.unmounts.enter(cx, self.backend).await?;
        let (mut sender, answer) = oneshot::channel();
        let (cx, worker) = (cx.clone(), self.unmounts.worker.clone());
        tokio::spawn(async move {
            let call = session.call(&cx, what, &worker, &call, None, |_, _| ());
            tokio::pin!(call);
            tokio::select! {
                biased;
                reply = &mut call => drop(sender.send(reply)),
                () = sender.closed() => drop(tokio::time::timeout(FAREWELL, call).await),
            }
        });
        Ok(answer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_backend_whose_unmounts_hang_gets_no_more_workers() {
        let unmounts = Unmounts::new(WorkerCommand::this_program());
        let cx = OpContext::within(Duration::from_secs(10));
        let (sick, well) = (BackendId::generate(), BackendId::generate());
        let mut hanging = Vec::new();
        for pid in 1..=MAX_STUCK {
            hanging.push(unmounts.enter(&cx, sick).await.unwrap());
            let last = unmounts.current().last().cloned().unwrap();
            last.set_stuck(u32::try_from(pid).ok());
        }
        assert_eq!(unmounts.stuck().len(), MAX_STUCK);
        let refused = unmounts.enter(&cx, sick).await;
        assert!(matches!(refused, Err(BackendError::Stuck { .. })), "{refused:?}");
        assert!(unmounts.enter(&cx, well).await.is_ok());

        let first = unmounts.current().first().cloned().unwrap();
        first.set_stuck(None);
        drop(hanging.remove(0));
        assert_eq!(unmounts.stuck().len(), MAX_STUCK - 1);
        assert!(unmounts.enter(&cx, sick).await.is_ok());
    }
}
