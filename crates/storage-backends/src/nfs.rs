//! NFS exports, mounted by the kernel's own client.

mod discover;
pub mod exports;
mod messages;
mod mount;
mod patience;
mod probe;

pub use crate::mount::ensure::STATFS_DEADLINE;
pub use discover::exports_of;
pub use exports::ExportList;
pub use mount::{DEFAULT_RETRANS, DEFAULT_TIMEO};

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use storage_domain::{
    BackendKind, FilePath, IgnoredDirectories, MountPoint, NfsConfig, ProbeReport, Revision, TemplatePatterns,
};

use crate::backend::{Backend, Kind, Mount, MountState, Setup, Tree, TreeMut, UnmountMode};
use crate::context::OpContext;
use crate::error::{Error, ErrorKind};
use crate::file_bytes::FileBytes;
use crate::files::{FileEntry, FilePage, PageRequest, ReadRequest, TreeCapabilities};
use crate::helper::HelperQueue;
use crate::helper::queue::Purpose;
use crate::mount::files::MountedFiles;
use crate::mount::place::MountPlace;
use crate::mount::table::MountTable;
use crate::net::Network;
use crate::scan::{ScanProgress, ScanReport};
use crate::settings::Settings;
use mount::MountRequest;

/// How long a name look-up may take.
const RESOLVE_DEADLINE: Duration = Duration::from_secs(5);
/// How long a server may take to accept a connection.
const CONNECT_DEADLINE: Duration = Duration::from_secs(3);

/// An NFS export.
#[derive(Debug)]
pub struct NfsBackend {
    config: NfsConfig,
    request: MountRequest,
    place: Option<Arc<MountPlace>>,
    files: Option<MountedFiles>,
    queue: Arc<HelperQueue>,
    templates: TemplatePatterns,
    ignored: IgnoredDirectories,
    network: Network,
    scan_deadline: Duration,
}

impl NfsBackend {
    /// Makes a backend that mounts on `at`; without it mounting is switched off.
    pub fn new(
        config: NfsConfig,
        revision: Revision,
        at: Option<MountPoint>,
        queue: Arc<HelperQueue>,
        settings: &Settings,
    ) -> Self {
        let (queue_of_place, network) = (Arc::clone(&queue), settings.network.clone());
        let spec = mount::spec(&config, revision);
        let new = |at| MountPlace::new(at, spec, queue_of_place, network, settings.mount_deadline);
        let place = at.map(|at| Arc::new(new(at)));
        Self {
            request: MountRequest::new(&config),
            config,
            files: place.clone().map(|place| MountedFiles {
                place,
                ignored: settings.ignored.clone(),
                patience: patience::in_force,
            }),
            place,
            queue,
            templates: settings.templates.clone(),
            ignored: settings.ignored.clone(),
            network: settings.network.clone(),
            scan_deadline: settings.scan_deadline,
        }
    }

    fn files(&self) -> Result<&MountedFiles, Error> {
        self.files.as_ref().ok_or_else(|| {
            let reason = "mounting is switched off, so that there are no files";
            Error::new(ErrorKind::NotListable, "the listing").with_source(reason)
        })
    }
}

impl Kind for NfsBackend {
    type Config = NfsConfig;

    fn open(config: &NfsConfig, setup: &Setup<'_>) -> Result<Self, Error> {
        let dir = setup.settings.mount_dir.as_ref();
        let at = dir.map(|dir| MountPoint::new(dir, setup.id));
        let queue = setup.queues.of(setup.id);
        Ok(Self::new(
            config.clone(),
            setup.revision,
            at,
            queue,
            setup.settings,
        ))
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
        self.place.as_ref().map(|_| self as &dyn Mount)
    }

    fn as_tree(&self) -> Option<&dyn Tree> {
        self.place.as_ref().map(|_| self as &dyn Tree)
    }

    fn as_tree_mut(&self) -> Option<&dyn TreeMut> {
        self.files.as_ref().map(|files| files as &dyn TreeMut)
    }
}

#[async_trait]
impl Mount for NfsBackend {
    fn state(&self, mounts: &MountTable) -> MountState {
        let place = self.place.as_ref();
        place.map_or(MountState::Unmounted, |place| place.state(mounts))
    }

    async fn unmount(&self, cx: &OpContext, mode: UnmountMode) -> Result<(), Error> {
        match &self.place {
            Some(place) => place.unmount(cx, mode).await,
            None => Ok(()),
        }
    }
}

#[async_trait]
impl Tree for NfsBackend {
    async fn scan(&self, cx: &OpContext, progress: Arc<ScanProgress>) -> Result<ScanReport, Error> {
        let names = (&self.templates, &self.ignored);
        let cx = cx.step(self.scan_deadline);
        self.files()?.place.scan(&cx, names, &progress).await
    }

    fn capabilities(&self) -> TreeCapabilities {
        TreeCapabilities {
            ranges: true,
            write: self.place.as_ref().is_some_and(|place| place.is_writable()),
            rename: true,
            conditional: true,
        }
    }

    async fn list(
        &self,
        cx: &OpContext,
        directory: &FilePath,
        page: &PageRequest,
    ) -> Result<FilePage, Error> {
        self.files()?.list(cx, directory, page).await
    }

    async fn stat(&self, cx: &OpContext, path: &FilePath) -> Result<FileEntry, Error> {
        self.files()?.stat(cx, path).await
    }

    async fn read(&self, cx: &OpContext, path: &FilePath, request: &ReadRequest) -> Result<FileBytes, Error> {
        self.files()?.read(cx, path, request).await
    }
}
