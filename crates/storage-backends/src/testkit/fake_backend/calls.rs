//! What was asked of a fake.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread::ThreadId;

use tokio::sync::{MutexGuard, RwLock, RwLockWriteGuard};

use crate::backend::UnmountMode;

/// What was asked of a [`FakeBackend`](super::FakeBackend).
#[derive(Debug, Default)]
pub struct FakeCalls {
    pub(super) probes: AtomicU32,
    pub(super) scans: AtomicU32,
    pub(super) unfinished: AtomicU32,
    pub(super) unmounts: Mutex<Vec<(UnmountMode, ThreadId)>>,
    /// Locked by whoever unmounts.
    pub(super) unmounting: tokio::sync::Mutex<()>,
    /// Read by whoever scans.
    pub(super) scanning: RwLock<()>,
}

impl FakeCalls {
    /// Probes that began.
    pub fn probes(&self) -> u32 {
        self.probes.load(Ordering::SeqCst)
    }

    /// Scans that began.
    pub fn scans(&self) -> u32 {
        self.scans.load(Ordering::SeqCst)
    }

    /// Probes and scans that are under way now; one whose future was dropped is not.
    pub fn under_way(&self) -> u32 {
        self.unfinished.load(Ordering::SeqCst)
    }

    /// Every unmount that was asked for, in order.
    pub fn unmounts(&self) -> Vec<UnmountMode> {
        let unmounts = self.unmounts.lock().unwrap_or_else(PoisonError::into_inner);
        unmounts.iter().map(|(mode, _)| *mode).collect()
    }

    /// Returns the thread that asked for the last unmount.
    pub fn unmounting_thread(&self) -> Option<ThreadId> {
        let unmounts = self.unmounts.lock().unwrap_or_else(PoisonError::into_inner);
        unmounts.last().map(|(_, thread)| *thread)
    }

    /// Lets no unmount end before the guard is dropped.
    pub async fn hold_unmounts(&self) -> MutexGuard<'_, ()> {
        self.unmounting.lock().await
    }

    /// Lets no scan end before the guard is dropped, except by its deadline or its cancellation.
    pub async fn hold_scans(&self) -> RwLockWriteGuard<'_, ()> {
        self.scanning.write().await
    }

    pub(super) fn begin(&self) -> UnderWay<'_> {
        self.unfinished.fetch_add(1, Ordering::SeqCst);
        UnderWay(self)
    }
}

/// Counts a call as under way until it is dropped.
pub(super) struct UnderWay<'a>(&'a FakeCalls);

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.unfinished.fetch_sub(1, Ordering::SeqCst);
    }
}
