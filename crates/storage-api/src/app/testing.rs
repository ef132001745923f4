//! Testing a backend: one run at a time, shared by all who ask.

use std::sync::Arc;
use std::time::{Duration, Instant};

use storage_backends::{Backend as LiveBackend, Error, ErrorKind, OpContext};
use storage_domain::{
    Backend, BackendId, BackendStatus, Check, FindingId, IscsiTarget, MountInForce, ProbeReport, Revision,
};
use storage_persistence::StoreError;
use time::OffsetDateTime;
use tokio::sync::{SemaphorePermit, watch};
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

use super::slots::{Running, SlotHandle};
use super::unattended::News;
use super::verdict::judge;
use super::{App, AppError, Permit};

/// How long a probe may go on past its deadline or its cancellation, to end in good order.
const PROBE_GRACE: Duration = Duration::from_secs(5);

/// How often a test is begun for one client, where changes that fail break it off.
const MAX_RUNS: usize = 3;

/// What a test found.
#[derive(Debug, Clone)]
pub struct TestOutcome {
    /// The revision of the config that was tested.
    pub revision: Revision,
    /// Whether the backend can be used.
    pub success: bool,
    /// What failed and what to do, or what was found.
    pub message: String,
    /// Identity of what was found, figures such as sizes aside.
    pub finding: FindingId,
    /// The steps, in the order in which they ran.
    pub checks: Vec<Check>,
    /// How the backend is mounted, where it is.
    pub mount: Option<MountInForce>,
    /// What is allowed, and worth a word.
    pub warnings: Vec<String>,
    /// The targets that were found, where the storage has such.
    pub targets: Option<Vec<IscsiTarget>>,
    /// Since when an earlier call on this backend hangs in the kernel, where one does.
    pub stuck_since: Option<OffsetDateTime>,
    /// How long the test took.
    pub duration: Duration,
}

/// How a run ended.
#[derive(Debug, Clone)]
pub(crate) enum TestEnd {
    /// With a result, which is stored.
    Done(Arc<TestOutcome>),
    /// Without one, because the config is no longer the one that was tested, or the service ends.
    Overtaken,
    /// The result could not be stored.
    NotStored(Arc<StoreError>),
    /// It was not begun: other tests took every turn for as long as one waits.
    NoTurn,
}

impl App {
    /// Tests a backend, or joins the test of the same config that runs. The run goes on where the client hangs up, and
    /// holds the permit of whoever began it until it ends.
    ///
    /// # Errors
    /// [`AppError::Overtaken`], [`AppError::InProgress`], [`AppError::NoTurn`], [`AppError::ShuttingDown`] and
    /// [`AppError::Store`]. A backend that does not pass is no error.
    pub async fn test(self: &Arc<Self>, id: BackendId, permit: Permit) -> Result<Arc<TestOutcome>, AppError> {
        for _ in 0..MAX_RUNS {
            let (app, permit) = (Arc::clone(self), permit.clone());
            let start = async move { app.join_or_start(id, permit).await };
            let running = self.to_the_end("the start of a test", start).await?;
            match running.ended().await {
                Some(TestEnd::Done(outcome)) => return Ok(outcome),
                Some(TestEnd::NotStored(error)) => return Err(error.into()),
                Some(TestEnd::Overtaken) if self.stopping.is_cancelled() => {
                    return Err(AppError::ShuttingDown);
                }
                Some(TestEnd::Overtaken) => self.still_at(id, running.revision).await?,
                Some(TestEnd::NoTurn) => return Err(AppError::NoTurn),
                None => return Err(AppError::Task("the test")),
            }
        }
        Err(AppError::InProgress)
    }

    /// Whether a config is what it was, once whoever broke its test off is through with the backend: a change that
    /// failed is no reason to leave a client without a result.
    async fn still_at(&self, id: BackendId, revision: Revision) -> Result<(), AppError> {
        let slot = self.slots.of(id);
        let _gate = slot.gate(self.gate_limit()).await?;
        if self.store.get(id).await?.revision == revision {
            return Ok(());
        }
        Err(AppError::Overtaken)
    }

    async fn join_or_start(
        self: &Arc<Self>,
        id: BackendId,
        permit: Permit,
    ) -> Result<Running<TestEnd>, AppError> {
        if self.stopping.is_cancelled() {
            return Err(AppError::ShuttingDown);
        }
        let slot = self.slots.of(id);
        let gate = slot.gate(self.gate_limit()).await?;
        let backend = self.store.open(id).await?;
        if slot.works_on_other(backend.revision) {
            // Another process changed the config: what runs here works on what is no more.
            self.quiesce(&slot, id).await?;
        }
        if let Some(running) = slot.test() {
            if !running.unattended {
                return Ok(running);
            }
            // A look is less than a test: who asks gets a whole one.
            if !slot.end_test(self.settings.unmount_deadline).await {
                return Err(AppError::InProgress);
            }
        }
        let (running, told) = Running::new(backend.revision, self.giving_up.child_token());
        self.begin_test(slot.clone(), backend, &running, told, permit);
        drop(gate);
        Ok(running)
    }

    /// Notes a test, and runs it in the background. The caller holds the gate.
    pub(super) fn begin_test(
        self: &Arc<Self>,
        slot: SlotHandle,
        backend: Backend,
        running: &Running<TestEnd>,
        told: watch::Sender<Option<TestEnd>>,
        permit: Permit,
    ) {
        slot.set_test(running.clone());
        let (app, running) = (Arc::clone(self), running.clone());
        let run = async move {
            let end = app.test_once(&slot, &backend, &running).await;
            // First: whoever is told may begin the next one.
            drop(permit);
            told.send_replace(Some(end));
        };
        self.tasks.spawn_on(run.in_current_span(), &self.runtime);
    }

    /// A turn among the tests. What is waited for others is no time of a backend's: its own begins with its turn.
    async fn turn(&self, cancel: &CancellationToken) -> Result<Option<SemaphorePermit<'_>>, TestEnd> {
        let cx = OpContext::within(self.settings.test_deadline).with_cancel(cancel.clone());
        match cx
            .bound("waiting for the other tests", self.turns.acquire())
            .await
        {
            Ok(turn) => Ok(turn.ok()),
            Err(error) if error.is_cancelled() => Err(TestEnd::Overtaken),
            Err(_) => Err(TestEnd::NoTurn),
        }
    }

    async fn test_once(
        self: &Arc<Self>,
        slot: &SlotHandle,
        backend: &Backend,
        running: &Running<TestEnd>,
    ) -> TestEnd {
        let cancel = &running.cancel;
        let turn = match self.turn(cancel).await {
            Ok(turn) => turn,
            Err(end) => return end,
        };
        let started = Instant::now();
        let mut cx = OpContext::within(self.settings.test_deadline).with_cancel(cancel.clone());
        if running.unattended && backend.status == BackendStatus::Online {
            cx = cx.lightly();
        }
        let probed = self.probe(backend, &cx).await;
        drop(turn);
        if cancel.is_cancelled() && probed.as_ref().is_err_and(Error::is_cancelled) {
            return TestEnd::Overtaken;
        }
        let (live, mut outcome, found) = judge(backend.revision, probed);
        outcome.duration = started.elapsed();
        let news = self.news(backend, &outcome, &found, running.unattended);
        if matches!(news, News::Told | News::Figures) {
            match self.store.record(backend.id, backend.revision, &found).await {
                Ok(Some(_)) => {}
                Ok(None) => return TestEnd::Overtaken,
                Err(error) => return TestEnd::NotStored(Arc::new(error)),
            }
        }
        if running.unattended && live.as_ref().is_some_and(|live| live.as_mount().is_none()) {
            // Clients and their connections, which nobody may want for long; thousands of them would cost memory.
            self.registry.forget(backend.id);
        }
        let counts = outcome.success && self.counts_files(backend, running.unattended);
        if let Some(live) = live.filter(|live| counts && live.as_tree().is_some()) {
            self.rounds.note_scan(backend.id);
            if let Some(counted) = self.count_files(slot, backend, live, cancel).await {
                outcome.checks.push(counted.check);
                if let Some(reservation) = counted.reservation {
                    outcome.message = format!("{}; {reservation}", outcome.message);
                }
            }
        }
        outcome.duration = started.elapsed();
        self.rounds
            .note(backend.id, outcome.success, news == News::Doubted);
        if matches!(news, News::Figures | News::None) {
            return TestEnd::Done(Arc::new(outcome));
        }
        tracing::info!(
            unattended = running.unattended,
            backend.id = %backend.id,
            success = outcome.success,
            duration_ms = millis(outcome.duration),
            message = %outcome.message,
            "backend tested"
        );
        TestEnd::Done(Arc::new(outcome))
    }

    async fn probe(
        &self,
        backend: &Backend,
        cx: &OpContext,
    ) -> Result<(Arc<dyn LiveBackend>, ProbeReport), Error> {
        let live = self.registry.get(backend.id, backend.revision, &backend.config)?;
        let overdue = async {
            tokio::select! {
                () = cx.cancellation().cancelled() => {}
                () = tokio::time::sleep_until(cx.deadline()) => {}
            }
            tokio::time::sleep(PROBE_GRACE).await;
        };
        let report = tokio::select! {
            report = live.probe(cx) => report?,
            () = overdue => return Err(Error::new(ErrorKind::Timeout, "the probe")),
        };
        Ok((live, report))
    }
}

/// Whole milliseconds, for the wire and the log.
pub(crate) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
