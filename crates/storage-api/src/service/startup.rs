//! The start of the service.

use std::sync::Arc;

use storage_backends::Error;
use storage_backends::registry::Reconciled;
use storage_persistence::StoreError;

use super::App;
use crate::chain::Chain;

impl App {
    /// Checks backends until the service stops, if `watch_interval` is set, and removes what uploads left.
    pub fn watch(self: &Arc<Self>) {
        self.supervisor.watch();
        self.supervisor.spawn(Arc::clone(self).tend_uploads());
    }

    /// Adopts mounts that an earlier process left, and unmounts those whose backend is gone or changed.
    ///
    /// If the table of mounts can't be read, that is logged, and the service goes on.
    ///
    /// # Errors
    /// The store's.
    pub async fn adopt(&self) -> Result<(), StoreError> {
        match self.reconcile().await? {
            Ok(found) => {
                for (at, reason) in &found.failed {
                    tracing::warn!(at = %at.display(), reason, "a left-over mount could not be unmounted");
                }
                tracing::info!(
                    adopted = found.adopted.len(),
                    unmounted = found.unmounted.len(),
                    failed = found.failed.len(),
                    "mounts of an earlier process compared with the backends"
                );
            }
            Err(error) => {
                tracing::error!(
                    error = %Chain(&error),
                    "the table of mounts could not be read"
                );
            }
        }
        Ok(())
    }

    /// Reads only the backends that have a mount: a service that starts needs no others.
    async fn reconcile(&self) -> Result<Result<Reconciled, Error>, StoreError> {
        let ids = match self.supervisor.registry.mounted() {
            Ok(ids) => ids,
            Err(error) => return Ok(Err(error)),
        };
        let mut known = Vec::new();
        for id in ids {
            match self.supervisor.store.open(id).await {
                Ok(backend) => known.push(backend),
                Err(StoreError::NotFound) => {}
                Err(StoreError::Unreadable { id, reason }) => {
                    tracing::error!(backend.id = %id, reason, "a stored backend can't be read");
                }
                Err(error) => return Err(error),
            }
        }
        Ok(self.supervisor.registry.reconcile(&known).await)
    }
}
