//! The leases of one purpose.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

/// Lets a few leases at a time through.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) permits: Arc<Semaphore>,
    pub(super) max: u32,
    /// Ends the leases that are held and those that are waited for; replaced at each preemption.
    preempted: Mutex<CancellationToken>,
}

impl Line {
    pub(super) fn new(max: u32) -> Self {
        Self {
            permits: Arc::new(Semaphore::new(max as usize)),
            max,
            preempted: Mutex::default(),
        }
    }

    pub(super) fn token(&self) -> MutexGuard<'_, CancellationToken> {
        self.preempted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
