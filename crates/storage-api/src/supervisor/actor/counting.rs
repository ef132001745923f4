//! The count of one backend's files, and the test that waits for it a little.

use std::sync::Arc;

use storage_backends::Backend as LiveBackend;
use storage_domain::Backend;
use tokio::task::JoinError;

use super::Actor;
use super::testing::{Stage, Test};
use crate::supervisor::count::{Count, CountEnd};
use crate::supervisor::job::Job;

impl Actor {
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
                self.answer_tested(tested);
            }
            other => self.test = other,
        }
    }
}

/// Waits for the end of the count; never, if none runs.
pub(super) async fn count_ended(count: &mut Option<Count>) -> Result<CountEnd, JoinError> {
    match count {
        Some(count) => count.job.ended().await,
        None => std::future::pending().await,
    }
}
