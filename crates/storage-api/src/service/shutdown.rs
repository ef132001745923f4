//! The end of the service.

use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream;
use storage_backends::UnmountMode;
use storage_backends::registry::UNMOUNTS_AT_ONCE;
use storage_domain::{Backend, BackendKind};
use storage_persistence::BackendFilter;
use tokio::time::Instant;

use super::{App, AppError};
use crate::chain::Chain;

impl App {
    /// Ends all work within `limit`: cancels counts and checks, waits for tests, cancels them after three quarters of
    /// the time, and unmounts if so configured.
    pub async fn shutdown(&self, limit: Duration) {
        let until = Instant::now() + limit;
        self.supervisor.stopping.cancel();
        self.supervisor.tasks.close();
        if tokio::time::timeout(limit * 3 / 4, self.supervisor.tasks.wait())
            .await
            .is_err()
        {
            self.supervisor.giving_up.cancel();
        }
        if tokio::time::timeout_at(until, self.supervisor.tasks.wait())
            .await
            .is_err()
        {
            tracing::warn!(
                left = self.supervisor.tasks.len(),
                "work on backends did not end before the stop"
            );
        }
        if self.supervisor.settings.unmount_at_stop
            && tokio::time::timeout_at(until, self.unmount_all()).await.is_err()
        {
            tracing::warn!("not every mount could be unmounted before the stop");
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
        match self.supervisor.store.list(&filter).await {
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
                    "mounted backends could not be listed"
                );
            }
        }
    }

    async fn unmount_at_stop(&self, backend: &Backend) {
        if self.supervisor.is_unmounted(backend) {
            return;
        }
        match self.supervisor.unmount(backend, UnmountMode::Plain).await {
            Ok(()) => {}
            Err(AppError::Busy(holders)) => {
                tracing::warn!(backend.id = %backend.id, ?holders, "a mount in use stays");
            }
            Err(error) => {
                tracing::warn!(backend.id = %backend.id, error = %Chain(&error), "a mount stays");
            }
        }
    }
}
