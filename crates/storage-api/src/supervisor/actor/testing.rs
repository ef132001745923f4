//! The test of one backend, from the command to the answer of its clients.

use std::sync::Arc;

use storage_domain::{Backend, BackendStatus, Revision};
use storage_persistence::StoreError;
use tokio::sync::oneshot;
use tokio::task::JoinError;
use tokio::time::Instant;

use super::{Actor, Begun, Reply};
use crate::chain::Chain;
use crate::supervisor::job::Job;
use crate::supervisor::outcome::millis;
use crate::supervisor::probe::{Probed, Purpose, Tested};
use crate::supervisor::schedule::CheckPermit;
use crate::supervisor::{AppError, ClientPermit, TestOutcome};

/// How often a test is begun for its clients, if changes that fail interrupt it.
const MAX_RUNS: usize = 3;

/// A test at work.
pub(super) struct Test {
    pub(super) backend: Arc<Backend>,
    origin: Origin,
    pub(super) stage: Stage,
}

/// What began a test.
pub(in crate::supervisor) enum Origin {
    /// Clients, which wait for it.
    Clients,
    /// The schedule.
    Schedule(CheckPermit),
    /// A change that unmounted the backend and then failed.
    FailedChange,
}

impl Origin {
    fn purpose(&self) -> Purpose {
        match self {
            Self::Clients => Purpose::Test,
            Self::Schedule(permit) => Purpose::Check {
                may_use_reserve: permit.may_use_reserve(),
            },
            Self::FailedChange => Purpose::Check {
                may_use_reserve: true,
            },
        }
    }
}

pub(super) enum Stage {
    Probing(Job<Probed>),
    /// The probe passed, and clients wait a little for the count.
    Counting {
        tested: Box<Tested>,
        since: Instant,
    },
}

impl Test {
    fn has_clients(&self) -> bool {
        matches!(self.origin, Origin::Clients)
    }

    pub(super) fn cancel(&self) {
        if let Stage::Probing(job) = &self.stage {
            job.cancel.cancel();
        }
    }
}

/// The clients that wait for one test.
pub(super) struct Clients {
    /// The config that they asked to test.
    revision: Revision,
    /// Of the client that began.
    permit: ClientPermit,
    runs: usize,
    answers: Vec<oneshot::Sender<Result<Arc<TestOutcome>, AppError>>>,
}

impl Actor {
    /// Begins the test of a client, or lets it join the one that runs.
    pub(super) async fn test(&mut self, permit: ClientPermit, reply: Reply<Begun>) {
        if reply.is_late() {
            return reply.send(Err(AppError::InProgress));
        }
        if self.supervisor.stopping.is_cancelled() {
            return reply.send(Err(AppError::ShuttingDown));
        }
        let backend = match self.supervisor.store.open(self.id).await {
            Ok(backend) => backend,
            Err(error) => return reply.send(Err(error.into())),
        };
        if self.works_on_other(backend.revision) {
            // Another process changed the config: what runs here works on one that is gone.
            if let Err(error) = self.cancel_and_join().await {
                return reply.send(Err(error));
            }
            self.answer(&Err(AppError::Superseded));
        }
        let (answer, outcome) = oneshot::channel();
        reply.send(Ok(Begun {
            backend: Arc::new(backend.clone()),
            outcome,
        }));
        if let Some(clients) = &mut self.clients {
            return clients.answers.push(answer);
        }
        self.clients = Some(Clients {
            revision: backend.revision,
            permit,
            runs: 0,
            answers: vec![answer],
        });
        match &self.test {
            // A quick check is less than what the client asked for.
            Some(check) => check.cancel(),
            None => self.begin(backend, Origin::Clients),
        }
    }

    /// Begins a scheduled check, unless a test runs, or the backend is not to be watched any more.
    pub(super) async fn check(&mut self, permit: CheckPermit) {
        if self.test.is_some() || self.supervisor.stopping.is_cancelled() {
            return;
        }
        match self.supervisor.store.open(self.id).await {
            Ok(backend) if backend.status == BackendStatus::Offline => {
                self.supervisor.schedule.forget(self.id);
            }
            Ok(backend) => {
                // Another process changed the config: what runs here works on one that is gone.
                if self.works_on_other(backend.revision) && self.cancel_and_join().await.is_err() {
                    return;
                }
                self.begin(backend, Origin::Schedule(permit));
            }
            Err(StoreError::NotFound) => self.supervisor.schedule.forget(self.id),
            Err(error) => {
                tracing::debug!(backend.id = %self.id, error = %Chain(&error), "a backend could not be checked");
            }
        }
    }

    /// Begins a test after a change that failed, or after a check that was less than what clients asked for.
    pub(super) async fn test_again(&mut self) {
        let (None, Some(clients)) = (&self.test, &self.clients) else {
            return;
        };
        let (revision, runs) = (clients.revision, clients.runs);
        if self.supervisor.stopping.is_cancelled() {
            return self.answer(&Err(AppError::ShuttingDown));
        }
        if runs >= MAX_RUNS {
            self.answer(&Err(AppError::InProgress));
            // The change that interrupted the test left the mount to it.
            if let Ok(backend) = self.supervisor.store.open(self.id).await
                && backend.status == BackendStatus::Online
            {
                self.begin(backend, Origin::FailedChange);
            }
            return;
        }
        match self.supervisor.store.open(self.id).await {
            Ok(backend) if backend.revision == revision => self.begin(backend, Origin::Clients),
            Ok(_) => self.answer(&Err(AppError::Superseded)),
            Err(error) => self.answer(&Err(error.into())),
        }
    }

    /// Begins a test.
    pub(in crate::supervisor) fn begin(&mut self, backend: Backend, origin: Origin) {
        let (supervisor, purpose) = (Arc::clone(&self.supervisor), origin.purpose());
        let parent = match purpose {
            Purpose::Test => &supervisor.giving_up,
            // It ends with the stop: no client waits for it.
            Purpose::Check { .. } => &supervisor.stopping,
        };
        if let (Purpose::Test, Some(clients)) = (purpose, &mut self.clients) {
            clients.runs += 1;
        }
        let cancel = parent.child_token();
        let backend = Arc::new(backend);
        let (row, token) = (Arc::clone(&backend), cancel.clone());
        let work = async move { supervisor.probe(&row, purpose, &token).await };
        let task = self.spawn(work);
        self.test = Some(Test {
            backend,
            origin,
            stage: Stage::Probing(Job::new(cancel, task)),
        });
    }

    pub(super) fn probed(&mut self, ended: Result<Probed, JoinError>) {
        let Some(test) = self.test.take() else { return };
        let is_cancelled = matches!(&test.stage, Stage::Probing(job) if job.cancel.is_cancelled());
        let failure = match ended {
            Ok(Probed::Tested(tested, live)) => {
                if let Some(live) = live.filter(|_| !is_cancelled) {
                    self.begin_count(&test.backend, live);
                    if test.has_clients() {
                        let since = Instant::now();
                        let stage = Stage::Counting { tested, since };
                        self.test = Some(Test { stage, ..test });
                        return;
                    }
                }
                if test.has_clients() {
                    self.answer_tested(tested);
                }
                return;
            }
            // What comes next for its clients is decided when what interrupted it is over.
            Ok(Probed::Superseded) => return,
            Ok(Probed::NotStored(error)) => AppError::Store(error),
            Ok(Probed::TooBusy) => AppError::TooBusy,
            Err(_) => AppError::Task("the test"),
        };
        if test.has_clients() {
            self.answer(&Err(failure));
        } else {
            tracing::error!(backend.id = %self.id, error = %Chain(&failure), "the result of a check is lost");
        }
    }

    pub(super) fn answer_tested(&mut self, tested: Box<Tested>) {
        let Tested { mut outcome, begun } = *tested;
        outcome.duration = begun.elapsed();
        tracing::info!(
            backend.id = %self.id,
            success = outcome.success,
            duration_ms = millis(outcome.duration),
            found = outcome.message,
            "backend tested"
        );
        self.answer(&Ok(Arc::new(outcome)));
    }

    /// Answers all clients that wait for a test.
    pub(super) fn answer(&mut self, answer: &Result<Arc<TestOutcome>, AppError>) {
        let Some(clients) = self.clients.take() else {
            return;
        };
        // First: a client that is answered may begin the next test.
        drop(clients.permit);
        for client in clients.answers {
            // One that hung up needs no answer.
            let _ = client.send(answer.clone());
        }
    }
}

/// Waits for the end of the probe; never, if none runs.
pub(super) async fn probe_ended(test: &mut Option<Test>) -> Result<Probed, JoinError> {
    match test {
        Some(Test {
            stage: Stage::Probing(job),
            ..
        }) => job.ended().await,
        _ => std::future::pending().await,
    }
}
