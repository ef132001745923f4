//! What a fake can do beyond being probed.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;

use super::FakeCalls;
use crate::backend::{Mount, MountState, Tree, UnmountMode};
use crate::context::OpContext;
use crate::error::{Error, ErrorKind};
use crate::holders::Holders;
use crate::mount::table::MountTable;
use crate::scan::{ScanProgress, ScanReport};

#[derive(Debug)]
pub(super) struct FakeMount {
    pub(super) state: Mutex<MountState>,
    pub(super) busy: bool,
    pub(super) holders: Holders,
    pub(super) calls: Arc<FakeCalls>,
}

#[derive(Debug)]
pub(super) struct FakeTree {
    pub(super) report: ScanReport,
    pub(super) delay: Duration,
    pub(super) refusal: Option<String>,
    pub(super) calls: Arc<FakeCalls>,
}

impl FakeMount {
    fn state(&self) -> MountState {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn set(&self, state: MountState) {
        *self.state.lock().unwrap_or_else(PoisonError::into_inner) = state;
    }
}

#[async_trait]
impl Mount for FakeMount {
    fn state(&self, _mounts: &MountTable) -> MountState {
        self.state()
    }

    async fn unmount(&self, cx: &OpContext, mode: UnmountMode) -> Result<(), Error> {
        self.calls
            .unmounts
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(mode);
        let _one_at_a_time = cx.bound("the unmount", self.calls.unmounting.lock()).await?;
        if self.busy && mode == UnmountMode::Plain && self.state() != MountState::Unmounted {
            return Err(Error::new(ErrorKind::Busy(self.holders.clone()), "unmounting"));
        }
        self.set(MountState::Unmounted);
        Ok(())
    }
}

#[async_trait]
impl Tree for FakeTree {
    async fn scan(&self, cx: &OpContext, progress: Arc<ScanProgress>) -> Result<ScanReport, Error> {
        self.calls.scans.fetch_add(1, Ordering::SeqCst);
        let _under_way = self.calls.begin();
        if let Some(reason) = self.refusal.clone() {
            return Err(Error::new(ErrorKind::NotListable, "the listing").with_source(reason));
        }
        progress.set(self.report.files / 2, self.report.directories / 2);
        cx.bound("the scan", tokio::time::sleep(self.delay)).await?;
        progress.set(self.report.files, self.report.directories);
        Ok(self.report.clone())
    }
}
