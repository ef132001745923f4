//! Long work on files: what takes longer than a client waits is a job, which is watched and cancelled by its row.

mod row;

use std::collections::HashMap;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use storage_backends::{OpContext, Progress};
use storage_domain::{Backend, BackendId, Job, JobId, JobKind};
use time::OffsetDateTime;
use tokio::sync::{OwnedSemaphorePermit, oneshot};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

use super::{AppError, Bounded, Supervisor};

/// Changes of files under way at once in this process, those that are no jobs yet included.
const MAX_CHANGES: usize = 32;
/// Jobs under way at once that may take hours, and that no client waits for: less than the writes that go on at once.
const MAX_TRANSFERS: usize = 16;
/// The longest time that a job may take.
const JOB_DEADLINE: Duration = Duration::from_hours(24);

/// The long work on files under way in this process.
#[derive(Debug)]
pub(crate) struct Jobs {
    changes: Bounded,
    transfers: Bounded,
    running: Arc<Mutex<HashMap<JobId, Running>>>,
}

#[derive(Debug, Clone)]
struct Running {
    backend: BackendId,
    cancel: CancellationToken,
    ended: CancellationToken,
}

impl Default for Jobs {
    fn default() -> Self {
        Self {
            changes: Bounded::new(MAX_CHANGES),
            transfers: Bounded::new(MAX_TRANSFERS),
            running: Arc::default(),
        }
    }
}

/// How a change of files was answered.
#[derive(Debug)]
pub enum Change {
    /// It is done, to so many of the paths that it was asked for.
    Done(u64),
    /// It goes on as a job.
    GoesOn(Box<Job>),
}

impl Change {
    /// Returns the job of work that no client waits for.
    pub(crate) fn into_job(self) -> Result<Box<Job>, AppError> {
        match self {
            Self::GoesOn(job) => Ok(job),
            Self::Done(_) => Err(AppError::Task("the job")),
        }
    }
}

/// Work on a backend's files that may begin. Whatever changes the backend cancels it from now on, so that the backend is
/// read after this.
pub(crate) struct Begun {
    job: JobId,
    kind: JobKind,
    cancel: CancellationToken,
    held: (OwnedSemaphorePermit, Listed),
}

/// Keeps work among that which runs until it is dropped.
pub(super) struct Listed(Arc<Mutex<HashMap<JobId, Running>>>, JobId);

impl Drop for Listed {
    fn drop(&mut self) {
        if let Some(running) = lock(&self.0).remove(&self.1) {
            running.ended.cancel();
        }
    }
}

fn lock(running: &Mutex<HashMap<JobId, Running>>) -> MutexGuard<'_, HashMap<JobId, Running>> {
    running.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Jobs {
    pub(super) fn list(&self, job: JobId, backend: BackendId, cancel: CancellationToken) -> Listed {
        let running = Running {
            backend,
            cancel,
            ended: CancellationToken::new(),
        };
        lock(&self.running).insert(job, running);
        Listed(Arc::clone(&self.running), job)
    }

    /// Cancels a job, if this process does it.
    pub(crate) fn cancel(&self, job: JobId) {
        if let Some(running) = lock(&self.running).get(&job) {
            running.cancel.cancel();
        }
    }

    /// Returns whether this process changes files of a backend.
    pub(super) fn has_any(&self, backend: BackendId) -> bool {
        lock(&self.running)
            .values()
            .any(|running| running.backend == backend)
    }

    /// Cancels what this process does to the files of a backend, and waits for its end.
    pub(super) async fn cancel_and_join(&self, backend: BackendId) {
        let all: Vec<Running> = lock(&self.running).values().cloned().collect();
        for running in all.iter().filter(|running| running.backend == backend) {
            running.cancel.cancel();
            running.ended.cancelled().await;
        }
    }
}

impl Supervisor {
    /// Waits until work on files may begin.
    ///
    /// # Errors
    /// [`AppError::TooManyChanges`] and [`AppError::ShuttingDown`].
    pub(crate) async fn begin_change(&self, backend: BackendId, kind: JobKind) -> Result<Begun, AppError> {
        let permits = if kind.may_end_at_once() {
            &self.jobs.changes
        } else {
            &self.jobs.transfers
        };
        let permit = permits.acquire().await;
        let permit = permit.ok_or(AppError::TooManyChanges)?;
        if self.stopping.is_cancelled() {
            return Err(AppError::ShuttingDown);
        }
        let (job, cancel) = (JobId::generate(), self.stopping.child_token());
        let held = (permit, self.jobs.list(job, backend, cancel.clone()));
        Ok(Begun {
            job,
            kind,
            cancel,
            held,
        })
    }

    /// Works on files. Goes on to its end if the client hangs up, and becomes a job after [`AppSettings::job_wait`], or at
    /// once if its kind never ends that soon.
    ///
    /// # Errors
    /// [`AppError::ShuttingDown`]; [`AppError::InProgress`] if the backend is changed or deleted meanwhile;
    /// [`AppError::Store`] if the job can't be stored; those of `work`.
    ///
    /// [`AppSettings::job_wait`]: super::AppSettings::job_wait
    pub(crate) async fn change_files<F>(
        self: &Arc<Self>,
        begun: Begun,
        backend: &Backend,
        subject: String,
        work: impl FnOnce(OpContext, Arc<Progress>) -> F,
    ) -> Result<Change, AppError>
    where
        F: Future<Output = Result<u64, AppError>> + Send + 'static,
    {
        let Begun {
            job: id,
            kind,
            cancel,
            held,
        } = begun;
        let progress = Arc::new(Progress::default());
        let job = self.new_job(id, kind, backend, subject);
        let cx = OpContext::within(JOB_DEADLINE).with_cancel(cancel.clone());
        let work = work(cx, Arc::clone(&progress));
        let (answer, answered) = oneshot::channel();
        let supervisor = Arc::clone(self);
        let drive = async move {
            supervisor.drive(job, work, &progress, &cancel, answer).await;
            drop(held);
        };
        self.tasks.spawn_on(drive.in_current_span(), &self.runtime);
        answered
            .await
            .unwrap_or(Err(AppError::Task("the change of files")))
    }

    /// Answers the client when the work ends, or when it has become a job; then keeps the job's row until the end.
    async fn drive(
        &self,
        mut job: Job,
        work: impl Future<Output = Result<u64, AppError>> + Send,
        progress: &Progress,
        cancel: &CancellationToken,
        answer: oneshot::Sender<Result<Change, AppError>>,
    ) {
        let mut work = pin!(work);
        // A client that hung up is no failure.
        if job.kind.may_end_at_once()
            && let Ok(ended) = timeout(self.settings.job_wait, &mut work).await
        {
            let ended = ended.map_err(|error| match error {
                _ if self.stopping.is_cancelled() => AppError::ShuttingDown,
                _ if cancel.is_cancelled() => AppError::InProgress,
                error => error,
            });
            let _ = answer.send(ended.map(Change::Done));
            return;
        }
        (job.done, job.heartbeat_at) = (progress.done(), OffsetDateTime::now_utc());
        if let Err(error) = self.store.add_job(&job).await {
            // Nobody could see it or end it.
            cancel.cancel();
            let _ = work.await;
            let _ = answer.send(Err(error.into()));
            return;
        }
        let _ = answer.send(Ok(Change::GoesOn(Box::new(job.clone()))));
        let done = || (progress.done(), progress.total());
        let failure = |ended: &Result<u64, AppError>| ended.as_ref().err().map(AppError::sentence);
        // The row says what came of it.
        let _ = self.keep_job(job, work, done, cancel, failure).await;
    }
}
