//! Mounting a fake.

use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use async_trait::async_trait;

use super::FakeCalls;
use crate::backend::{Mount, MountState, UnmountMode};
use crate::context::OpContext;
use crate::error::{Error, ErrorKind};
use crate::holders::Holders;
use crate::mount::table::MountTable;

#[derive(Debug)]
pub(super) struct FakeMount {
    pub(super) state: Mutex<MountState>,
    pub(super) busy: bool,
    pub(super) holders: Holders,
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
            .push((mode, thread::current().id()));
        let _one_at_a_time = cx.bound("the unmount", self.calls.unmounting.lock()).await?;
        if self.busy && mode == UnmountMode::Plain && self.state() != MountState::Unmounted {
            return Err(Error::new(ErrorKind::Busy(self.holders.clone()), "unmounting"));
        }
        self.set(MountState::Unmounted);
        Ok(())
    }
}
