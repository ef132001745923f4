//! The row of a job: written while its work goes on, and read for the wish that it ends.

use std::pin::Pin;
use std::time::Duration;

use storage_domain::{Backend, Job, JobId, JobKind, JobState};
use time::OffsetDateTime;
use tokio::time::{interval, sleep};
use tokio_util::sync::CancellationToken;

use super::Supervisor;
use crate::chain::Chain;

/// Time between two writes of a job's row, each of which reads whether it has to end.
const BEAT: Duration = Duration::from_secs(1);
/// Times that the end of a job is tried to be written, a [`BEAT`] apart.
const END_TRIES: u32 = 20;

impl Supervisor {
    /// Returns the job of work that begins now.
    pub(in crate::supervisor) fn new_job(
        &self,
        id: JobId,
        kind: JobKind,
        backend: &Backend,
        subject: String,
    ) -> Job {
        let now = OffsetDateTime::now_utc();
        Job {
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
        }
    }

    /// Keeps the row of a job, and how it ended, until its work ends, and returns what came of that. Cancels the work if the
    /// row says so. `failure` returns why the work failed.
    pub(in crate::supervisor) async fn keep_job<T>(
        &self,
        mut job: Job,
        mut work: Pin<&mut (impl Future<Output = T> + Send)>,
        progress: impl Fn() -> (u64, Option<u64>),
        cancel: &CancellationToken,
        failure: impl Fn(&T) -> Option<String>,
    ) -> T {
        let ended = tokio::select! {
            ended = &mut work => ended,
            () = self.keep_row(job.id, &progress) => {
                cancel.cancel();
                work.await
            }
        };
        (job.done, job.total) = progress();
        (job.state, job.error) = match failure(&ended) {
            None => (JobState::Done, None),
            Some(_) if self.stopping.is_cancelled() => {
                (JobState::Interrupted, Some(job.kind.interruption().to_owned()))
            }
            Some(_) if cancel.is_cancelled() => (JobState::Cancelled, None),
            Some(reason) => (JobState::Failed, Some(reason)),
        };
        self.store_end(job).await;
        ended
    }

    /// Writes a job's progress and heartbeat until the job has to end.
    async fn keep_row(&self, job: JobId, progress: &impl Fn() -> (u64, Option<u64>)) {
        let mut beats = interval(BEAT);
        loop {
            beats.tick().await;
            let (done, now) = (progress(), OffsetDateTime::now_utc());
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
