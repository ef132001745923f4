//! Jobs: written by the process that does them, read and cancelled by every one.

use sea_orm::sea_query::Expr;
use sea_orm::{
    ActiveModelTrait, ColumnTrait, Condition, EntityTrait, ExprTrait, IntoActiveModel, PaginatorTrait,
    QueryFilter, QueryOrder, QuerySelect, QueryTrait,
};
use storage_domain::{BackendId, Job, JobId, JobState};
use time::OffsetDateTime;

use super::Store;
use crate::convert;
use crate::entity::storage_job::{Column, Entity, Model};
use crate::error::StoreError;

const CANCELLING: &str = "cancelling a job";

/// Which jobs are wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct JobFilter {
    /// At most so many.
    pub limit: u64,
    /// Only on this backend.
    pub backend: Option<BackendId>,
    /// Only in this state.
    pub state: Option<JobState>,
}

/// Some of the jobs.
#[derive(Debug, Default)]
pub struct JobPage {
    /// The jobs, the newest first.
    pub jobs: Vec<Job>,
    /// How many match in all.
    pub total: u64,
}

impl Store {
    /// Writes the row of a job that begins.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] and [`StoreError::Database`].
    pub async fn add_job(&self, job: &Job) -> Result<(), StoreError> {
        let insert = Entity::insert(write(job).into_active_model().reset_all()).into_query();
        let write = self.statement(&insert);
        self.write("beginning a job", write).await.map(drop)
    }

    /// Writes the progress and the heartbeat of a running job. Returns false, and writes nothing, if the job has to end:
    /// a client wants it to, or its row is gone.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] and [`StoreError::Database`].
    pub async fn advance_job(
        &self,
        id: JobId,
        (done, total): (u64, Option<u64>),
        now: OffsetDateTime,
    ) -> Result<bool, StoreError> {
        let update = Entity::update_many()
            .col_expr(Column::Done, Expr::value(count(done)))
            .col_expr(Column::Total, Expr::value(total.map(count)))
            .col_expr(Column::HeartbeatAt, Expr::value(convert::to_millis(now)))
            .filter(is_running(id))
            .filter(Column::CancelRequested.eq(false))
            .into_query();
        let write = self.statement(&update);
        Ok(self.write("writing a job's progress", write).await?.rows > 0)
    }

    /// Writes the end of a running job: its state, progress, error and times.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] and [`StoreError::Database`].
    pub async fn end_job(&self, job: &Job) -> Result<(), StoreError> {
        let row = write(job);
        let update = Entity::update_many()
            .col_expr(Column::State, Expr::value(row.state))
            .col_expr(Column::Done, Expr::value(row.done))
            .col_expr(Column::Total, Expr::value(row.total))
            .col_expr(Column::HeartbeatAt, Expr::value(row.heartbeat_at))
            .col_expr(Column::FinishedAt, Expr::value(row.finished_at))
            .col_expr(Column::Error, Expr::value(row.error))
            .filter(is_running(job.id))
            .into_query();
        let write = self.statement(&update);
        self.write("ending a job", write).await.map(drop)
    }

    /// Asks the process that does a job to end it. One that ended stays as it is.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] and [`StoreError::Database`].
    pub async fn cancel_job(&self, id: JobId) -> Result<(), StoreError> {
        self.cancel_jobs(is_running(id)).await
    }

    /// Asks the processes that do the jobs of a backend to end them.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] and [`StoreError::Database`].
    pub async fn cancel_jobs_of(&self, backend: BackendId) -> Result<(), StoreError> {
        let of_backend = Condition::all()
            .add(Column::BackendId.eq(backend.to_string()))
            .add(Column::State.eq(JobState::Running.as_str()));
        let find = Entity::find().filter(of_backend.clone());
        if !self.any(CANCELLING, find).await? {
            return Ok(());
        }
        self.cancel_jobs(of_backend).await
    }

    async fn cancel_jobs(&self, which: Condition) -> Result<(), StoreError> {
        let update = Entity::update_many()
            .col_expr(Column::CancelRequested, Expr::value(true))
            .filter(which)
            .into_query();
        let write = self.statement(&update);
        self.write(CANCELLING, write).await.map(drop)
    }

    /// Returns a job as it is now; `None` if there is none.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] and [`StoreError::Database`].
    pub async fn job(&self, id: JobId) -> Result<Option<Job>, StoreError> {
        let find = Entity::find_by_id(id.to_string()).one(&self.db);
        let row = self.run("reading a job", find).await?;
        Ok(row.and_then(read))
    }

    /// Returns the jobs that match, the newest first.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] and [`StoreError::Database`].
    pub async fn jobs(&self, filter: &JobFilter) -> Result<JobPage, StoreError> {
        const WHAT: &str = "listing jobs";
        let mut query = Entity::find();
        if let Some(backend) = filter.backend {
            query = query.filter(Column::BackendId.eq(backend.to_string()));
        }
        if let Some(state) = filter.state {
            query = query.filter(is_in(state));
        }
        let total = self.run(WHAT, query.clone().count(&self.db)).await?;
        let newest = query.order_by_desc(Column::Id).limit(filter.limit);
        let rows = self.run(WHAT, newest.all(&self.db)).await?;
        Ok(JobPage {
            jobs: rows.into_iter().filter_map(read).collect(),
            total,
        })
    }

    /// Deletes at most `limit` of the jobs that were last written before this time; returns how many it deleted.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] and [`StoreError::Database`].
    pub async fn prune_jobs(&self, before: OffsetDateTime, limit: u64) -> Result<u64, StoreError> {
        let oldest = Entity::find()
            .select_only()
            .column(Column::Id)
            .filter(Column::HeartbeatAt.lt(convert::to_millis(before)))
            .limit(limit)
            .into_query();
        let delete = Entity::delete_many().filter(Column::Id.in_subquery(oldest));
        let write = self.statement(&delete.into_query());
        Ok(self.write("deleting old jobs", write).await?.rows)
    }
}

fn is_running(id: JobId) -> Condition {
    Condition::all()
        .add(Column::Id.eq(id.to_string()))
        .add(Column::State.eq(JobState::Running.as_str()))
}

/// Returns whether a job is in a state now: one that runs without a heartbeat is interrupted.
fn is_in(state: JobState) -> Condition {
    let dead = convert::to_millis(OffsetDateTime::now_utc().saturating_sub(Job::DEAD_AFTER));
    let running = Column::State.eq(JobState::Running.as_str());
    let stored = Column::State.eq(state.as_str());
    match state {
        JobState::Running => Condition::all().add(stored).add(Column::HeartbeatAt.gte(dead)),
        JobState::Interrupted => Condition::any()
            .add(stored)
            .add(running.and(Column::HeartbeatAt.lt(dead))),
        JobState::Done | JobState::Failed | JobState::Cancelled => Condition::all().add(stored),
    }
}

fn count(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn write(job: &Job) -> Model {
    Model {
        id: job.id.to_string(),
        kind: job.kind.to_string(),
        backend_id: job.backend_id.to_string(),
        backend_name: convert::to_stored_text(&job.backend_name),
        subject: convert::to_stored_text(&job.subject),
        state: job.state.to_string(),
        done: count(job.done),
        total: job.total.map(count),
        unit: job.kind.unit().to_owned(),
        started_at: convert::to_millis(job.started_at),
        finished_at: job.finished_at.map(convert::to_millis),
        error: job.error.as_deref().map(convert::to_stored_text),
        owner: convert::to_stored_text(&job.owner),
        heartbeat_at: convert::to_millis(job.heartbeat_at),
        cancel_requested: false,
    }
}

/// Reads a row as it is now; `None` if a word or a time in it can't be read, such as the kind of a newer release.
fn read(row: Model) -> Option<Job> {
    let number = |number: i64| u64::try_from(number).unwrap_or(0);
    let job = Job {
        id: row.id.parse().ok()?,
        kind: row.kind.parse().ok()?,
        backend_id: row.backend_id.parse().ok()?,
        backend_name: row.backend_name,
        subject: row.subject,
        state: row.state.parse().ok()?,
        done: number(row.done),
        total: row.total.map(number),
        started_at: convert::from_millis(row.started_at)?,
        finished_at: match row.finished_at {
            Some(millis) => Some(convert::from_millis(millis)?),
            None => None,
        },
        error: row.error,
        owner: row.owner,
        heartbeat_at: convert::from_millis(row.heartbeat_at)?,
    };
    Some(job.at(OffsetDateTime::now_utc()))
}
