//! Long work on files: what takes longer than a client waits is a job, which is watched and cancelled by its row.

use std::collections::HashMap;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use storage_backends::{OpContext, Progress};
use storage_domain::{Backend, BackendId, Job, JobId, JobKind, JobState};
use time::OffsetDateTime;
use tokio::sync::{OwnedSemaphorePermit, oneshot};
use tokio::time::{interval, sleep, timeout};
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

use super::{AppError, Bounded, Supervisor};
use crate::chain::Chain;

/// Changes of files under way at once in this process, those that are no jobs yet included.
const MAX_CHANGES: usize = 32;
/// Jobs under way at once that may take hours, and that no client waits for: less than the writes that go on at once.
const MAX_TRANSFERS: usize = 16;
/// The longest time that a job may take.
const JOB_DEADLINE: Duration = Duration::from_hours(24);
/// Time between two writes of a job's row, each of which reads whether it has to end.
const BEAT: Duration = Duration::from_secs(1);
/// Times that the end of a job is tried to be written, a [`BEAT`] apart.
const END_TRIES: u32 = 20;

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

/// Keeps a change among those that run until it is dropped.
struct Listed(Arc<Mutex<HashMap<JobId, Running>>>, JobId);

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
    fn list(&self, job: JobId, backend: BackendId, cancel: CancellationToken) -> Listed {
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
        let now = OffsetDateTime::now_utc();
        let job = Job {
            id,
            kind,
            backend_id: backend.id,
            backend_name: backend.name.to_string(),
            subject,
            state: JobState::Running,
            done: 0,
            total: None,
            started_at: now,
            finished_at: None,
            error: None,
            owner: self.instance.clone(),
            heartbeat_at: now,
        };
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
        let ended = tokio::select! {
            ended = &mut work => ended,
            () = self.keep_row(job.id, progress) => {
                cancel.cancel();
                work.await
            }
        };
        (job.done, job.total) = (progress.done(), progress.total());
        (job.state, job.error) = match ended {
            Ok(_) => (JobState::Done, None),
            Err(_) if self.stopping.is_cancelled() => {
                (JobState::Interrupted, Some(Job::INTERRUPTED.to_owned()))
            }
            Err(_) if cancel.is_cancelled() => (JobState::Cancelled, None),
            Err(error) => (JobState::Failed, Some(error.sentence())),
        };
        self.store_end(job).await;
    }

    /// Writes a job's progress and heartbeat until the job has to end.
    async fn keep_row(&self, job: JobId, progress: &Progress) {
        let mut beats = interval(BEAT);
        loop {
            beats.tick().await;
            let (done, now) = ((progress.done(), progress.total()), OffsetDateTime::now_utc());
            match self.store.advance_job(job, done, now).await {
                Ok(true) => {}
                Ok(false) => return,
                Err(error) => {
                    tracing::warn!(job.id = %job, error = %Chain(&error), "the progress of a job could not be stored");
                }
            }
        }
    }

    async fn store_end(&self, mut job: Job) {
        let now = OffsetDateTime::now_utc();
        (job.heartbeat_at, job.finished_at) = (now, Some(now));
        tracing::info!(job.id = %job.id, backend.id = %job.backend_id, kind = %job.kind, state = %job.state, done = job.done, error = job.error, "a job ended");
        for _ in 0..END_TRIES {
            match self.store.end_job(&job).await {
                Ok(()) => return,
                Err(error) => {
                    tracing::warn!(job.id = %job.id, error = %Chain(&error), "the end of a job could not be stored");
                }
            }
            sleep(BEAT).await;
        }
    }
}
