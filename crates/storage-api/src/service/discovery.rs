//! What could be registered: the buckets of an account, the exports of a server, the targets of a portal.

use std::sync::Arc;
use std::time::Duration;

use storage_backends::iscsi::{self, Limits};
use storage_backends::nfs::{ExportList, exports_of};
use storage_backends::s3::{Buckets, buckets};
use storage_backends::{Error, OpContext};
use storage_domain::iscsi::Portal;
use storage_domain::s3::S3Account;
use storage_domain::{Backend, BackendId, Host, IscsiTarget};

use super::{App, AppError, Permit};

/// How long a discovery may take, and how long it waits for its permit before.
pub(crate) const DISCOVERY_DEADLINE: Duration = Duration::from_secs(30);

impl App {
    /// Returns the buckets that an account may see.
    ///
    /// # Errors
    /// [`AppError::NotDiscovered`], [`AppError::TooBusy`] and [`AppError::ShuttingDown`].
    pub async fn discover_s3(&self, account: S3Account, permit: Permit) -> Result<Buckets, AppError> {
        let network = self.supervisor.registry.settings().network.clone();
        self.discover(
            permit,
            move |cx| async move { buckets(&account, &network, &cx).await },
        )
        .await
    }

    /// Returns the exports of a server.
    ///
    /// # Errors
    /// [`AppError::NotDiscovered`], [`AppError::TooBusy`] and [`AppError::ShuttingDown`].
    pub async fn discover_nfs(&self, server: Host, permit: Permit) -> Result<ExportList, AppError> {
        let network = self.supervisor.registry.settings().network.clone();
        self.discover(permit, move |cx| async move {
            exports_of(&server, &network, &cx).await
        })
        .await
    }

    /// Returns the targets of a portal.
    ///
    /// # Errors
    /// [`AppError::NotDiscovered`], [`AppError::TooBusy`] and [`AppError::ShuttingDown`].
    pub async fn discover_iscsi(&self, portal: Portal, permit: Permit) -> Result<Vec<IscsiTarget>, AppError> {
        let settings = self.supervisor.registry.settings();
        let (name, network) = (settings.initiator.clone(), settings.network.clone());
        let limits = Limits::default();
        self.discover(permit, move |cx| async move {
            iscsi::discover(&portal, &name, &limits, &network, &cx).await
        })
        .await
    }

    /// Returns the targets of a backend and their logical units, as they are now. `seen` learns which backend is asked,
    /// from the same row.
    ///
    /// # Errors
    /// [`AppError::Store`], [`AppError::NoLuns`], [`AppError::NotDiscovered`], [`AppError::TooBusy`] and
    /// [`AppError::ShuttingDown`].
    pub async fn luns(
        &self,
        id: BackendId,
        permit: Permit,
        seen: impl FnOnce(&Backend),
    ) -> Result<Vec<IscsiTarget>, AppError> {
        let (backend, live) = self.live(id).await?;
        seen(&backend);
        let live = live.map_err(|error| AppError::NotDiscovered(Arc::new(error)))?;
        if live.as_luns().is_none() {
            return Err(AppError::NoLuns(live.kind()));
        }
        self.discover(permit, move |cx| async move {
            match live.as_luns() {
                Some(luns) => luns.luns(&cx).await,
                None => Ok(Vec::new()),
            }
        })
        .await
    }

    /// Asks storage with one of the permits of the tests. The client's permit is held until that has ended.
    async fn discover<T, F>(
        &self,
        permit: Permit,
        ask: impl FnOnce(OpContext) -> F + Send + 'static,
    ) -> Result<T, AppError>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, Error>> + Send,
    {
        let supervisor = Arc::clone(&self.supervisor);
        if supervisor.stopping.is_cancelled() {
            return Err(AppError::ShuttingDown);
        }
        let work = async move {
            let cancel = supervisor.stopping.child_token();
            let asked = async {
                let limit = supervisor.settings.test_deadline.min(DISCOVERY_DEADLINE);
                let _permit = supervisor.permits.acquire(limit, false, &cancel).await?;
                let cx = OpContext::within(DISCOVERY_DEADLINE).with_cancel(cancel.clone());
                ask(cx).await.map_err(|error| match error {
                    error if error.is_cancelled() => AppError::ShuttingDown,
                    other => AppError::NotDiscovered(Arc::new(other)),
                })
            };
            let asked = asked.await;
            drop(permit);
            asked
        };
        self.supervisor.finish("the discovery", work).await
    }
}
