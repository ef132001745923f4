//! One probe, from its permit to what is stored of it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use storage_backends::{Backend as LiveBackend, Error, ErrorKind, OpContext};
use storage_domain::{Backend, BackendStatus, ProbeReport};
use storage_persistence::StoreError;
use tokio_util::sync::CancellationToken;

use super::event::StateChange;
use super::outcome::{Circumstances, Detected, classify, detect};
use super::{NoPermit, Supervisor, TestOutcome};

/// How long a probe may go on past its deadline or its cancellation, to end in good order.
const PROBE_GRACE: Duration = Duration::from_secs(5);

/// The outcome of a test, which a count may add to.
pub(super) struct Tested {
    pub(super) outcome: TestOutcome,
    pub(super) begun: Instant,
}

/// What a probe is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// A test that clients asked for.
    Test,
    /// A scheduled check, which is quick if the backend is online.
    Check {
        /// Whether it may use the permits that are reserved.
        may_use_reserve: bool,
    },
}

/// How a probe ended.
pub(super) enum Probed {
    /// With an outcome, which is stored; and with the live backend if its files are to be counted.
    Tested(Box<Tested>, Option<Arc<dyn LiveBackend>>),
    /// Without one, because it was cancelled, or the config is no longer the one that was tested.
    Superseded,
    /// The outcome could not be stored.
    NotStored(Arc<StoreError>),
    /// It did not begin: other tests took every permit for as long as one is waited for.
    TooBusy,
}

impl Supervisor {
    /// Probes a backend and stores what is new.
    pub(super) async fn probe(
        &self,
        backend: &Backend,
        purpose: Purpose,
        cancel: &CancellationToken,
    ) -> Probed {
        let limit = self.settings.test_deadline;
        let is_scheduled = purpose != Purpose::Test;
        let may_use_reserve = purpose
            == Purpose::Check {
                may_use_reserve: true,
            };
        let permit = match self.permits.acquire(limit, may_use_reserve, cancel).await {
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
            // Without a schedule nothing repeats the check.
            is_first_failure: self.settings.watch_interval.is_some()
                && self.schedule.is_first_failure(backend.id),
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
        self.publish(backend, &outcome, detected);
        if let Some(targets) = &outcome.targets {
            self.luns.set(backend.id, backend.revision, targets);
        }
        let is_soft = detected == Detected::SoftFailure;
        let server = backend.config.destination();
        self.schedule
            .tested(backend.id, &server, outcome.success, is_soft);
        let counts = outcome.success && self.counts_files(backend, is_scheduled);
        let live = live.filter(|live| counts && live.as_tree().is_some());
        Probed::Tested(Box::new(Tested { outcome, begun }), live)
    }

    /// Whether a test that passed counts the files: one that a client asked for does, and one that finds a backend
    /// online again; the others only now and then.
    fn counts_files(&self, backend: &Backend, is_scheduled: bool) -> bool {
        !is_scheduled || backend.status == BackendStatus::Error || self.schedule.count_is_due(backend.id)
    }

    fn publish(&self, backend: &Backend, outcome: &TestOutcome, detected: Detected) {
        let message = outcome.message.clone();
        let change = match detected {
            Detected::Change if outcome.success => StateChange::Online { message },
            Detected::Change => StateChange::Error { message },
            Detected::SoftFailure => {
                let id = backend.id;
                return tracing::info!(backend.id = %id, found = message, "a check failed, and is repeated before that counts");
            }
            Detected::Repetition | Detected::Sizes | Detected::Nothing => return,
        };
        self.events.publish(backend.id, Some(&backend.name), change);
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
