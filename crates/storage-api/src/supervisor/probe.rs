//! One probe, from its permit to what is stored of it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use storage_backends::{Backend as LiveBackend, Error, ErrorKind, OpContext};
use storage_domain::{Backend, BackendStatus, ProbeReport};
use storage_persistence::StoreError;
use tokio_util::sync::CancellationToken;

use super::outcome::{Circumstances, Detected, classify, detect};
use super::{NoPermit, Supervisor, TestOutcome};

/// How long a probe may go on past its deadline or its cancellation, to end in good order.
const PROBE_GRACE: Duration = Duration::from_secs(5);

/// The outcome of a test, which a count may add to.
#[derive(Debug)]
pub(super) struct Tested {
    pub(super) outcome: TestOutcome,
    pub(super) begun: Instant,
}

/// How a probe ended.
#[derive(Debug)]
pub(super) enum Probed {
    /// With an outcome, which is stored; and with the live backend if its files are to be counted.
    Tested(Tested, Option<Arc<dyn LiveBackend>>),
    /// Without one, because it was cancelled, or the config is no longer the one that was tested.
    Superseded,
    /// The outcome could not be stored.
    NotStored(Arc<StoreError>),
    /// It did not begin: other tests took every permit for as long as one is waited for.
    TooBusy,
}

impl Supervisor {
    /// Probes a backend and stores what is new. A scheduled one is quick if the backend is online.
    pub(super) async fn probe(
        &self,
        backend: &Backend,
        is_scheduled: bool,
        cancel: &CancellationToken,
    ) -> Probed {
        let limit = self.settings.test_deadline;
        let permit = match self.permits.acquire(limit, cancel).await {
            Ok(permit) => permit,
            Err(NoPermit::Cancelled) => return Probed::Superseded,
            Err(NoPermit::TooBusy) => return Probed::TooBusy,
        };
        // The wait for others is no time of this backend's.
        let begun = Instant::now();
        let mut cx = OpContext::within(limit).with_cancel(cancel.clone());
        if is_scheduled && backend.status == BackendStatus::Online {
            cx = cx.lightly();
        }
        let probed = self.ask_storage(backend, &cx).await;
        drop(permit);
        if cancel.is_cancelled() && probed.as_ref().is_err_and(Error::is_cancelled) {
            return Probed::Superseded;
        }
        let (live, mut outcome, found) = classify(backend.revision, probed);
        outcome.duration = begun.elapsed();
        let circumstances = Circumstances {
            is_scheduled,
            is_first_failure: self.schedule.is_first_failure(backend.id),
            sizes_are_old_after: self.settings.scan_interval,
        };
        let detected = detect(backend, &outcome, &found, &circumstances);
        if detected.is_stored() {
            match self.store.record(backend.id, backend.revision, &found).await {
                Ok(Some(_)) => {}
                Ok(None) => return Probed::Superseded,
                Err(error) => return Probed::NotStored(Arc::new(error)),
            }
        }
        if is_scheduled && live.as_ref().is_some_and(|live| live.as_mount().is_none()) {
            // Its client and connections may not be needed for long; thousands of them would cost memory.
            self.registry.forget(backend.id);
        }
        if is_scheduled && matches!(detected, Detected::Change | Detected::SoftFailure) {
            log_check(backend, &outcome, detected);
        }
        let is_soft = detected == Detected::SoftFailure;
        self.schedule.tested(backend.id, outcome.success, is_soft);
        let counts = outcome.success && self.counts_files(backend, is_scheduled);
        let live = live.filter(|live| counts && live.as_tree().is_some());
        Probed::Tested(Tested { outcome, begun }, live)
    }

    /// Whether a test that passed counts the files: one that a client asked for does, and one that finds a backend
    /// online again; the others only now and then.
    fn counts_files(&self, backend: &Backend, is_scheduled: bool) -> bool {
        !is_scheduled || backend.status == BackendStatus::Error || self.schedule.count_is_due(backend.id)
    }

    async fn ask_storage(
        &self,
        backend: &Backend,
        cx: &OpContext,
    ) -> Result<(Arc<dyn LiveBackend>, ProbeReport), Error> {
        let live = self.registry.get(backend.id, backend.revision, &backend.config)?;
        let report = probe_within(&*live, cx).await?;
        Ok((live, report))
    }
}

/// Probes, and gives up a probe that does not end by itself.
pub(super) async fn probe_within(live: &dyn LiveBackend, cx: &OpContext) -> Result<ProbeReport, Error> {
    let overdue = async {
        tokio::select! {
            () = cx.cancellation().cancelled() => {}
            () = tokio::time::sleep_until(cx.deadline()) => {}
        }
        tokio::time::sleep(PROBE_GRACE).await;
    };
    tokio::select! {
        report = live.probe(cx) => report,
        () = overdue => Err(Error::new(ErrorKind::Timeout, "the probe")),
    }
}

fn log_check(backend: &Backend, outcome: &TestOutcome, detected: Detected) {
    tracing::info!(
        backend.id = %backend.id,
        success = outcome.success,
        counts = detected == Detected::Change,
        message = %outcome.message,
        "backend checked"
    );
}
