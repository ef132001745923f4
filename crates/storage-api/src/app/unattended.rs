//! Tests that nobody asked for: when they begin, and what of them is worth telling.

use std::sync::Arc;

use storage_domain::{Backend, BackendId, BackendStatus, Stats};
use storage_persistence::Measurement;
use time::OffsetDateTime;

use super::rounds::RECHECK;
use super::slots::Running;
use super::testing::{TestEnd, TestOutcome};
use super::{App, AppError, Permit};

/// What a test is to those who read its backend.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum News {
    /// It is stored and logged.
    Told,
    /// A first failure of a backend that was well: it is looked at again before it is stored.
    Doubted,
    /// Nothing but how full it is: it is stored, for lists show it, and is no event for the log.
    Figures,
    /// What is stored says the same. Storing it again would make every reader's entity tag stale.
    None,
}

impl App {
    /// Looks at a backend, unless something goes on with it; `None` where it is not to be watched: it is gone, or its
    /// config is untested.
    pub(super) async fn start_unattended(
        self: &Arc<Self>,
        id: BackendId,
    ) -> Result<Option<Running<TestEnd>>, AppError> {
        if self.stopping.is_cancelled() {
            return Err(AppError::ShuttingDown);
        }
        let slot = self.slots.of(id);
        let gate = slot.gate(self.gate_limit()).await?;
        let backend = match self.store.open(id).await {
            Ok(backend) => backend,
            Err(storage_persistence::StoreError::NotFound) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        if backend.status == BackendStatus::Offline {
            return Ok(None);
        }
        if slot.test().is_some() || slot.works_on_other(backend.revision) {
            return Err(AppError::InProgress);
        }
        // It ends with the stop: nobody waits for it.
        let (running, told) = Running::new(backend.revision, self.stopping.child_token());
        let running = running.unattended();
        self.begin_test(slot.clone(), backend, &running, told, Permit::none());
        drop(gate);
        Ok(Some(running))
    }

    /// What a test is to those who read its backend.
    pub(super) fn news(
        &self,
        backend: &Backend,
        outcome: &TestOutcome,
        found: &Measurement,
        unattended: bool,
    ) -> News {
        if !unattended {
            return News::Told;
        }
        let was_online = backend.status == BackendStatus::Online;
        if was_online
            && !outcome.success
            && outcome.stuck_since.is_none()
            // What was tried for so long is no hiccup.
            && outcome.duration < RECHECK
            && self.rounds.is_first_failure(backend.id)
        {
            return News::Doubted;
        }
        let stored = backend.last_test.as_ref().and_then(|test| test.finding);
        if was_online != outcome.success || stored != Some(outcome.finding) {
            News::Told
        } else if self.figures_are_old(backend, &found.stats) {
            News::Figures
        } else {
            News::None
        }
    }

    /// Whether the sizes that are stored are off by what matters, or by a little for long.
    fn figures_are_old(&self, backend: &Backend, found: &Stats) -> bool {
        let age = || Some(OffsetDateTime::now_utc() - backend.last_test.as_ref()?.at);
        found.is_off(&backend.stats)
            || (found.has_other_sizes(&backend.stats)
                && age().is_none_or(|age| age >= self.settings.scan_interval))
    }

    /// Whether a test that passed counts the files: one that was asked for does, and one that finds a backend well again;
    /// the others only now and then.
    pub(super) fn counts_files(&self, backend: &Backend, unattended: bool) -> bool {
        !unattended || backend.status == BackendStatus::Error || self.rounds.scan_is_due(backend.id)
    }
}
