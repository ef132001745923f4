//! One worker a backend and one for its scan, each under deadlines.

mod quiet;
mod running;
mod slot;
mod unmounts;

use std::collections::HashMap;
use std::path::Path;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, PoisonError};

use storage_domain::{BackendId, Capacity, TemplatePatterns};
use time::OffsetDateTime;
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::context::OpContext;
use crate::error::{Error, ErrorKind};
use crate::scan::{ScanProgress, ScanReport};
use crate::worker::WorkerCommand;
use crate::worker::protocol::{Call, CallFailure, Reply, ScanCall};
pub(crate) use running::Cleanup;
pub(crate) use slot::{Session, Slot};
pub(crate) use unmounts::Unmounter;
use unmounts::Unmounts;

/// How many mounts may be under way at once, over all backends.
pub const MAX_MOUNTS_IN_FLIGHT: usize = 8;
/// What a scan is called in errors.
pub(crate) const THE_SCAN: &str = "the scan";

/// A worker that hangs in the kernel and could not be killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StuckWorker {
    /// The backend.
    pub backend: BackendId,
    /// The process.
    pub pid: u32,
    /// Since when.
    pub since: OffsetDateTime,
}

impl StuckWorker {
    /// Why a call that needs the worker gone fails.
    pub(crate) fn error(self) -> Error {
        let (pid, since) = (self.pid, self.since);
        Error::new(ErrorKind::Stuck { pid, since }, "the call")
    }
}

/// The lanes of all backends.
#[derive(Debug)]
pub struct Lanes {
    worker: WorkerCommand,
    mounts: Arc<Semaphore>,
    unmounts: Arc<Unmounts>,
    known: Mutex<HashMap<BackendId, Arc<Lane>>>,
}

/// The lanes of one backend: one worker for probes and mounts, and one for scans, so that neither waits for the other.
///
/// A worker is started for each call and is gone after it. One that hangs in the kernel even after SIGKILL is "stuck":
/// every further call on its lane fails at once with [`ErrorKind::Stuck`] until the kernel lets it go.
#[derive(Debug)]
pub struct Lane {
    worker: WorkerCommand,
    mounts: Arc<Semaphore>,
    /// Takes the backend's mounts away, beside the lanes.
    pub(crate) unmounter: Unmounter,
    pub(crate) probe: Arc<Slot>,
    pub(crate) scan: Arc<Slot>,
    /// How often the backend's mount was taken away by this process, or was about to be.
    removals: AtomicU64,
}

/// The right to mount, while others wait for it.
pub(crate) struct Turn<'a> {
    _permit: Option<SemaphorePermit<'a>>,
}

impl Default for Lanes {
    fn default() -> Self {
        Self::new(WorkerCommand::this_program())
    }
}

impl Lanes {
    /// No lanes yet; their workers are started by `worker`.
    pub fn new(worker: WorkerCommand) -> Self {
        Self {
            unmounts: Unmounts::new(worker.clone()),
            worker,
            mounts: Arc::new(Semaphore::new(MAX_MOUNTS_IN_FLIGHT)),
            known: Mutex::default(),
        }
    }

    /// The lanes of a backend, which outlive changes of its config.
    pub fn of(&self, id: BackendId) -> Arc<Lane> {
        let mut lanes = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        lanes.retain(|known, lane| *known == id || Arc::strong_count(lane) > 1 || !lane.is_idle());
        let lane = lanes.entry(id).or_insert_with(|| {
            let (probe, scan) = (Slot::new(id), Slot::new(id));
            let both = vec![Arc::clone(&probe), Arc::clone(&scan)];
            Arc::new(Lane {
                worker: self.worker.clone(),
                mounts: Arc::clone(&self.mounts),
                unmounter: Unmounts::of(&self.unmounts, id, both),
                probe,
                scan,
                removals: AtomicU64::new(0),
            })
        });
        Arc::clone(lane)
    }

    /// Workers that hang in the kernel now.
    pub fn stuck(&self) -> Vec<StuckWorker> {
        let lanes = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        lanes
            .values()
            .flat_map(|lane| [lane.probe.stuck(), lane.scan.stuck()])
            .flatten()
            .chain(self.unmounts.stuck())
            .collect()
    }

    /// What takes the mounts of a backend away.
    pub(crate) fn unmounter(&self, id: BackendId) -> Unmounter {
        let lanes = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        match lanes.get(&id) {
            Some(lane) => lane.unmounter.clone(),
            None => Unmounts::of(&self.unmounts, id, Vec::new()),
        }
    }
}

impl Lane {
    /// Reads how full the file system at `path` is, with `statvfs(3)`.
    ///
    /// # Errors
    /// [`ErrorKind::Kernel`] with what the kernel said, and whatever keeps the worker from answering in time.
    /// # Cancel safety
    /// Dropping the future kills the worker.
    pub async fn statfs(&self, cx: &OpContext, path: &Path) -> Result<Capacity, Error> {
        let session = self.probe.enter(cx).await?;
        self.statfs_in(&session, cx, path).await
    }

    /// The same, within a session that the caller has.
    pub(crate) async fn statfs_in(
        &self,
        session: &Session,
        cx: &OpContext,
        path: &Path,
    ) -> Result<Capacity, Error> {
        let call = Call::Statfs {
            path: path.to_owned(),
        };
        match self.ask(session, cx, "statfs", &call, None, |_, _| ()).await? {
            Reply::Capacity(capacity) => Ok(capacity),
            other => Err(unexpected(other)),
        }
    }

    /// Counts the files below `root`, telling `progress` as it goes, and adds their sizes up where `bytes` says so.
    ///
    /// # Errors
    /// [`ErrorKind::Kernel`] where `root` itself can't be read, and whatever keeps the worker from answering.
    /// # Cancel safety
    /// Dropping the future kills the worker.
    pub async fn scan(
        &self,
        cx: &OpContext,
        root: &Path,
        templates: &TemplatePatterns,
        bytes: bool,
        progress: &ScanProgress,
    ) -> Result<ScanReport, Error> {
        let session = self.scan.enter(cx).await?;
        self.scan_in(&session, cx, root, templates, bytes, progress).await
    }

    /// The same, within a session of the lane for scans that the caller has.
    pub(crate) async fn scan_in(
        &self,
        session: &Session,
        cx: &OpContext,
        root: &Path,
        templates: &TemplatePatterns,
        bytes: bool,
        progress: &ScanProgress,
    ) -> Result<ScanReport, Error> {
        let call = Call::Scan(ScanCall {
            root: root.to_owned(),
            templates: templates.extensions().to_vec(),
            bytes,
        });
        let tell = |files, directories| progress.set(files, directories);
        match self.ask(session, cx, THE_SCAN, &call, None, tell).await? {
            Reply::Scanned(report) => {
                progress.set(report.files, report.directories);
                Ok(report)
            }
            other => Err(unexpected(other)),
        }
    }

    /// Waits until fewer than [`MAX_MOUNTS_IN_FLIGHT`] mounts are under way, and counts as one until the result is
    /// dropped.
    ///
    /// # Errors
    /// [`ErrorKind::Timeout`] where the others take too long.
    pub(crate) async fn turn_to_mount(&self, session: &Session, cx: &OpContext) -> Result<Turn<'_>, Error> {
        let what = "waiting for other mounts";
        let permit = cx.bound(what, self.mounts.acquire());
        let permit = session.bound(what, permit).await?;
        Ok(Turn { _permit: permit.ok() })
    }

    /// Mounts, in one's turn. `cleanup` runs where the worker is ended before it said how the mount went, after it is
    /// gone and before another call on this lane begins.
    pub(crate) async fn mount_in(
        &self,
        session: &Session,
        _turn: Turn<'_>,
        cx: &OpContext,
        call: &Call,
        cleanup: Cleanup,
    ) -> Result<Result<(), CallFailure>, Error> {
        let reply = self
            .ask(session, cx, "the mount", call, Some(cleanup), |_, _| ())
            .await?;
        match reply {
            Reply::Mounted => Ok(Ok(())),
            Reply::Failed(failure) => Ok(Err(failure)),
            other => Err(unexpected(other)),
        }
    }

    /// A worker that hangs in the kernel now.
    pub(crate) fn stuck(&self) -> Option<StuckWorker> {
        self.probe.stuck().or_else(|| self.scan.stuck())
    }

    async fn ask(
        &self,
        session: &Session,
        cx: &OpContext,
        what: &'static str,
        call: &Call,
        cleanup: Option<Cleanup>,
        on_progress: impl FnMut(u64, u64) + Send,
    ) -> Result<Reply, Error> {
        session
            .call(cx, what, &self.worker, call, cleanup, on_progress)
            .await
    }

    fn is_idle(&self) -> bool {
        self.probe.is_idle() && self.scan.is_idle()
    }
}

/// What an answer means that is not the one that was asked for.
fn unexpected(reply: Reply) -> Error {
    match reply {
        Reply::Failed(failure) => Error::kernel(
            failure.step.name(),
            std::io::Error::from_raw_os_error(failure.errno),
        ),
        _ => Error::new(ErrorKind::Helper, "the helper process")
            .with_source("it answered another question".to_owned()),
    }
}
