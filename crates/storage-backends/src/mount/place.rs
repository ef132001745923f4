//! Knows the mount point of one backend: what is mounted there, and what the service remembers of it.

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use storage_domain::{Capacity, IgnoredDirectories, MountPoint, TemplatePatterns};
use tokio::time::Instant;

use super::decide::{Decision, Memory, Reason, Seen, decide};
use super::record;
use super::spec::MountSpec;
use super::table::{self, MountEntry, MountTable};
use super::unmount::unmount;
use crate::backend::{MountState, UnmountMode};
use crate::context::OpContext;
use crate::error::{Error, ErrorKind};
use crate::helper::protocol::Unreadable;
use crate::helper::queue::Purpose;
use crate::helper::{HelperQueue, ScanCall};
use crate::net::Network;
use crate::scan::{ScanProgress, ScanReport};

/// How long finding out whether files can be read may take: some round trips to a server that answers.
const ACCESS_DEADLINE: Duration = Duration::from_secs(5);

/// The mount point of a backend.
#[derive(Debug)]
pub(crate) struct MountPlace {
    pub(super) at: MountPoint,
    pub(super) spec: MountSpec,
    pub(super) queue: Arc<HelperQueue>,
    pub(super) network: Network,
    /// Time limit of a mount.
    pub(super) deadline: Duration,
    memory: Mutex<Memory>,
}

/// What was found before anything is known of the server.
fn nothing_known() -> Seen<'static> {
    Seen {
        failure: None,
        connects: false,
        addrs: &[],
        now: Instant::now(),
    }
}

impl MountPlace {
    pub(crate) fn new(
        at: MountPoint,
        spec: MountSpec,
        queue: Arc<HelperQueue>,
        network: Network,
        deadline: Duration,
    ) -> Self {
        Self {
            at,
            spec,
            queue,
            network,
            deadline,
            memory: Mutex::default(),
        }
    }

    /// Returns the mount point.
    pub(crate) fn path(&self) -> &Path {
        self.at.as_path()
    }

    /// Returns whether it is mounted so that it may be written to.
    pub(crate) fn is_writable(&self) -> bool {
        self.spec.read_write
    }

    /// Returns what is mounted.
    pub(crate) fn state(&self, mounts: &MountTable) -> MountState {
        let layers = mounts.layers(self.path());
        let decision = self.decide(layers, &nothing_known());
        match (decision, layers.last()) {
            (Decision::Adopt(_), _) => MountState::Mounted,
            (Decision::Replace(_), Some(top)) => MountState::Foreign {
                source: top.source.clone(),
            },
            _ => MountState::Unmounted,
        }
    }

    /// Takes the mount away.
    ///
    /// Ends a probe, a scan and reads that are under way first: nothing that they would find out matters any more. If one
    /// of them hangs in the kernel, only a detaching unmount goes on.
    pub(crate) async fn unmount(&self, cx: &OpContext, mode: UnmountMode) -> Result<(), Error> {
        let _preempted = self.queue.preempt(cx).await;
        let stuck = Purpose::USING_MOUNT
            .into_iter()
            .find_map(|purpose| self.queue.stuck(purpose));
        if let (UnmountMode::Plain, Some(helper)) = (mode, stuck) {
            return Err(helper.error());
        }
        self.memory().was_mounted = false;
        unmount(cx, &self.queue, self.path(), mode).await
    }

    /// Counts the files of the mount, which has to be there, and the same one, until the end.
    pub(crate) async fn scan(
        &self,
        cx: &OpContext,
        (templates, ignored): (&TemplatePatterns, &IgnoredDirectories),
        progress: &ScanProgress,
    ) -> Result<ScanReport, Error> {
        let lease = self.queue.enter(cx, Purpose::Scan).await?;
        let before = self.counted()?;
        let call = ScanCall {
            root: self.path().to_owned(),
            templates: templates.extensions().to_vec(),
            ignored: ignored.names().to_vec(),
            bytes: false,
            max_memory: ScanCall::MAX_MEMORY,
        };
        let report = lease.scan(cx, call, progress).await?;
        match self.counted() {
            Ok(after) if after == before => Ok(report),
            // What was counted while the mount went is less than what there is, and shows no error.
            _ => Err(Error::cancelled("the scan")),
        }
    }

    /// Returns what distinguishes one mount from the next, as far as anything does.
    fn counted(&self) -> Result<(u64, MountEntry), Error> {
        let removals = self.queue.removals();
        match self.own()? {
            Some(entry) => Ok((removals, entry)),
            None => Err(Error::new(ErrorKind::NotMounted, "the scan")),
        }
    }

    /// Asks only whether the mount is still there and answers; `None` if it is not so, or that is not known.
    pub(crate) async fn still_answers(
        &self,
        cx: &OpContext,
    ) -> Result<Option<(MountEntry, Capacity)>, Error> {
        let Some(entry) = self.own()? else {
            return Ok(None);
        };
        let lease = self.queue.enter(cx, Purpose::Probe).await?;
        self.memory().was_mounted = true;
        let measured = self.measure(&lease, cx).await?;
        Ok(measured.ok().map(|capacity| (entry, capacity)))
    }

    /// Finds out whether the files of the mount can be read; `None` also if that is not known.
    pub(crate) async fn unreadable(&self, cx: &OpContext) -> Result<Option<Unreadable>, Error> {
        let asked = async {
            let lease = self.queue.enter(cx, Purpose::Probe).await?;
            lease.readable(&cx.step(ACCESS_DEADLINE), self.path()).await
        };
        match asked.await {
            Err(error) if !error.is_cancelled() => {
                tracing::debug!(%error, mount_point = %self.at, "whether files can be read is not known");
                Ok(None)
            }
            known => known,
        }
    }

    /// Notes that the server can't be reached, so that nothing speaks against its mount.
    pub(crate) fn note_unreachable(&self) {
        self.memory().forget_failure();
    }

    /// Returns the mount if it is the service's own.
    pub(super) fn own(&self) -> Result<Option<MountEntry>, Error> {
        let layers = self.layers()?;
        Ok(match self.decide(&layers, &nothing_known()) {
            Decision::Adopt(entry) => Some(entry.clone()),
            Decision::Mount { .. } | Decision::Replace(_) => None,
        })
    }

    pub(super) fn layers(&self) -> Result<Vec<MountEntry>, Error> {
        table::layers(self.path())
    }

    /// Decides, after a look into the record of an earlier process if nothing else explains the mount.
    pub(super) fn decide<'a>(&self, layers: &'a [MountEntry], seen: &Seen<'_>) -> Decision<'a> {
        let mut memory = self.memory();
        let decision = decide(layers, &self.spec, &memory, seen);
        if decision != Decision::Replace(Reason::Foreign) || memory.made.is_some() || memory.recalled {
            return decision;
        }
        memory.recalled = true;
        memory.made = record::read(&self.at);
        decide(layers, &self.spec, &memory, seen)
    }

    pub(super) fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
