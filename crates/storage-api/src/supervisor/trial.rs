//! Testing a config that is not stored.

use std::sync::Arc;
use std::time::Instant;

use storage_backends::{Backend as LiveBackend, Error, OpContext, UnmountMode};
use storage_domain::{BackendConfig, BackendId, ProbeReport, Revision};
use tokio_util::sync::CancellationToken;

use super::actor::{Actor, Reply};
use super::outcome::classify;
use super::probe::probe_within;
use super::{AppError, ClientPermit, Supervisor, TestOutcome};
use crate::chain::Chain;

/// A config to test, as a backend that exists for this long only.
pub(crate) struct Trial {
    pub(crate) config: BackendConfig,
    pub(crate) permit: ClientPermit,
}

impl Actor {
    /// Tests a config under this actor's id: while the actor works, the monitor leaves the mount alone.
    pub(super) async fn try_config(&mut self, trial: Trial, reply: Reply<TestOutcome>) {
        let (supervisor, id) = (Arc::clone(&self.supervisor), self.id);
        let work = async move {
            let outcome = supervisor.run_trial(id, &trial.config).await;
            drop(trial.permit);
            reply.send(outcome);
        };
        // A probe that panics must not take the actor along.
        let _ = self.spawn(work).await;
    }
}

impl Supervisor {
    async fn run_trial(&self, id: BackendId, config: &BackendConfig) -> Result<TestOutcome, AppError> {
        if self.stopping.is_cancelled() {
            return Err(AppError::ShuttingDown);
        }
        let cancel = self.giving_up.child_token();
        let limit = self.settings.test_deadline;
        let permit = self.permits.acquire(limit, false, &cancel).await?;
        let begun = Instant::now();
        let probed = self.probe_and_unmount(id, config, &cancel).await;
        drop(permit);
        self.registry.forget(id);
        if probed.as_ref().is_err_and(Error::is_cancelled) {
            return Err(AppError::ShuttingDown);
        }
        let (_, mut outcome, _) = classify(Revision::FIRST, probed);
        outcome.duration = begun.elapsed();
        Ok(outcome)
    }

    async fn probe_and_unmount(
        &self,
        id: BackendId,
        config: &BackendConfig,
        cancel: &CancellationToken,
    ) -> Result<(Arc<dyn LiveBackend>, ProbeReport), Error> {
        let live = self.registry.get(id, Revision::FIRST, config)?;
        let cx = OpContext::within(self.settings.test_deadline).with_cancel(cancel.clone());
        let report = probe_within(&*live, &cx).await;
        if let Some(mount) = live.as_mount() {
            let cx = OpContext::within(self.settings.unmount_deadline);
            if let Err(error) = mount.unmount(&cx, UnmountMode::Lazy).await {
                // The monitor unmounts it later.
                tracing::warn!(error = %Chain(&error), "a config that was only tested is still mounted");
            }
        }
        Ok((live, report?))
    }
}
