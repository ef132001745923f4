//! Counting a backend's files, past the end of the test that began it.

use std::sync::Arc;
use std::time::Duration;

use storage_backends::{Backend as LiveBackend, Error, ErrorKind, OpContext, ScanProgress, ScanReport};
use storage_domain::{Backend, BackendId, Check, FilePath, JobId, JobKind, Outcome, Revision, Stats};
use storage_persistence::Measurement;
use time::OffsetDateTime;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::event::StateChange;
use super::job::Job;
use super::messages::explain;
use super::schedule::CountResult;
use super::{Supervisor, TestOutcome};
use crate::chain::Chain;

/// The name of the check that shows what was counted.
const SCAN: &str = "scan";

/// A count at work.
pub(super) struct Count {
    /// The revision of the config that it works on.
    pub(super) revision: Revision,
    pub(super) job: Job<CountEnd>,
    pub(super) progress: Arc<ScanProgress>,
}

/// How a count ended, as far as a test waits for it.
pub(super) enum CountEnd {
    /// The counts are stored.
    Counted(ScanReport),
    /// It could not count, for a reason in plain words.
    NotCounted(String),
    /// The config changed meanwhile, or the backend was deleted.
    Superseded,
    BrokenOff,
    /// It goes on after so many files.
    GoesOn(u64),
}

impl CountEnd {
    /// Returns what was counted, or why nothing was, in plain words.
    fn report(&self) -> Result<&ScanReport, String> {
        Err(match self {
            Self::Counted(report) => return Ok(report),
            Self::NotCounted(reason) => reason.clone(),
            Self::Superseded => "The config changed while the files were counted".to_owned(),
            Self::BrokenOff => "The count was broken off; test again".to_owned(),
            Self::GoesOn(files) => {
                format!("Still counting, {files} files so far; the stats fill when it ends")
            }
        })
    }

    /// Adds the check of the count to a test, and what it left out to the message.
    pub(super) fn add_to(&self, outcome: &mut TestOutcome, duration: Duration) {
        let (result, detail) = match self.report() {
            Ok(report) => {
                if let Some(reservation) = reservation(report) {
                    outcome.message = format!("{}; {reservation}", outcome.message);
                }
                (Outcome::Passed, report.to_string())
            }
            Err(reason) => (Outcome::Skipped, reason),
        };
        outcome.checks.push(Check {
            name: SCAN,
            outcome: result,
            detail,
            duration,
        });
    }
}

impl Supervisor {
    /// Counts a backend's files and stores the result. Becomes a job after [`AppSettings::job_wait`].
    ///
    /// [`AppSettings::job_wait`]: super::AppSettings::job_wait
    pub(super) async fn count(
        &self,
        backend: &Backend,
        live: Arc<dyn LiveBackend>,
        progress: Arc<ScanProgress>,
        cancel: &CancellationToken,
    ) -> CountEnd {
        let id = JobId::generate();
        let mut job = self.new_job(id, JobKind::Count, backend, FilePath::root().to_string());
        let mut work = Box::pin(self.count_and_store(backend, live, Arc::clone(&progress), cancel));
        if let Ok(ended) = timeout(self.settings.job_wait, &mut work).await {
            return ended;
        }
        let _listed = self.jobs.list(id, backend.id, cancel.clone());
        (job.done, job.heartbeat_at) = (progress.files(), OffsetDateTime::now_utc());
        if let Err(error) = self.store.add_job(&job).await {
            // It changes nothing at the storage: what it finds is worth more than that somebody can watch it.
            tracing::warn!(backend.id = %backend.id, error = %Chain(&error), "a long count is no job");
            return work.await;
        }
        let done = || (progress.files(), None);
        let failure = |ended: &CountEnd| ended.report().err();
        self.keep_job(job, work.as_mut(), done, cancel, failure).await
    }

    async fn count_and_store(
        &self,
        backend: &Backend,
        live: Arc<dyn LiveBackend>,
        progress: Arc<ScanProgress>,
        cancel: &CancellationToken,
    ) -> CountEnd {
        let Some(tree) = live.as_tree() else {
            return CountEnd::NotCounted("This kind of storage has no files to count".to_owned());
        };
        let limit = self.registry.settings().scan_deadline;
        let cx = OpContext::within(limit).with_cancel(cancel.clone());
        match tree.scan(&cx, progress).await {
            Ok(report) => {
                let ended = self.store_count(backend, live.as_mount().is_some(), report).await;
                if matches!(ended, CountEnd::Superseded) {
                    // Its job ends as that of a backend which was changed in this process.
                    cancel.cancel();
                }
                ended
            }
            Err(error) => self.not_counted(backend.id, &error),
        }
    }

    async fn store_count(&self, backend: &Backend, has_capacity: bool, report: ScanReport) -> CountEnd {
        let id = backend.id;
        let found = Measurement {
            stats: Stats {
                used: report.bytes.filter(|_| !has_capacity),
                total: None,
                file_count: Some(report.files),
                template_count: Some(report.templates),
                incomplete: report.incomplete(),
                skipped: report.skipped().cloned(),
            },
            ..Measurement::default()
        };
        match self.store.record(id, backend.revision, &found).await {
            Ok(Some(_)) => {
                let (files, errors) = (report.files, report.errors);
                let change = StateChange::CountFinished { files, errors };
                self.events.publish(id, Some(&backend.name), change);
                let result = if report.errors == 0 {
                    CountResult::Complete
                } else {
                    CountResult::Partial
                };
                self.schedule.counted(id, result);
                CountEnd::Counted(report)
            }
            Ok(None) => CountEnd::Superseded,
            Err(error) => {
                tracing::error!(backend.id = %id, error = %Chain(&error), "a count could not be stored");
                self.schedule.counted(id, CountResult::NotStored);
                CountEnd::NotCounted("The count could not be stored; see the service's log".to_owned())
            }
        }
    }

    fn not_counted(&self, id: BackendId, error: &Error) -> CountEnd {
        match error.kind() {
            ErrorKind::NotListable => {}
            ErrorKind::Cancelled if self.stopping.is_cancelled() => {}
            ErrorKind::Cancelled => self.schedule.counted(id, CountResult::BrokenOff),
            _ => {
                tracing::warn!(backend.id = %id, error = %Chain(error), "the files could not be counted");
                self.schedule.counted(id, CountResult::Partial);
            }
        }
        CountEnd::NotCounted(format!("The files were not counted: {}", explain(error)))
    }
}

/// Returns the most important reservation of a count.
fn reservation(report: &ScanReport) -> Option<String> {
    let gaps = report.incomplete().map(|gaps| gaps.to_string());
    gaps.or_else(|| {
        let skipped = report.skipped().filter(|skipped| skipped.is_notable())?;
        Some(skipped.to_string())
    })
}
