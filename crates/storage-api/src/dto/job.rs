//! Jobs as the API shows them.

use serde::Serialize;
use storage_domain::{BackendId, Job, JobId, JobKind, JobState};

use super::timestamp;

/// What the answer to a change says that has become a job.
pub(crate) const GOES_ON: &str = "This takes longer and goes on as a job";

/// A job.
#[derive(Debug, Serialize)]
pub(crate) struct JobDto {
    id: JobId,
    kind: JobKind,
    backend: BackendDto,
    subject: String,
    state: JobState,
    progress: ProgressDto,
    started_at: String,
    finished_at: Option<String>,
    error: Option<String>,
}

/// The backend, as it was called when the job began.
#[derive(Debug, Serialize)]
struct BackendDto {
    id: BackendId,
    name: String,
}

#[derive(Debug, Serialize)]
struct ProgressDto {
    done: u64,
    total: Option<u64>,
    unit: &'static str,
    rate: f64,
}

impl JobDto {
    /// Returns its id.
    pub(crate) fn id(&self) -> JobId {
        self.id
    }
}

impl From<Job> for JobDto {
    fn from(job: Job) -> Self {
        Self {
            progress: ProgressDto {
                done: job.done,
                total: job.total,
                unit: job.kind.unit(),
                rate: job.rate(),
            },
            id: job.id,
            kind: job.kind,
            backend: BackendDto {
                id: job.backend_id,
                name: job.backend_name,
            },
            subject: job.subject,
            state: job.state,
            started_at: timestamp(job.started_at),
            finished_at: job.finished_at.map(timestamp),
            error: job.error,
        }
    }
}
