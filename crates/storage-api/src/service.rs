//! The use cases, over one store and one registry of live backends; no web types in here.

mod backends;
mod discovery;
mod preconditions;
mod shutdown;
mod startup;

pub use self::backends::BackendDraft;
pub use self::preconditions::{Preconditions, entity_tag};
pub use crate::supervisor::{AppError, AppSettings, ClientPermit as Permit, TestOutcome};
pub use crate::trail::Trace;

pub(crate) use crate::supervisor::{explain, millis};

use std::sync::Arc;

use storage_backends::Registry;
use storage_domain::BackendId;
use storage_persistence::Store;
use tokio::runtime::Handle;

use crate::supervisor::Supervisor;

/// The use cases.
#[derive(Debug)]
pub struct App {
    supervisor: Arc<Supervisor>,
}

impl App {
    /// Makes the use cases. Background work runs on `runtime`, not on the web server's threads.
    pub fn new(store: Store, registry: Registry, settings: AppSettings, runtime: Handle) -> Arc<Self> {
        Arc::new(Self {
            supervisor: Supervisor::new(store, registry, settings, runtime),
        })
    }

    /// Tests a backend, or joins the test of the same config that runs. The test goes on if the client hangs up, and
    /// holds the permit of the client that began it until it ends.
    ///
    /// # Errors
    /// [`AppError::Superseded`], [`AppError::InProgress`], [`AppError::TooBusy`], [`AppError::ShuttingDown`] and
    /// [`AppError::Store`]. A backend that fails its test is an `Ok` outcome.
    pub async fn test(&self, id: BackendId, permit: Permit) -> Result<Arc<TestOutcome>, AppError> {
        self.supervisor.test(id, permit).await
    }

    /// Returns every permit of the tests.
    #[cfg(test)]
    pub(crate) async fn every_permit(&self) -> impl Drop + '_ {
        self.supervisor.permits.all().await
    }

    /// Returns how many backends have work now.
    #[cfg(test)]
    pub(crate) fn busy_backends(&self) -> usize {
        self.supervisor.busy_backends()
    }
}
