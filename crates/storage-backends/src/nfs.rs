//! NFS exports, mounted by the kernel's own client.

mod discover;
pub mod exports;
mod live;
mod messages;
mod mount;
mod patience;
mod probe;

pub use discover::exports_of;
pub use exports::ExportList;
pub use live::STATFS_DEADLINE;
pub use mount::{DEFAULT_RETRANS, DEFAULT_TIMEO};

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use storage_domain::{BackendKind, MountPoint, NfsConfig, ProbeReport, TemplatePatterns};

use crate::backend::{Backend, Kind, Mount, MountState, Setup, Tree, UnmountMode};
use crate::context::OpContext;
use crate::error::{Error, ErrorKind};
use crate::helper::queue::Purpose;
use crate::helper::{HelperQueue, ScanCall};
use crate::mount::table;
use crate::mount::unmount::unmount;
use crate::net::Network;
use crate::scan::{ScanProgress, ScanReport};
use crate::settings::Settings;
use mount::Wanted;

/// How long a name look-up may take.
const RESOLVE_DEADLINE: Duration = Duration::from_secs(5);
/// How long a server may take to accept a connection.
const CONNECT_DEADLINE: Duration = Duration::from_secs(3);

/// An NFS export.
#[derive(Debug)]
pub struct NfsBackend {
    config: NfsConfig,
    wanted: Wanted,
    at: Option<MountPoint>,
    queue: Arc<HelperQueue>,
    templates: TemplatePatterns,
    network: Network,
    mount_deadline: Duration,
    scan_deadline: Duration,
    /// The number of the mount that this very object made; 0 where it made none.
    made: AtomicU32,
    /// Whether the mount was there when this object looked last, and was not taken away by it since.
    had: AtomicBool,
    failing_since: live::FailingSince,
}

impl NfsBackend {
    /// A backend that mounts on `at`, where mounting is switched on.
    pub fn new(
        config: NfsConfig,
        at: Option<MountPoint>,
        queue: Arc<HelperQueue>,
        settings: &Settings,
    ) -> Self {
        Self {
            wanted: Wanted::new(&config),
            config,
            at,
            queue,
            templates: settings.templates.clone(),
            network: settings.network.clone(),
            mount_deadline: settings.mount_deadline,
            scan_deadline: settings.scan_deadline,
            made: AtomicU32::new(0),
            had: AtomicBool::new(false),
            failing_since: live::FailingSince::default(),
        }
    }
}

impl Kind for NfsBackend {
    type Config = NfsConfig;

    fn open(config: &NfsConfig, setup: &Setup<'_>) -> Result<Self, Error> {
        let dir = setup.settings.mount_dir.as_ref();
        let at = dir.map(|dir| MountPoint::new(dir, setup.id));
        let queue = setup.queues.of(setup.id);
        Ok(Self::new(config.clone(), at, queue, setup.settings))
    }

    fn warnings(config: &NfsConfig) -> Vec<String> {
        patience::warnings(config)
    }
}

#[async_trait]
impl Backend for NfsBackend {
    fn kind(&self) -> BackendKind {
        BackendKind::Nfs
    }

    /// Checks `resolve`, `exports`, `mount` and `capacity`, in this order; each of them is always there. Where the
    /// helper hangs in the kernel, nothing is checked.
    async fn probe(&self, cx: &OpContext) -> Result<ProbeReport, Error> {
        if let Some(helper) = self.queue.stuck(Purpose::Probe) {
            return Err(helper.error());
        }
        let begun = Instant::now();
        let mut report = self.run_checks(cx).await?;
        report.warnings = patience::warnings(&self.config);
        report.duration = begun.elapsed();
        Ok(report)
    }

    fn as_mount(&self) -> Option<&dyn Mount> {
        self.at.as_ref().map(|_| self as &dyn Mount)
    }

    fn as_tree(&self) -> Option<&dyn Tree> {
        self.at.as_ref().map(|_| self as &dyn Tree)
    }
}

#[async_trait]
impl Mount for NfsBackend {
    fn state(&self) -> Result<MountState, Error> {
        match &self.at {
            Some(at) => self.look(at, &[]).map(live::Found::state),
            None => Ok(MountState::Unmounted),
        }
    }

    /// Ends a probe and a scan that are under way first: nothing that they would find out matters any more. Where one
    /// of them hangs in the kernel, only a detaching unmount goes on.
    async fn unmount(&self, cx: &OpContext, mode: UnmountMode) -> Result<(), Error> {
        let Some(at) = &self.at else { return Ok(()) };
        let _preempted = self.queue.preempt(cx).await;
        let stuck = self
            .queue
            .stuck(Purpose::Probe)
            .or_else(|| self.queue.stuck(Purpose::Scan));
        if let (UnmountMode::Plain, Some(helper)) = (mode, stuck) {
            return Err(helper.error());
        }
        self.had.store(false, Ordering::Relaxed);
        unmount(cx, &self.queue, at.as_path(), mode).await
    }
}

#[async_trait]
impl Tree for NfsBackend {
    async fn scan(&self, cx: &OpContext, progress: Arc<ScanProgress>) -> Result<ScanReport, Error> {
        let Some(at) = &self.at else {
            let reason = "mounting is switched off, so that the files can't be counted".to_owned();
            return Err(Error::new(ErrorKind::NotListable, "the listing").with_source(reason));
        };
        let cx = cx.step(self.scan_deadline);
        let lease = self.queue.enter(&cx, Purpose::Scan).await?;
        let before = self.counted_mount(at)?;
        let call = ScanCall {
            root: at.as_path().to_owned(),
            templates: self.templates.extensions().to_vec(),
            bytes: false,
            max_memory: ScanCall::MAX_MEMORY,
        };
        let report = lease.scan(&cx, call, &progress).await?;
        match self.counted_mount(at) {
            Ok(after) if after == before => Ok(report),
            // What was counted while the mount went is less than what there is, and shows no error.
            _ => Err(Error::cancelled("the scan")),
        }
    }
}

impl NfsBackend {
    /// Returns what distinguishes one mount from the next, as far as anything does.
    fn counted_mount(&self, at: &MountPoint) -> Result<(u64, u32, String), Error> {
        let removals = self.queue.removals();
        match self.look(at, &[])? {
            live::Found::Right(entry) => Ok((removals, entry.id, entry.source)),
            _ => Err(Error::new(ErrorKind::NotMounted, "the scan")),
        }
    }
}

/// Whether a mount is the one that a config wants, by its name for the server.
pub(crate) fn is_mount_of(config: &NfsConfig, entry: &table::MountEntry) -> bool {
    Wanted::new(config).matches(entry, &[])
}
