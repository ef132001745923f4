//! Unmounts, and what goes with them: each in a short-lived worker of its own, beside the lanes, for they are what
//! helps where a lane hangs.

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use storage_domain::BackendId;
use tokio::sync::oneshot;

use super::StuckWorker;
use super::slot::{Session, Slot};
use crate::context::OpContext;
use crate::error::Error;
use crate::holders::Holders;
use crate::worker::WorkerCommand;
use crate::worker::protocol::{Call, HoldersCall, Reply, UnmountCall, UnmountWay};

/// How long a worker may go on that nobody waits for any more: the kernel says farewell to the server meanwhile.
const FAREWELL: Duration = Duration::from_secs(1);
/// How long removing mount points may take: the disk below them may hang.
const REMOVE_DEADLINE: Duration = Duration::from_secs(2);
/// How long looking for the processes that keep a mount in use may take.
const HOLDERS_DEADLINE: Duration = Duration::from_secs(2);
/// How many workers of one backend may hang, those of its lanes included, before no more are started for an unmount.
const MAX_STUCK: usize = 2;

/// What a worker said of an unmount; an error here means that its task is gone.
pub(crate) type Answer = oneshot::Receiver<Result<Reply, Error>>;

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
    /// The backend's lanes, where it has such.
    lanes: Vec<Arc<Slot>>,
}

impl Unmounts {
    pub(super) fn new(worker: WorkerCommand) -> Arc<Self> {
        Arc::new(Self {
            worker,
            slots: Mutex::default(),
        })
    }

    pub(super) fn of(this: &Arc<Self>, backend: BackendId, lanes: Vec<Arc<Slot>>) -> Unmounter {
        Unmounter {
            unmounts: Arc::clone(this),
            backend,
            lanes,
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
}

impl Unmounter {
    /// A place for one more worker.
    async fn enter(&self, cx: &OpContext) -> Result<Session, Error> {
        let slot = Slot::new(self.backend);
        let session = slot.enter(cx).await?;
        let mut slots = self.unmounts.current();
        let all = self.lanes.iter().chain(slots.iter());
        let mut its = all
            .filter_map(|slot| slot.stuck())
            .filter(|worker| worker.backend == self.backend);
        if let Some(worker) = its.nth(MAX_STUCK - 1) {
            return Err(worker.error());
        }
        drop(its);
        slots.push(slot);
        Ok(session)
    }

    /// Who keeps the mount of this number in use; nobody, where the search fails, which is only logged.
    pub(crate) async fn holders(&self, cx: &OpContext, place: &Path, mount: u32) -> Holders {
        let what = "looking for processes";
        let cx = cx.step(HOLDERS_DEADLINE);
        let call = Call::Holders(HoldersCall {
            place: place.as_os_str().to_owned(),
            mount,
        });
        let done = async {
            self.begin(&cx, what, call)
                .await?
                .await
                .unwrap_or(Ok(Reply::Removed))
        };
        match cx.bound(what, done).await {
            Ok(Ok(Reply::Holders(holders))) => holders,
            other => {
                tracing::warn!(backend.id = %self.backend, ?other, "who keeps a mount in use can't be told");
                Holders {
                    cut_short: true,
                    ..Holders::default()
                }
            }
        }
    }

    /// Has a worker call umount2(2) for the topmost mount at a place, once. What `begin` says holds here too.
    ///
    /// # Errors
    /// Those of [`Unmounter::begin`].
    pub(crate) async fn unmount(
        &self,
        cx: &OpContext,
        place: &Path,
        way: UnmountWay,
    ) -> Result<Answer, Error> {
        let call = Call::Unmount(UnmountCall {
            place: place.as_os_str().to_owned(),
            way,
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
    /// [`ErrorKind::Stuck`] where [`MAX_STUCK`] workers of this backend hang already.
    async fn begin(&self, cx: &OpContext, what: &'static str, call: Call) -> Result<Answer, Error> {
        let session = self.enter(cx).await?;
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
    use crate::error::ErrorKind;

    #[tokio::test]
    async fn a_backend_whose_workers_hang_gets_no_more() {
        let unmounts = Unmounts::new(WorkerCommand::this_program());
        let cx = OpContext::within(Duration::from_secs(10));
        let (sick, well) = (BackendId::generate(), BackendId::generate());
        let lane = Slot::new(sick);
        let unmounter = Unmounts::of(&unmounts, sick, vec![Arc::clone(&lane)]);
        let hanging = unmounter.enter(&cx).await.unwrap();
        let last = unmounts.current().last().cloned().unwrap();
        last.set_stuck(Some(1));
        assert!(unmounter.enter(&cx).await.is_ok(), "one that hangs is not enough");
        lane.set_stuck(Some(2));
        let refused = unmounter.enter(&cx).await;
        assert!(
            matches!(
                refused.as_ref().map_err(Error::kind),
                Err(ErrorKind::Stuck { .. })
            ),
            "{refused:?}"
        );
        let beside = Unmounts::of(&unmounts, well, Vec::new());
        assert!(beside.enter(&cx).await.is_ok());

        last.set_stuck(None);
        drop(hanging);
        assert_eq!(unmounts.stuck(), []);
        assert!(
            unmounter.enter(&cx).await.is_ok(),
            "a lane that hangs does not keep a mount"
        );
    }
}
