//! Jobs: work that takes longer than a client waits.

use serde::{Serialize, Serializer};
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

use crate::BackendId;
use crate::id::id;
use crate::string_enum::string_enum;

/// The id of a job, which sorts by time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct JobId(Uuid);

impl JobId {
    /// Makes a new id, which sorts after all earlier ones.
    pub fn generate() -> Self {
        Self(Uuid::now_v7())
    }
}

id!(JobId, "must be the id of a job");

impl Serialize for JobId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

string_enum! {
    /// Names what a job does.
    JobKind {
        /// Deletes files and directories.
        Delete = "delete",
        /// Moves files and directories.
        Move = "move",
        /// Writes a file that comes from a URL.
        Fetch = "fetch",
        /// Reads a file to learn its hash.
        Hash = "hash",
        /// Counts all files.
        Count = "count",
    }
}

impl JobKind {
    /// Returns what its progress counts.
    pub const fn unit(self) -> &'static str {
        match self {
            Self::Delete | Self::Move => "entries",
            Self::Fetch | Self::Hash => "bytes",
            Self::Count => "files",
        }
    }

    /// Returns whether its end is waited for some seconds before it becomes a job.
    pub const fn may_end_at_once(self) -> bool {
        match self {
            Self::Delete | Self::Move | Self::Count => true,
            Self::Fetch | Self::Hash => false,
        }
    }

    /// Returns why one ended that was interrupted.
    pub const fn interruption(self) -> &'static str {
        match self {
            Self::Delete | Self::Move | Self::Fetch | Self::Hash => {
                "The service ended before the job did; what it has done stays, so start it again for the rest"
            }
            Self::Count => {
                "The service ended before the count did; the stats stay, and it counts again by itself or with the next test"
            }
        }
    }
}

string_enum! {
    /// Names what has become of a job.
    JobState {
        /// It goes on.
        Running = "running",
        /// It did what it should.
        Done = "done",
        /// It ended with an error.
        Failed = "failed",
        /// A client ended it, or its backend was changed or deleted.
        Cancelled = "cancelled",
        /// The service that did it ended.
        Interrupted = "interrupted",
    }
}

/// A job, as it was when its row was last written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// Its id.
    pub id: JobId,
    /// What it does.
    pub kind: JobKind,
    /// The backend that it works on.
    pub backend_id: BackendId,
    /// The backend's name when it began.
    pub backend_name: String,
    /// What it works on, in at most [`Job::MAX_SUBJECT_BYTES`], without a secret.
    pub subject: String,
    /// What has become of it.
    pub state: JobState,
    /// How much is done.
    pub done: u64,
    /// How much there is to do, if that is known.
    pub total: Option<u64>,
    /// When it began.
    pub started_at: OffsetDateTime,
    /// When it ended.
    pub finished_at: Option<OffsetDateTime>,
    /// Why it failed or was interrupted, in one sentence.
    pub error: Option<String>,
    /// The process that does it.
    pub owner: String,
    /// When that process wrote the row last.
    pub heartbeat_at: OffsetDateTime,
}

impl Job {
    /// The longest subject, in bytes.
    pub const MAX_SUBJECT_BYTES: usize = 500;
    /// Time after its last heartbeat from which on a running job counts as interrupted.
    pub const DEAD_AFTER: Duration = Duration::seconds(30);

    /// Returns the job as it is at a time: one without a heartbeat is interrupted.
    #[must_use]
    pub fn at(mut self, now: OffsetDateTime) -> Self {
        if self.state == JobState::Running && self.heartbeat_at < now.saturating_sub(Self::DEAD_AFTER) {
            self.state = JobState::Interrupted;
            self.finished_at = Some(self.heartbeat_at);
            self.error = Some(self.kind.interruption().to_owned());
        }
        self
    }

    /// Returns how much is done a second, so far or in all.
    pub fn rate(&self) -> f64 {
        let seconds = (self.heartbeat_at - self.started_at).as_seconds_f64().max(0.001);
        #[expect(clippy::cast_precision_loss, reason = "a rate is no exact figure")]
        let done = self.done as f64;
        (done / seconds * 10.0).round() / 10.0
    }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    fn job() -> Job {
        let at = datetime!(2026-01-01 00:00:00 UTC);
        Job {
            id: JobId::generate(),
            kind: JobKind::Delete,
            backend_id: BackendId::generate(),
            backend_name: "nas".to_owned(),
            subject: "/a".to_owned(),
            state: JobState::Running,
            done: 25,
            total: None,
            started_at: at,
            finished_at: None,
            error: None,
            owner: "a".to_owned(),
            heartbeat_at: at + Duration::seconds(10),
        }
    }

    #[test]
    fn a_job_without_a_heartbeat_is_interrupted() {
        let last = job().heartbeat_at;
        assert_eq!(job().at(last + Job::DEAD_AFTER).state, JobState::Running);
        let dead = job().at(last + Job::DEAD_AFTER + Duration::SECOND);
        assert_eq!(
            (dead.state, dead.finished_at),
            (JobState::Interrupted, Some(last))
        );
        assert!(dead.error.is_some());
        let mut done = job();
        done.state = JobState::Done;
        assert_eq!(done.clone().at(last + Duration::DAY), done);
    }

    #[test]
    fn rates_and_ids() {
        assert!((job().rate() - 2.5).abs() < f64::EPSILON);
        let id = JobId::generate();
        assert_eq!(id.to_string().parse(), Ok(id));
        assert!(id.to_string().to_uppercase().parse::<JobId>().is_err());
    }
}
