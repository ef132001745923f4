//! Watching and cancelling jobs.

use storage_domain::{Job, JobId};
use storage_persistence::{JobFilter, JobPage};

use super::{App, AppError};

impl App {
    /// Returns the jobs that match, the newest first.
    ///
    /// # Errors
    /// [`AppError::Store`].
    pub async fn jobs(&self, filter: &JobFilter) -> Result<JobPage, AppError> {
        Ok(self.supervisor.store.jobs(filter).await?)
    }

    /// Returns one job.
    ///
    /// # Errors
    /// [`AppError::NoJob`] and [`AppError::Store`].
    pub async fn job(&self, id: JobId) -> Result<Job, AppError> {
        self.supervisor.store.job(id).await?.ok_or(AppError::NoJob)
    }

    /// Asks a job to end, whichever process does it; it ends within two seconds. One that ended stays as it is.
    ///
    /// # Errors
    /// Those of [`App::job`].
    pub async fn cancel_job(&self, id: JobId) -> Result<Job, AppError> {
        self.job(id).await?;
        self.supervisor.store.cancel_job(id).await?;
        self.supervisor.jobs.cancel(id);
        self.job(id).await
    }
}
