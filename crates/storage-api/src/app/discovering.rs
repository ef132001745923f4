//! What could be registered: the buckets of an account, the exports of a server.

use std::sync::Arc;
use std::time::Duration;

use storage_backends::iscsi::{self, Limits};
use storage_backends::nfs::{ExportList, exports_of};
use storage_backends::s3::{Buckets, buckets};
use storage_backends::{Error, OpContext};
use storage_domain::iscsi::Portal;
use storage_domain::s3::S3Account;
use storage_domain::{BackendId, Host, IscsiTarget};

use super::{App, AppError, Permit};

/// How long a discovery may take.
pub(crate) const DISCOVERY_DEADLINE: Duration = Duration::from_secs(30);

impl App {
    /// The buckets that an account may see.
    ///
    /// # Errors
    /// [`AppError::NotDiscovered`] and [`AppError::ShuttingDown`].
    pub async fn discover_s3(
        self: &Arc<Self>,
        account: S3Account,
        permit: Permit,
    ) -> Result<Buckets, AppError> {
        let network = self.registry.settings().network.clone();
        self.discover(
            permit,
            move |cx| async move { buckets(&account, &network, &cx).await },
        )
        .await
    }

    /// The exports of a server.
    ///
    /// # Errors
    /// [`AppError::NotDiscovered`] and [`AppError::ShuttingDown`].
    pub async fn discover_nfs(
        self: &Arc<Self>,
        server: Host,
        permit: Permit,
    ) -> Result<ExportList, AppError> {
        let network = self.registry.settings().network.clone();
        self.discover(permit, move |cx| async move {
            exports_of(&server, &network, &cx).await
        })
        .await
    }

    /// The targets of a portal.
    ///
    /// # Errors
    /// [`AppError::NotDiscovered`] and [`AppError::ShuttingDown`].
    pub async fn discover_iscsi(
        self: &Arc<Self>,
        portal: Portal,
        permit: Permit,
    ) -> Result<Vec<IscsiTarget>, AppError> {
        let settings = self.registry.settings();
        let (name, network) = (settings.initiator.clone(), settings.network.clone());
        let limits = Limits::default();
        self.discover(permit, move |cx| async move {
            iscsi::discover(&portal, &name, &limits, &network, &cx).await
        })
        .await
    }

    /// The targets of a backend and their logical units, as they are now.
    ///
    /// # Errors
    /// [`AppError::Store`], [`AppError::NoLuns`], [`AppError::NotDiscovered`] and [`AppError::ShuttingDown`].
    pub async fn luns(self: &Arc<Self>, id: BackendId, permit: Permit) -> Result<Vec<IscsiTarget>, AppError> {
        let backend = self.store.open(id).await?;
        let live = self.registry.get(id, backend.revision, &backend.config);
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

    /// Asks storage that is not registered, in a turn of the tests. The permit is held until that has ended.
    async fn discover<T, F>(
        self: &Arc<Self>,
        permit: Permit,
        ask: impl FnOnce(OpContext) -> F + Send + 'static,
    ) -> Result<T, AppError>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, Error>> + Send,
    {
        if self.stopping.is_cancelled() {
            return Err(AppError::ShuttingDown);
        }
        let app = Arc::clone(self);
        let work = async move {
            let cx = OpContext::within(DISCOVERY_DEADLINE).with_cancel(app.stopping.child_token());
            let asked = async {
                let _turn = cx
                    .bound("waiting for the other tests", app.turns.acquire())
                    .await?;
                ask(cx.clone()).await
            };
            let asked = asked.await;
            drop(permit);
            asked.map_err(|error| match error {
                error if error.is_cancelled() => AppError::ShuttingDown,
                other => AppError::NotDiscovered(Arc::new(other)),
            })
        };
        self.to_the_end("the discovery", work).await
    }
}
