//! The test of one backend, from the command to the answer of its clients.

use std::sync::Arc;

use storage_backends::Backend as LiveBackend;
use storage_domain::{Backend, BackendStatus, Revision};
use storage_persistence::StoreError;
use tokio::task::JoinError;
use tokio::time::Instant;

use super::{Actor, Reply};
use crate::chain::Chain;
use crate::supervisor::count::{Count, CountEnd};
use crate::supervisor::job::Job;
use crate::supervisor::outcome::millis;
use crate::supervisor::probe::{Probed, Tested};
use crate::supervisor::schedule::CheckPermit;
use crate::supervisor::{AppError, ClientPermit, TestOutcome};

/// How often a test is begun for its clients, if changes that fail interrupt it.
const MAX_RUNS: usize = 3;

/// A test at work.
#[derive(Debug)]
pub(super) struct Test {
    pub(super) backend: Arc<Backend>,
    /// Of a scheduled check, which nobody waits for.
    scheduled: Option<Option<CheckPermit>>,
    pub(super) stage: Stage,
}

#[derive(Debug)]
pub(super) enum Stage {
    Probing(Job<Probed>),
    /// The probe passed, and clients wait a little for the count.
    Counting {
        tested: Box<Tested>,
        since: Instant,
    },
}

impl Test {
    pub(super) fn is_scheduled(&self) -> bool {
        self.scheduled.is_some()
    }

    pub(super) fn cancel(&self) {
        if let Stage::Probing(job) = &self.stage {
            job.cancel.cancel();
        }
    }
}

/// The clients that wait for one test.
#[derive(Debug)]
pub(super) struct Clients {
    /// The config that they asked to test.
    revision: Revision,
    /// Of the client that began.
    permit: ClientPermit,
    runs: usize,
    replies: Vec<Reply<Arc<TestOutcome>>>,
}

impl Actor {
    /// Begins the test of a client, or lets it join the one that runs.
    pub(super) async fn test(&mut self, permit: ClientPermit, reply: Reply<Arc<TestOutcome>>) {
        if reply.is_late() {
            return reply.send(Err(AppError::InProgress));
        }
        if self.supervisor.stopping.is_cancelled() {
            return reply.send(Err(AppError::ShuttingDown));
        }
        let backend = match self.supervisor.store.get(self.id).await {
            Ok(backend) => backend,
            Err(error) => return reply.send(Err(error.into())),
        };
        if self.works_on_other(backend.revision) {
            // Another process changed the config: what runs here works on one that is gone.
            if let Err(error) = self.quiesce().await {
                return reply.send(Err(error));
            }
            self.answer(&Err(AppError::Superseded));
        }
        if let Some(clients) = &mut self.clients {
            return clients.replies.push(reply);
        }
        self.clients = Some(Clients {
            revision: backend.revision,
            permit,
            runs: 0,
            replies: vec![reply],
        });
        match &self.test {
            // A quick check is less than what the client asked for.
            Some(check) => check.cancel(),
            None => self.begin(backend, None),
        }
    }

    /// Begins a scheduled check, unless a test runs, or the backend is not to be watched any more.
    pub(super) async fn check(&mut self, permit: CheckPermit) {
        if self.test.is_some() || self.supervisor.stopping.is_cancelled() {
            return;
        }
        match self.supervisor.store.get(self.id).await {
            Ok(backend) if backend.status == BackendStatus::Offline => {
                self.supervisor.schedule.forget(self.id)
            }
            Ok(backend) if self.works_on_other(backend.revision) => {}
            Ok(backend) => self.begin(backend, Some(Some(permit))),
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
            return self.answer(&Err(AppError::InProgress));
        }
        match self.supervisor.store.get(self.id).await {
            Ok(backend) if backend.revision == revision => self.begin(backend, None),
            Ok(_) => self.answer(&Err(AppError::Superseded)),
            Err(error) => self.answer(&Err(error.into())),
        }
    }

    /// Begins a test for the clients that wait, or a scheduled one.
    pub(super) fn begin(&mut self, backend: Backend, scheduled: Option<Option<CheckPermit>>) {
        let supervisor = Arc::clone(&self.supervisor);
        let is_scheduled = scheduled.is_some();
        if !is_scheduled && let Some(clients) = &mut self.clients {
            clients.runs += 1;
        }
        let parent = match is_scheduled {
            // It ends with the stop: nobody waits for it.
            true => &supervisor.stopping,
            false => &supervisor.giving_up,
        };
        let cancel = parent.child_token();
        let backend = Arc::new(backend);
        let (row, token) = (Arc::clone(&backend), cancel.clone());
        let work = async move { supervisor.probe(&row, is_scheduled, &token).await };
        let task = self.spawn(work);
        self.test = Some(Test {
            backend,
            scheduled,
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
                    if !test.is_scheduled() {
                        let (tested, since) = (Box::new(tested), Instant::now());
                        let stage = Stage::Counting { tested, since };
                        self.test = Some(Test { stage, ..test });
                        return;
                    }
                }
                if !test.is_scheduled() {
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
        if !test.is_scheduled() {
            self.answer(&Err(failure));
        }
    }

    /// Begins a count, unless one runs.
    pub(super) fn begin_count(&mut self, backend: &Arc<Backend>, live: Arc<dyn LiveBackend>) {
        self.supervisor.schedule.count_begun(self.id);
        if self.count.is_some() {
            return;
        }
        let cancel = self.supervisor.stopping.child_token();
        let progress = Arc::default();
        let (supervisor, backend) = (Arc::clone(&self.supervisor), Arc::clone(backend));
        let (token, counter, revision) = (cancel.clone(), Arc::clone(&progress), backend.revision);
        let work = async move { supervisor.count(&backend, live, counter, &token).await };
        let job = Job::new(cancel, self.spawn(work));
        self.count = Some(Count {
            revision,
            job,
            progress,
        });
    }

    pub(super) fn counted(&mut self, ended: Result<CountEnd, JoinError>) {
        let ended = ended.unwrap_or(CountEnd::BrokenOff);
        self.answer_counting(Some(ended));
        self.count = None;
    }

    /// Answers the clients whose test waits for the count; `None` if it goes on.
    pub(super) fn answer_counting(&mut self, ended: Option<CountEnd>) {
        match self.test.take() {
            Some(Test {
                stage: Stage::Counting { mut tested, since },
                ..
            }) => {
                let ended = ended.or_else(|| Some(CountEnd::GoesOn(self.count.as_ref()?.progress.files())));
                ended
                    .unwrap_or(CountEnd::BrokenOff)
                    .add_to(&mut tested.outcome, since.elapsed());
                self.answer_tested(*tested);
            }
            other => self.test = other,
        }
    }

    pub(super) fn answer_tested(&mut self, tested: Tested) {
        let Tested { mut outcome, begun } = tested;
        outcome.duration = begun.elapsed();
        tracing::info!(
            backend.id = %self.id,
            success = outcome.success,
            duration_ms = millis(outcome.duration),
            message = %outcome.message,
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
        for reply in clients.replies {
            reply.send(answer.clone());
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
