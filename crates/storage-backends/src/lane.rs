//! One worker a backend and one for its scan, each under deadlines.

use std::sync::Arc;

use storage_domain::BackendId;
use time::OffsetDateTime;

/// A worker that hangs in the kernel and could not be killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StuckWorker {
    /// The backend.
    pub backend: BackendId,
    /// The process.
    pub pid: u32,
    /// Since when.
    pub since: OffsetDateTime,
}

/// The lanes of all backends.
#[derive(Debug, Default)]
pub struct Lanes {}

/// The lanes of one backend.
#[derive(Debug)]
pub struct Lane {}

impl Lanes {
    /// The lanes of a backend, which outlive changes of its config.
    pub fn of(&self, _id: BackendId) -> Arc<Lane> {
        Arc::new(Lane {})
    }

    /// Workers that hang in the kernel now.
    pub fn stuck(&self) -> Vec<StuckWorker> {
        Vec::new()
    }
}
