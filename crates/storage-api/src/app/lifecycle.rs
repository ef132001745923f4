//! The start and the end of the service.

use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream;
use storage_backends::registry::{Reconciled, UNMOUNTS_AT_ONCE};
use storage_backends::{Error, Mount, MountState, UnmountMode};
use storage_domain::{Backend, BackendKind};
use storage_persistence::{BackendFilter, StoreError};
use tokio::time::Instant;

use super::{App, AppError};
use crate::chain::Chain;

impl App {
    /// At start: adopts mounts that an earlier process left, and unmounts those whose backend is gone or changed.
    /// Where the table of mounts can't be read, that is logged, and the service goes on.
    ///
    /// # Errors
    /// The store's.
    pub async fn adopt(&self) -> Result<(), StoreError> {
        match self.reconcile().await? {
            Ok(found) => {
                for (at, reason) in &found.failed {
                    tracing::warn!(at = %at.display(), reason, "a left-over mount could not be taken away");
                }
                tracing::info!(
                    adopted = found.adopted.len(),
                    unmounted = found.unmounted.len(),
                    failed = found.failed.len(),
                    "mounts of an earlier process looked through"
                );
            }
            Err(error) => {
                tracing::error!(
                    error = %Chain(&error),
                    "mounts could not be looked through"
                );
            }
        }
        Ok(())
    }

    /// Reads only the backends that have a mount: a service that starts has no use for the others.
    async fn reconcile(&self) -> Result<Result<Reconciled, Error>, StoreError> {
        let ids = match self.registry.mounted() {
            Ok(ids) => ids,
            Err(error) => return Ok(Err(error)),
        };
        let mut known = Vec::new();
        for id in ids {
            match self.store.open(id).await {
                Ok(backend) => known.push(backend),
                Err(StoreError::NotFound) => {}
                Err(StoreError::Unreadable { id, reason }) => {
                    tracing::error!(backend.id = %id, reason, "a stored backend can't be read");
                }
                Err(error) => return Err(error),
            }
        }
        Ok(self.registry.reconcile(&known).await)
    }

    /// At stop: cancels scans, waits for tests to end (and cancels them, when three quarters of the time are gone), and
    /// unmounts where so configured, within `limit`.
    pub async fn shutdown(&self, limit: Duration) {
        let until = Instant::now() + limit;
        self.stopping.cancel();
        self.tasks.close();
        if tokio::time::timeout(limit * 3 / 4, self.tasks.wait())
            .await
            .is_err()
        {
            self.giving_up.cancel();
        }
        if tokio::time::timeout_at(until, self.tasks.wait()).await.is_err() {
            tracing::warn!(
                left = self.tasks.len(),
                "work on backends did not end before the stop"
            );
        }
        if self.settings.unmount_at_stop && tokio::time::timeout_at(until, self.unmount_all()).await.is_err()
        {
            tracing::warn!("not every mount could be taken away before the stop");
        }
    }

    async fn unmount_all(&self) {
        let kinds = BackendKind::ALL.iter();
        for kind in kinds.filter(|kind| kind.facts().is_mounted) {
            self.unmount_all_of(*kind).await;
        }
    }

    async fn unmount_all_of(&self, kind: BackendKind) {
        let filter = BackendFilter {
            kind: Some(kind),
            ..BackendFilter::default()
        };
        match self.store.list(&filter).await {
            Ok(page) => {
                let unmounts = page.backends.iter().map(|b| self.unmount_at_stop(b));
                stream::iter(unmounts)
                    .buffer_unordered(UNMOUNTS_AT_ONCE)
                    .collect::<()>()
                    .await;
            }
            Err(error) => {
                tracing::error!(
                    error = %Chain(&error),
                    "mounts could not be looked up"
                );
            }
        }
    }

    async fn unmount_at_stop(&self, backend: &Backend) {
        if self.is_unmounted(backend) {
            return;
        }
        match self.unmount(backend, UnmountMode::Plain).await {
            Ok(()) => {}
            Err(AppError::Busy(holders)) => {
                tracing::warn!(backend.id = %backend.id, ?holders, "a mount in use stays");
            }
            Err(error) => {
                tracing::warn!(backend.id = %backend.id, error = %Chain(&error), "a mount stays");
            }
        }
    }

    /// Whether nothing is mounted for a backend, so that no helper process is needed to take it away.
    fn is_unmounted(&self, backend: &Backend) -> bool {
        let live = self.registry.get(backend.id, backend.revision, &backend.config);
        let Ok(live) = live else { return false };
        let state = live.as_mount().map(Mount::state);
        state.is_none_or(|state| matches!(state, Ok(MountState::Unmounted)))
    }

    /// Every turn of the tests.
    #[cfg(test)]
    pub(crate) async fn every_turn(&self) -> tokio::sync::SemaphorePermit<'_> {
        let all = u32::try_from(super::MAX_TESTS_AT_ONCE).expect("a small number");
        self.turns.acquire_many(all).await.expect("it is never closed")
    }

    /// With how many backends something goes on now.
    #[cfg(test)]
    pub(crate) fn busy_backends(&self) -> usize {
        self.slots.len()
    }
}
