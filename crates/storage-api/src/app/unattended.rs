//! Tests that nobody asked for: when they begin, and what of them is worth telling.

use std::sync::Arc;

use storage_domain::{Backend, BackendId, BackendStatus};

use super::rounds::RECHECK;
use super::slots::Running;
use super::testing::{TestEnd, TestOutcome};
use super::{App, AppError};

/// What a test is to those who read its backend.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum News {
    /// It is stored and logged.
    Told,
    /// A first failure of a backend that was well: it is looked at again before it is stored.
    Doubted,
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
        let backend = match self.store.get(id).await {
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
        self.begin_test(slot.clone(), backend, &running, told);
        drop(gate);
        Ok(Some(running))
    }

    /// What a test is to those who read its backend.
    pub(super) fn news(&self, backend: &Backend, outcome: &TestOutcome, unattended: bool) -> News {
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
        let said = backend.last_test.as_ref().map(|test| test.message.as_str());
        if was_online == outcome.success && said == Some(outcome.message.as_str()) {
            return News::None;
        }
        News::Told
    }

    /// Whether a test that passed counts the files: one that was asked for does, and one that finds a backend well again;
    /// the others only now and then.
    pub(super) fn counts_files(&self, backend: &Backend, unattended: bool) -> bool {
        !unattended || backend.status == BackendStatus::Error || self.rounds.scan_is_due(backend.id)
    }
}
