//! Queues the calls of each backend: one helper for probes and mounts, one for scans, one for all that is listed, read
//! and changed, one for each of a few uploads, and unmounts beside them.

mod files;
mod lease;
mod line;
mod purpose;

use std::future::Future;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use storage_domain::{BackendId, Capacity};
use time::OffsetDateTime;
use tokio::sync::{Semaphore, watch};
use tokio_util::sync::CancellationToken;

use super::HelperCommand;
use super::process::KILL_GRACE;
use super::protocol::{Call, Reply, ScanCall};
use crate::context::OpContext;
use crate::error::{Error, ErrorKind};
use crate::scan::{ScanProgress, ScanReport};
use files::FilesQueue;
pub use files::{FilePipe, FileRead, FilesPlace, MAX_UPLOADS, UploadWriter};
pub(crate) use lease::Lease;
use line::Line;
pub(crate) use purpose::Purpose;

/// Time that the helper of an unmount gets if nobody waits for it: the kernel ends the session with the server.
const FAREWELL: Duration = Duration::from_secs(1);
/// Name of the step that waits for a queue.
const WAITING: &str = "waiting for the backend's helper";

/// Identifies a helper that hangs in the kernel and could not be killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StuckHelper {
    /// Backend that it works for.
    pub backend: BackendId,
    /// Process id.
    pub pid: u32,
    /// Time of the attempt to kill it.
    pub since: OffsetDateTime,
}

impl StuckHelper {
    /// Returns the error of a call that needs the helper gone.
    pub(crate) fn error(self) -> Error {
        let (pid, since) = (self.pid, self.since);
        Error::new(ErrorKind::Stuck { pid, since }, "the call")
    }
}

/// Queues the calls of one backend.
///
/// A helper is started for each call and is gone after it; the one for files stays until it is idle, and that of an upload
/// until it is stored. While as many hang in the kernel even after SIGKILL as there may be for a purpose, further calls for
/// it fail at once with [`ErrorKind::Stuck`].
#[derive(Debug)]
pub struct HelperQueue {
    backend: BackendId,
    command: HelperCommand,
    mounts: Arc<Semaphore>,
    probe: Line,
    scan: Line,
    files: Line,
    uploads: Line,
    works: FilesQueue,
    stuck: watch::Sender<Vec<(Purpose, StuckHelper)>>,
    /// Number of times that the backend's mount was taken away by this process, or was about to be.
    removals: AtomicU64,
}

/// Keeps a backend's queues free of calls while its mount goes.
pub(crate) struct Preempted {
    _leases: Vec<Lease>,
}

impl HelperQueue {
    /// Makes an empty queue; `mounts` has a permit for each mount in flight, over all backends.
    pub(super) fn new(backend: BackendId, command: HelperCommand, mounts: Arc<Semaphore>) -> Self {
        Self {
            backend,
            command,
            mounts,
            probe: Line::new(1),
            scan: Line::new(1),
            files: Line::new(1),
            uploads: Line::new(MAX_UPLOADS),
            works: FilesQueue::default(),
            stuck: watch::Sender::default(),
            removals: AtomicU64::new(0),
        }
    }

    /// Reads the capacity of the file system at `path` with statvfs(3), in bytes.
    ///
    /// # Errors
    /// [`ErrorKind::Kernel`] with the kernel's error, and whatever keeps the helper from answering in time.
    /// # Cancel safety
    /// Dropping the future kills the helper.
    pub async fn statfs(self: &Arc<Self>, cx: &OpContext, path: &Path) -> Result<Capacity, Error> {
        self.enter(cx, Purpose::Probe).await?.statfs(cx, path).await
    }

    /// Counts the files below a directory and reports to `progress` meanwhile.
    ///
    /// # Errors
    /// [`ErrorKind::Kernel`] if the directory itself cannot be read, and whatever keeps the helper from answering.
    /// # Cancel safety
    /// Dropping the future kills the helper.
    pub async fn scan(
        self: &Arc<Self>,
        cx: &OpContext,
        call: ScanCall,
        progress: &ScanProgress,
    ) -> Result<ScanReport, Error> {
        self.enter(cx, Purpose::Scan)
            .await?
            .scan(cx, call, progress)
            .await
    }

    /// Makes a call beside the queues, which works while a helper there hangs.
    ///
    /// # Errors
    /// [`ErrorKind::Stuck`] if another helper beside the queues hangs.
    /// # Cancel safety
    /// If the future is dropped, the helper has [`FAREWELL`] to exit.
    pub(crate) async fn call_beside(
        self: &Arc<Self>,
        cx: &OpContext,
        step: &'static str,
        call: &Call,
    ) -> Result<Reply, Error> {
        if let Some(helper) = self.stuck(Purpose::Unmount) {
            return Err(helper.error());
        }
        let lease = Lease::unqueued(self);
        lease.call(cx, step, call, FAREWELL, None, |_, _| ()).await
    }

    /// Waits for a lease.
    ///
    /// # Errors
    /// [`ErrorKind::Stuck`] at once if a helper of this purpose hangs in the kernel, or as soon as that is known.
    /// [`ErrorKind::Cancelled`] if it is preempted.
    pub(crate) async fn enter(self: &Arc<Self>, cx: &OpContext, purpose: Purpose) -> Result<Lease, Error> {
        let token = self.line(purpose).token().clone();
        let preempted = token.clone();
        self.wait(cx, (purpose, 1), token, preempted.cancelled()).await
    }

    /// Cancels the leases that are held and those that were asked for before, and waits for their end.
    async fn preempt_one(self: &Arc<Self>, cx: &OpContext, purpose: Purpose) -> Result<Lease, Error> {
        let next = CancellationToken::new();
        std::mem::replace(&mut *self.line(purpose).token(), next).cancel();
        let never = CancellationToken::new();
        let all = self.line(purpose).max;
        self.wait(cx, (purpose, all), never, std::future::pending()).await
    }

    async fn wait(
        self: &Arc<Self>,
        cx: &OpContext,
        (purpose, count): (Purpose, u32),
        token: CancellationToken,
        preempted: impl Future<Output = ()>,
    ) -> Result<Lease, Error> {
        let mut stuck = self.stuck.subscribe();
        let line = self.line(purpose);
        let are_stuck = |all: &Vec<(Purpose, StuckHelper)>| {
            let stuck = all.iter().filter(|(of, _)| *of == purpose).count();
            stuck + count as usize > line.max as usize
        };
        let wait = async {
            tokio::select! {
                biased;
                _ = stuck.wait_for(are_stuck) => {
                    Err(self.stuck(purpose).map_or_else(|| Error::cancelled(WAITING), StuckHelper::error))
                }
                () = preempted => Err(Error::cancelled(WAITING)),
                permit = Arc::clone(&line.permits).acquire_many_owned(count) => {
                    permit.map_err(|_| Error::cancelled(WAITING))
                }
            }
        };
        let permit = cx.bound(WAITING, wait).await??;
        Ok(Lease::new(self, purpose, token, permit))
    }

    fn line(&self, purpose: Purpose) -> &Line {
        match purpose {
            Purpose::Scan => &self.scan,
            Purpose::Files => &self.files,
            Purpose::Upload => &self.uploads,
            Purpose::Probe | Purpose::Unmount => &self.probe,
        }
    }

    /// Ends all queued calls and keeps the queues free for as long as the result is held.
    ///
    /// A helper that hangs in the kernel is not waited for: it does not keep a mount from being detached.
    pub(crate) async fn preempt(self: &Arc<Self>, cx: &OpContext) -> Preempted {
        self.removals.fetch_add(1, Ordering::Relaxed);
        let cx = cx.step(KILL_GRACE * 2);
        let leases = Purpose::USING_MOUNT.map(|purpose| self.preempt_one(&cx, purpose));
        let leases = join_all(leases).await;
        Preempted {
            _leases: leases.into_iter().filter_map(Result::ok).collect(),
        }
    }

    /// Does the same for all but probes; `lease` is the caller's for those.
    ///
    /// # Errors
    /// [`ErrorKind::Cancelled`], by `cx` or because the caller is preempted.
    pub(crate) async fn preempt_others(
        self: &Arc<Self>,
        lease: &Lease,
        cx: &OpContext,
    ) -> Result<Preempted, Error> {
        self.removals.fetch_add(1, Ordering::Relaxed);
        let cx = cx.step(KILL_GRACE * 2);
        let others =
            [Purpose::Scan, Purpose::Files, Purpose::Upload].map(|purpose| self.preempt_one(&cx, purpose));
        let others = lease
            .bound("ending scans, reads and writes", async {
                Ok(join_all(others).await)
            })
            .await?;
        let is_free =
            |other: &Result<Lease, Error>| other.as_ref().map_or_else(Error::is_cancelled, |_| true);
        let leases: Result<_, _> = others.into_iter().filter(is_free).collect();
        leases.map(|leases| Preempted { _leases: leases })
    }

    /// Returns how often the backend's mount was taken away, or was about to be.
    ///
    /// What was read across a change of this number is worth nothing. The kernel shows it neither by the answers of
    /// calls that a forced unmount ended, nor by mount ids, which it uses again at once.
    pub(crate) fn removals(&self) -> u64 {
        self.removals.load(Ordering::Relaxed)
    }

    /// Returns the helper of this purpose that hangs in the kernel now.
    pub(crate) fn stuck(&self, purpose: Purpose) -> Option<StuckHelper> {
        let stuck = self.stuck.borrow();
        stuck
            .iter()
            .find(|(of, _)| *of == purpose)
            .map(|(_, helper)| *helper)
    }

    /// Returns the helpers of this backend that hang in the kernel now.
    pub(super) fn all_stuck(&self) -> Vec<StuckHelper> {
        let stuck = self.stuck.borrow();
        stuck.iter().map(|(_, helper)| *helper).collect()
    }

    /// Reports whether nobody holds a lease of this purpose.
    #[cfg(test)]
    pub(crate) fn is_idle(&self, purpose: Purpose) -> bool {
        let line = self.line(purpose);
        line.permits.available_permits() == line.max as usize
    }

    /// Returns the backend's id.
    pub(crate) fn backend(&self) -> BackendId {
        self.backend
    }

    fn set_stuck(&self, purpose: Purpose, pid: u32) {
        let helper = StuckHelper {
            backend: self.backend,
            pid,
            since: OffsetDateTime::now_utc(),
        };
        self.stuck.send_modify(|all| all.push((purpose, helper)));
    }

    fn unset_stuck(&self, pid: u32) {
        self.stuck
            .send_modify(|all| all.retain(|(_, helper)| helper.pid != pid));
    }
}

#[cfg(test)]
mod tests;
