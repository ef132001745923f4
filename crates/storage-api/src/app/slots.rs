//! What goes on with each backend now: who changes it, which test and which scan run.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use storage_backends::{ScanProgress, ScanReport};
use storage_domain::{BackendId, Revision};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::error::AppError;
use super::testing::TestEnd;
use crate::ending::Ending;

/// A piece of background work that others may join, watch and cancel.
#[derive(Debug, Clone)]
pub(crate) struct Running<T> {
    /// The revision of the config that it works on.
    pub(crate) revision: Revision,
    /// Ends it early.
    pub(crate) cancel: CancellationToken,
    /// Whether nobody asked for it.
    pub(crate) unattended: bool,
    end: Ending<T>,
}

impl<T: Clone> Running<T> {
    /// Work on a revision, and the place where its end is told.
    pub(crate) fn new(revision: Revision, cancel: CancellationToken) -> (Self, watch::Sender<Option<T>>) {
        let (told, end) = Ending::awaited();
        (
            Self {
                revision,
                cancel,
                unattended: false,
                end,
            },
            told,
        )
    }

    /// The same, which nobody asked for.
    pub(crate) fn unattended(mut self) -> Self {
        self.unattended = true;
        self
    }

    /// Waits for the end; `None` where the work broke off without telling one.
    pub(crate) async fn ended(&self) -> Option<T> {
        self.end.told().await
    }

    fn is_alive(&self) -> bool {
        self.end.is_to_come()
    }
}

/// How a scan ended.
#[derive(Debug, Clone)]
pub(crate) enum ScanEnd {
    /// It counted, and the counts are stored.
    Counted(Arc<ScanReport>),
    /// It could not count, for a reason in plain words.
    NotCounted(String),
}

/// A scan at work, and how far it is.
#[derive(Debug, Clone)]
pub(crate) struct RunningScan {
    /// The work.
    pub(crate) work: Running<ScanEnd>,
    /// What it has counted so far.
    pub(crate) progress: Arc<ScanProgress>,
}

#[derive(Debug, Default)]
struct Work {
    test: Option<Running<TestEnd>>,
    scan: Option<RunningScan>,
}

/// What goes on with one backend.
#[derive(Debug, Default)]
struct Slot {
    gate: tokio::sync::Mutex<()>,
    work: Mutex<Work>,
}

/// The slots of all backends with which something goes on.
#[derive(Debug, Default)]
pub(crate) struct Slots {
    by_id: Mutex<HashMap<BackendId, Arc<Slot>>>,
}

impl Slots {
    /// The slot of a backend; it goes away with its last handle.
    pub(crate) fn of(self: &Arc<Self>, id: BackendId) -> SlotHandle {
        let slot = Arc::clone(lock(&self.by_id).entry(id).or_default());
        SlotHandle {
            slots: Arc::clone(self),
            id,
            slot: Some(slot),
        }
    }

    /// Whether something goes on with a backend.
    pub(crate) fn is_busy(&self, id: BackendId) -> bool {
        lock(&self.by_id).contains_key(&id)
    }

    /// With how many backends something goes on.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        lock(&self.by_id).len()
    }
}

/// Keeps a slot in being.
#[derive(Debug)]
pub(crate) struct SlotHandle {
    slots: Arc<Slots>,
    id: BackendId,
    /// Is there until the handle is dropped.
    slot: Option<Arc<Slot>>,
}

impl SlotHandle {
    /// Waits until nobody else changes the backend or starts a test of it.
    ///
    /// # Errors
    /// [`AppError::InProgress`] after `limit`.
    pub(crate) async fn gate(&self, limit: Duration) -> Result<tokio::sync::MutexGuard<'_, ()>, AppError> {
        tokio::time::timeout(limit, self.slot().gate.lock())
            .await
            .map_err(|_| AppError::InProgress)
    }

    /// The test that runs.
    pub(crate) fn test(&self) -> Option<Running<TestEnd>> {
        lock(&self.slot().work).test.clone().filter(Running::is_alive)
    }

    /// The scan that runs.
    pub(crate) fn scan(&self) -> Option<RunningScan> {
        lock(&self.slot().work)
            .scan
            .clone()
            .filter(|scan| scan.work.is_alive())
    }

    /// Whether a test or a scan of another revision runs.
    pub(crate) fn works_on_other(&self, revision: Revision) -> bool {
        let test = self.test().map(|test| test.revision);
        let scan = self.scan().map(|scan| scan.work.revision);
        test.into_iter().chain(scan).any(|at_work| at_work != revision)
    }

    /// Notes the test that runs from now on.
    pub(crate) fn set_test(&self, test: Running<TestEnd>) {
        lock(&self.slot().work).test = Some(test);
    }

    /// Notes the scan that runs from now on.
    pub(crate) fn set_scan(&self, scan: RunningScan) {
        lock(&self.slot().work).scan = Some(scan);
    }

    /// Cancels the test and waits for its end; `false` where it had not ended after `limit`.
    pub(crate) async fn end_test(&self, limit: Duration) -> bool {
        let Some(test) = self.test() else { return true };
        test.cancel.cancel();
        tokio::time::timeout(limit, test.ended()).await.is_ok()
    }

    /// Cancels test and scan and waits for their end; `false` where they had not ended after `limit`.
    pub(crate) async fn quiesce(&self, limit: Duration) -> bool {
        let (test, scan) = (self.test(), self.scan());
        if let Some(test) = &test {
            test.cancel.cancel();
        }
        if let Some(scan) = &scan {
            scan.work.cancel.cancel();
        }
        let both = async {
            if let Some(test) = &test {
                test.ended().await;
            }
            // A test that was about to start a scan has done so by now, or never will.
            if let Some(scan) = self.scan() {
                scan.work.cancel.cancel();
                scan.work.ended().await;
            }
        };
        tokio::time::timeout(limit, both).await.is_ok()
    }

    fn slot(&self) -> &Arc<Slot> {
        match &self.slot {
            Some(slot) => slot,
            None => unreachable!("a slot is there until its handle is dropped"),
        }
    }
}

impl Clone for SlotHandle {
    fn clone(&self) -> Self {
        self.slots.of(self.id)
    }
}

impl Drop for SlotHandle {
    fn drop(&mut self) {
        let mut by_id = lock(&self.slots.by_id);
        drop(self.slot.take());
        if by_id
            .get(&self.id)
            .is_some_and(|slot| Arc::strong_count(slot) == 1)
        {
            by_id.remove(&self.id);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
