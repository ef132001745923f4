//! Changing and deleting backends: what is mounted under the old config goes first.

use std::sync::Arc;

use storage_backends::{OpContext, UnmountMode};
use storage_domain::{Backend, BackendConfig, BackendId, BackendName, Invalid, InvalidInput, Rule};
use storage_persistence::StoreError;

use super::catalog::BackendDraft;
use super::preconditions::Preconditions;
use super::slots::SlotHandle;
use super::{App, AppError, Trace};

/// How often a change is tried again, where a test's result or another process changed the row in between.
const MAX_TRIES: usize = 8;

impl App {
    /// Changes a backend. Goes on to its end where the client hangs up.
    ///
    /// # Errors
    /// Every mistake of the draft at once; [`AppError::Precondition`]; [`AppError::Busy`] and [`AppError::Stuck`]
    /// where the old mount can't be taken away (nothing is stored then); [`AppError::Store`].
    pub async fn update(
        self: &Arc<Self>,
        id: BackendId,
        change: BackendDraft,
        conditions: Preconditions,
        trace: Trace,
    ) -> Result<Backend, AppError> {
        let app = Arc::clone(self);
        let work = async move { app.update_under_gate(id, change, conditions, trace).await };
        self.to_the_end("the update", work).await
    }

    async fn update_under_gate(
        &self,
        id: BackendId,
        change: BackendDraft,
        conditions: Preconditions,
        mut trace: Trace,
    ) -> Result<Backend, AppError> {
        let slot = self.slots.of(id);
        let _gate = slot.gate(self.gate_limit()).await?;
        let mut quiet = false;
        for _ in 0..MAX_TRIES {
            let read = self.store.open(id).await?;
            trace.saw(&read);
            conditions.allow_change(&read)?;
            let (name, config) = plan(&read, &change)?;
            // As it is stored: two spellings of a host are equal, yet what was typed last is what is shown.
            let new_config = config.stored() != read.config.stored();
            if name == read.name && !new_config {
                return Ok(read);
            }
            if new_config {
                // The database's constraint decides; this spares an unmount for a change that can't be stored.
                if name != read.name && self.store.is_name_taken(&name, id).await? {
                    return Err(StoreError::NameTaken.into());
                }
                if !quiet {
                    self.quiesce(&slot, id).await?;
                    // A test that ended just now may have changed the row: read it again.
                    quiet = true;
                    continue;
                }
                self.unmount(&read, UnmountMode::Plain).await?;
            }
            match self.store.update(&read, &name, &config, trace.record()).await {
                Err(StoreError::Changed) if conditions.names_version() => return Err(AppError::Precondition),
                Err(StoreError::Changed) => {}
                Err(error) => return Err(error.into()),
                Ok(updated) => {
                    trace.written();
                    tracing::info!(backend.id = %id, config_changed = new_config, "backend updated");
                    return Ok(updated);
                }
            }
        }
        Err(AppError::InProgress)
    }

    /// Deletes a backend, after it was unmounted; `force` detaches a mount that is in use. Goes on to its end where
    /// the client hangs up.
    ///
    /// # Errors
    /// [`AppError::Precondition`]; [`AppError::Busy`] and [`AppError::Stuck`], where the backend stays;
    /// [`AppError::Store`].
    pub async fn delete(
        self: &Arc<Self>,
        id: BackendId,
        force: bool,
        conditions: Preconditions,
        trace: Trace,
    ) -> Result<(), AppError> {
        let app = Arc::clone(self);
        let work = async move { app.delete_under_gate(id, force, conditions, trace).await };
        self.to_the_end("the delete", work).await
    }

    async fn delete_under_gate(
        &self,
        id: BackendId,
        force: bool,
        conditions: Preconditions,
        mut trace: Trace,
    ) -> Result<(), AppError> {
        let slot = self.slots.of(id);
        let _gate = slot.gate(self.gate_limit()).await?;
        let mut version = None;
        match self.store.open(id).await {
            Ok(read) => {
                trace.saw(&read);
                conditions.allow_change(&read)?;
                version = conditions.names_version().then_some(read.version);
                match self.quiesce(&slot, id).await {
                    Err(AppError::Stuck { .. }) if force => {
                        tracing::warn!(backend.id = %id, "deleting a backend whose worker hangs");
                    }
                    other => other?,
                }
                let mode = if force {
                    UnmountMode::Lazy
                } else {
                    UnmountMode::Plain
                };
                match self.unmount(&read, mode).await {
                    Err(AppError::Stuck { since }) if force => {
                        tracing::warn!(backend.id = %id, ?since, "deleting a backend whose mount hangs");
                    }
                    other => other?,
                }
            }
            // What its config was nobody can tell any more; a mount that it left goes at the next start.
            Err(StoreError::Unreadable { reason, .. }) => {
                tracing::warn!(backend.id = %id, reason, "deleting a backend that can't be read");
            }
            Err(error) => return Err(error.into()),
        }
        match self.store.delete(id, version, trace.record()).await {
            Err(StoreError::Changed) => return Err(AppError::Precondition),
            other => other?,
        }
        trace.written();
        self.registry.forget(id);
        tracing::info!(backend.id = %id, force, "backend deleted");
        Ok(())
    }

    /// Ends the test and the scan that run.
    pub(super) async fn quiesce(&self, slot: &SlotHandle, id: BackendId) -> Result<(), AppError> {
        if slot.quiesce(self.settings.unmount_deadline).await {
            return Ok(());
        }
        let stuck = self.registry.stuck();
        let since = stuck.iter().find(|w| w.backend == id).map(|w| w.since);
        Err(AppError::Stuck { since })
    }

    /// Takes away what is mounted under a config.
    pub(super) async fn unmount(&self, backend: &Backend, mode: UnmountMode) -> Result<(), AppError> {
        let live = match self.registry.get(backend.id, backend.revision, &backend.config) {
            Ok(live) => live,
            // Only backends that are never mounted fail to be set up.
            Err(error) if !error.is_temporary() => return Ok(()),
            Err(error) => return Err(AppError::of_unmount(error)),
        };
        let Some(mount) = live.as_mount() else {
            return Ok(());
        };
        let cx = OpContext::within(self.settings.unmount_deadline);
        mount.unmount(&cx, mode).await.map_err(AppError::of_unmount)
    }
}

/// Name and config as they will be.
fn plan(read: &Backend, change: &BackendDraft) -> Result<(BackendName, BackendConfig), AppError> {
    let mut problems = change.problems.clone();
    if let Some(kind) = change.kind.filter(|kind| *kind != read.kind()) {
        let rule = format!(
            "can't be changed from {} to {kind}; create another backend instead",
            read.kind()
        );
        problems.push(Invalid::at("", "type", &Rule::new(rule)));
    }
    let config = match &change.config {
        None => Ok(read.config.clone()),
        Some(members) => read.config.merge(members).map_err(InvalidInput::into_problems),
    };
    let config = BackendDraft::judge(problems, config)?;
    Ok((change.name.clone().unwrap_or_else(|| read.name.clone()), config))
}
