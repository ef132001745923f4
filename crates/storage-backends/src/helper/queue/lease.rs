//! The right to run helpers of a queue.

use std::future::Future;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use storage_domain::Capacity;
use tokio::io::BufReader;
use tokio::sync::OwnedSemaphorePermit;
use tokio_util::sync::CancellationToken;

use super::{HelperQueue, Purpose, StuckHelper};
use crate::context::OpContext;
use crate::error::{Error, ErrorKind};
use crate::helper::process::{Cleanup, Ending, Input, Process, Supervision};
use crate::helper::protocol::{self, Call, CallFailure, Reply, ScanCall, Unreadable};
use crate::helper::{FILES_SENTINEL, SENTINEL};
use crate::scan::{ScanProgress, ScanReport};

/// The right to run helpers, one after the other, until it is dropped and the last of them is gone.
#[derive(Debug, Clone)]
pub(crate) struct Lease {
    queue: Arc<HelperQueue>,
    purpose: Purpose,
    preempted: CancellationToken,
    /// Keeps others off the queue. Each helper has it too until it is reaped and cleaned up after.
    _guard: Option<Arc<OwnedSemaphorePermit>>,
}

impl Lease {
    pub(super) fn new(
        queue: &Arc<HelperQueue>,
        purpose: Purpose,
        preempted: CancellationToken,
        guard: OwnedSemaphorePermit,
    ) -> Self {
        Self {
            queue: Arc::clone(queue),
            purpose,
            preempted,
            _guard: Some(Arc::new(guard)),
        }
    }

    /// Makes a lease that keeps nobody off the queue, for unmounts.
    pub(super) fn unqueued(queue: &Arc<HelperQueue>) -> Self {
        Self {
            queue: Arc::clone(queue),
            purpose: Purpose::Unmount,
            preempted: CancellationToken::new(),
            _guard: None,
        }
    }

    /// Runs a step that has no helper, until the lease is preempted.
    ///
    /// # Errors
    /// [`ErrorKind::Cancelled`] if it is; `step` names what was cancelled.
    pub(crate) async fn bound<T>(
        &self,
        step: &'static str,
        run: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        tokio::select! {
            biased;
            () = self.preempted.cancelled() => Err(Error::cancelled(step)),
            done = run => done,
        }
    }

    /// Reads the capacity of the file system at `path`.
    pub(crate) async fn statfs(&self, cx: &OpContext, path: &Path) -> Result<Capacity, Error> {
        let call = Call::Statfs {
            path: path.to_owned(),
        };
        match self.ask(cx, "statfs", &call, None, |_, _| ()).await? {
            Reply::Capacity(capacity) => Ok(capacity),
            other => Err(unexpected(other)),
        }
    }

    /// Finds out whether the first files of the directory at `path` can be read.
    pub(crate) async fn readable(&self, cx: &OpContext, path: &Path) -> Result<Option<Unreadable>, Error> {
        let call = Call::Access {
            path: path.to_owned(),
        };
        match self.ask(cx, "access", &call, None, |_, _| ()).await? {
            Reply::Readable(unreadable) => Ok(unreadable),
            other => Err(unexpected(other)),
        }
    }

    /// Counts the files below a directory.
    pub(crate) async fn scan(
        &self,
        cx: &OpContext,
        call: ScanCall,
        progress: &ScanProgress,
    ) -> Result<ScanReport, Error> {
        let report = |files, directories| progress.set(files, directories);
        match self.ask(cx, "the scan", &Call::Scan(call), None, report).await? {
            Reply::Scanned(report) => {
                progress.set(report.files, report.directories);
                Ok(report)
            }
            other => Err(unexpected(other)),
        }
    }

    /// Waits until fewer than [`MAX_MOUNTS_IN_FLIGHT`](crate::helper::MAX_MOUNTS_IN_FLIGHT) mounts are in flight.
    ///
    /// # Errors
    /// [`ErrorKind::Timeout`] if the others take too long.
    pub(crate) async fn mount_permit(&self, cx: &OpContext) -> Result<OwnedSemaphorePermit, Error> {
        let step = "waiting for other mounts";
        let permit = Arc::clone(&self.queue.mounts).acquire_owned();
        let permit = async { permit.await.map_err(|_| Error::cancelled(step)) };
        cx.bound(step, self.bound(step, permit)).await?
    }

    /// Mounts within `limit`, which begins now that there is a permit; `cleanup` runs if the helper was ended before it
    /// answered, when it is gone.
    pub(crate) async fn mount(
        &self,
        _permit: OwnedSemaphorePermit,
        cx: &OpContext,
        limit: Duration,
        call: &Call,
        cleanup: Cleanup,
    ) -> Result<Result<(), CallFailure>, Error> {
        let cx = cx.step(limit);
        match self.ask(&cx, "the mount", call, Some(cleanup), |_, _| ()).await? {
            Reply::Mounted => Ok(Ok(())),
            Reply::Failed(failure) => Ok(Err(failure)),
            other => Err(unexpected(other)),
        }
    }

    /// Writes what is known of a mount into a file: the disk below the mount directory may hang.
    pub(crate) async fn record(
        &self,
        cx: &OpContext,
        file: PathBuf,
        content: serde_json::Value,
    ) -> Result<(), Error> {
        let call = Call::Record { file, content };
        match self
            .ask(cx, "recording the mount", &call, None, |_, _| ())
            .await?
        {
            Reply::Recorded => Ok(()),
            other => Err(unexpected(other)),
        }
    }

    /// Starts a helper that works on files and takes its calls from a socket.
    pub(super) fn start_files(&self, socket: OwnedFd) -> Result<Process, Error> {
        let with = Supervision {
            input: Input::Socket(socket),
            on_stuck: self.mark_stuck(),
            ..Supervision::default()
        };
        Process::start(self.queue.command.command(FILES_SENTINEL), with).map_err(broken)
    }

    /// Waits until the lease is preempted.
    pub(super) async fn preempted(&self) {
        self.preempted.cancelled().await;
    }

    async fn ask(
        &self,
        cx: &OpContext,
        step: &'static str,
        call: &Call,
        cleanup: Option<Cleanup>,
        on_progress: impl FnMut(u64, u64) + Send,
    ) -> Result<Reply, Error> {
        self.call(cx, step, call, Duration::ZERO, cleanup, on_progress)
            .await
    }

    /// Starts a helper, makes one call and ends the helper.
    ///
    /// # Cancel safety
    /// Dropping the future kills the helper after `farewell`.
    pub(super) async fn call(
        &self,
        cx: &OpContext,
        step: &'static str,
        call: &Call,
        farewell: Duration,
        cleanup: Option<Cleanup>,
        on_progress: impl FnMut(u64, u64) + Send,
    ) -> Result<Reply, Error> {
        let with = Supervision {
            input: Input::Bytes(protocol::encode(call).map_err(broken)?),
            farewell,
            on_stuck: self.mark_stuck(),
            cleanup,
        };
        let mut process = Process::start(self.queue.command.command(SENTINEL), with).map_err(broken)?;
        let exchange = async { Ok(exchange(&mut process, on_progress).await) };
        let answer = cx.bound(step, self.bound(step, exchange)).await.flatten();
        let ending = match &answer {
            Ok(Ok(_)) => Ending::Answered,
            Ok(Err(_)) => Ending::Closed,
            Err(_) => Ending::Abandoned,
        };
        let status = process.end(ending).await;
        match answer {
            Ok(Ok(reply)) => Ok(reply),
            Ok(Err(error)) => {
                let ended = status.map_or_else(|| "it hangs in the kernel".to_owned(), |s| s.to_string());
                Err(broken(format!("{error}; {ended}")))
            }
            Err(error) => Err(self.queue.stuck(self.purpose).map_or(error, StuckHelper::error)),
        }
    }

    /// Returns what enters and removes a helper of this lease among those that hang, and holds the lease.
    fn mark_stuck(&self) -> Box<dyn Fn(Option<u32>) + Send + Sync> {
        let (lease, hanging) = (self.clone(), AtomicU32::new(0));
        Box::new(move |pid| {
            // A closure that names fields alone would not capture the guard.
            let lease = &lease;
            match pid {
                Some(pid) => {
                    hanging.store(pid, Ordering::Relaxed);
                    lease.queue.set_stuck(lease.purpose, pid);
                }
                None => lease.queue.unset_stuck(hanging.load(Ordering::Relaxed)),
            }
        })
    }
}

/// Waits for the last answer to the call that the supervisor sends.
async fn exchange(
    process: &mut Process,
    mut on_progress: impl FnMut(u64, u64) + Send,
) -> std::io::Result<Reply> {
    let mut output = BufReader::new(&mut process.stdout);
    loop {
        match protocol::receive(&mut output).await? {
            Reply::Progress { files, directories } => on_progress(files, directories),
            reply => return Ok(reply),
        }
    }
}

pub(super) fn broken(reason: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    Error::new(ErrorKind::Helper, "the helper process").with_source(reason)
}

/// Returns the error that an answer means which is not the expected one.
fn unexpected(reply: Reply) -> Error {
    match reply {
        Reply::Failed(failure) => Error::kernel(
            failure.step.name(),
            std::io::Error::from_raw_os_error(failure.errno),
        ),
        _ => broken("it answered another call"),
    }
}
