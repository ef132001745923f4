//! The use cases, over one store and one registry of live backends; no web types in here.

mod backends;
mod changes;
mod discovery;
mod files;
mod hashes;
mod jobs;
mod preconditions;
mod shutdown;
mod startup;
mod uploads;

pub use self::backends::BackendDraft;
pub use self::changes::Move;
pub use self::files::ListedFiles;
pub use self::preconditions::{Preconditions, entity_tag};
pub use self::uploads::{
    Append, Appended, Begun, Body, BodySender, MIN_APPEND_BYTES, NewFile, UploadError, WrittenFile, body,
};
pub use crate::audit::AuditEntry;
pub use crate::supervisor::{
    AppError, AppSettings, Change, ClientPermit as Permit, Event, StateChange, TestOutcome,
};

pub(crate) use crate::supervisor::{Bounded, explain, explain_at, millis};

use std::sync::Arc;

use storage_backends::{Backend as LiveBackend, Error, Registry};
use storage_domain::{Backend, BackendId, BackendKind, IscsiTarget};
use storage_persistence::{BackendFilter, Store};
use tokio::runtime::Handle;
use tokio::sync::broadcast;

use crate::supervisor::{Command, Forget, Supervisor, Trial};

/// The use cases.
#[derive(Debug)]
pub struct App {
    supervisor: Arc<Supervisor>,
    reads: Bounded,
    uploads: uploads::Uploads,
}

impl App {
    /// Makes the use cases. Background work runs on `runtime`, not on the web server's threads.
    pub fn new(store: Store, registry: Registry, settings: AppSettings, runtime: Handle) -> Arc<Self> {
        Arc::new(Self {
            uploads: uploads::Uploads::new(settings.max_upload_bytes),
            supervisor: Supervisor::new(store, registry, settings, runtime),
            reads: Bounded::new(files::MAX_READS),
        })
    }

    /// Tests a backend, or joins the test of the same config that runs. The test goes on if the client hangs up, and
    /// holds the permit of the client that began it until it ends. `seen` learns which backend is tested, from the same
    /// row.
    ///
    /// # Errors
    /// [`AppError::Superseded`], [`AppError::InProgress`], [`AppError::TooBusy`], [`AppError::ShuttingDown`] and
    /// [`AppError::Store`]. A backend that fails its test is an `Ok` outcome.
    pub async fn test(
        &self,
        id: BackendId,
        permit: Permit,
        seen: impl FnOnce(&Backend),
    ) -> Result<Arc<TestOutcome>, AppError> {
        // A client that joins holds its own permit while it waits.
        let held = permit.clone();
        let begun = self
            .supervisor
            .ask(id, "the test", |reply| Command::Test(held, reply))
            .await?;
        seen(&begun.backend);
        begun.outcome.await.unwrap_or(Err(AppError::Task("the test")))
    }

    /// Tests a config that is not stored, as a test of a backend does, without a count. Nothing is stored, and nothing
    /// stays mounted. Secrets that are absent or empty are those of the backend `secrets_of`, unless they would go to
    /// another host. Goes on to its end if the client hangs up.
    ///
    /// # Errors
    /// Every mistake of the draft at once; [`AppError::Store`] if `secrets_of` can't be read; [`AppError::TooBusy`] and
    /// [`AppError::ShuttingDown`].
    pub async fn test_config(
        &self,
        draft: BackendDraft,
        secrets_of: Option<BackendId>,
        permit: Permit,
    ) -> Result<TestOutcome, AppError> {
        let lender = match secrets_of {
            Some(id) => Some(self.supervisor.store.open(id).await?),
            None => None,
        };
        let config = draft.config(lender.as_ref())?;
        let (id, trial) = (BackendId::generate(), Box::new(Trial { config, permit }));
        self.supervisor
            .ask(id, "the test", |reply| Command::Try(trial, reply))
            .await
    }

    /// Returns the iSCSI backends with the targets and logical units that their last tests saw.
    ///
    /// # Errors
    /// [`AppError::Store`].
    pub async fn seen_luns(&self) -> Result<Vec<(Backend, Vec<IscsiTarget>)>, AppError> {
        let filter = BackendFilter {
            kind: Some(BackendKind::Iscsi),
            ..BackendFilter::default()
        };
        let backends = self.supervisor.store.list(&filter).await?.backends.into_iter();
        let with_luns = backends.map(|backend| {
            let targets = self.supervisor.luns.of(backend.id, backend.revision);
            (backend, targets)
        });
        Ok(with_luns.collect())
    }

    /// Returns a stored backend, secrets included, with the live one of it.
    async fn live(&self, id: BackendId) -> Result<(Backend, Result<Arc<dyn LiveBackend>, Error>), AppError> {
        let backend = self.supervisor.store.open(id).await?;
        let live = self
            .supervisor
            .registry
            .get(id, backend.revision, &backend.config);
        Ok((backend, live))
    }

    /// Has copies of files forgotten when this process changes the files.
    pub(crate) fn on_change(&self, forget: Forget) {
        self.supervisor.copies.set(forget);
    }

    /// Returns a receiver of every change of a backend's state from now on.
    pub fn events(&self) -> broadcast::Receiver<Event> {
        self.supervisor.events.subscribe()
    }

    /// Returns every permit that clients may have and that is free.
    #[cfg(test)]
    pub(crate) async fn every_permit(&self) -> impl Drop + '_ {
        self.supervisor.permits.all_of_clients().await
    }

    /// Returns how many backends have work now.
    #[cfg(test)]
    pub(crate) fn busy_backends(&self) -> usize {
        self.supervisor.busy_backends()
    }

    /// Returns the number of tasks that a stop waits for.
    #[cfg(test)]
    pub(crate) fn tasks(&self) -> usize {
        self.supervisor.tasks.len()
    }
}
