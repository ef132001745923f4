//! The queues of all backends.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use storage_domain::BackendId;
use tokio::sync::Semaphore;

use super::HelperCommand;
use super::queue::{HelperQueue, StuckHelper};

/// Limit of mounts in flight, over all backends.
pub const MAX_MOUNTS_IN_FLIGHT: usize = 8;

/// Holds the queues of all backends.
#[derive(Debug)]
pub struct Queues {
    command: HelperCommand,
    mounts: Arc<Semaphore>,
    known: Mutex<HashMap<BackendId, Arc<HelperQueue>>>,
}

impl Default for Queues {
    fn default() -> Self {
        Self::new(HelperCommand::this_program())
    }
}

impl Queues {
    /// Makes an empty set of queues, whose helpers are started by `command`.
    pub fn new(command: HelperCommand) -> Self {
        Self {
            command,
            mounts: Arc::new(Semaphore::new(MAX_MOUNTS_IN_FLIGHT)),
            known: Mutex::default(),
        }
    }

    /// Returns the queue of a backend, which outlives changes of its config.
    pub fn of(&self, id: BackendId) -> Arc<HelperQueue> {
        let mut queues = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        // A helper that is not gone has a lease, which has its queue.
        queues.retain(|known, queue| *known == id || Arc::strong_count(queue) > 1);
        let queue = queues.entry(id).or_insert_with(|| {
            let (command, mounts) = (self.command.clone(), Arc::clone(&self.mounts));
            Arc::new(HelperQueue::new(id, command, mounts))
        });
        Arc::clone(queue)
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Returns the helpers that hang in the kernel now.
    pub fn stuck(&self) -> Vec<StuckHelper> {
        let queues = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let stuck = queues.values().flat_map(|queue| queue.all_stuck());
        stuck.collect()
    }
}
