//! Where live backends come from.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use storage_backends::registry::Reconciled;
use storage_backends::{Backend as LiveBackend, BackendError, Registry};
use storage_domain::{Backend, BackendConfig, BackendId, Revision};
use time::OffsetDateTime;

/// Makes live backends of stored ones: the [`Registry`] in production, a fake in tests.
#[async_trait]
pub trait BackendSource: fmt::Debug + Send + Sync + 'static {
    /// The live backend of a config; the same one as long as `revision` stays.
    ///
    /// # Errors
    /// [`BackendError::HttpSetup`].
    fn live(
        &self,
        id: BackendId,
        revision: Revision,
        config: &BackendConfig,
    ) -> Result<Arc<dyn LiveBackend>, BackendError>;

    /// Forgets a backend that is gone.
    fn forget(&self, id: BackendId);

    /// How long a scan may take.
    fn scan_deadline(&self) -> Duration;

    /// Since when a worker of this backend hangs in the kernel.
    fn stuck_since(&self, id: BackendId) -> Option<OffsetDateTime>;

    /// Keeps the mounts that belong to `known`, and takes the others away.
    ///
    /// # Errors
    /// [`BackendError::Mountinfo`].
    async fn reconcile(&self, known: &[Backend]) -> Result<Reconciled, BackendError>;
}

#[async_trait]
impl BackendSource for Registry {
    fn live(
        &self,
        id: BackendId,
        revision: Revision,
        config: &BackendConfig,
    ) -> Result<Arc<dyn LiveBackend>, BackendError> {
        self.get(id, revision, config)
    }

    fn forget(&self, id: BackendId) {
        Registry::forget(self, id);
    }

    fn scan_deadline(&self) -> Duration {
        self.settings().scan_deadline
    }

    fn stuck_since(&self, id: BackendId) -> Option<OffsetDateTime> {
        let stuck = self.stuck();
        stuck.iter().find(|w| w.backend == id).map(|w| w.since)
    }

    async fn reconcile(&self, known: &[Backend]) -> Result<Reconciled, BackendError> {
        Registry::reconcile(self, known).await
    }
}
