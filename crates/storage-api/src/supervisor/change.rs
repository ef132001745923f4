//! Changing and deleting a backend: what is mounted under the old config is unmounted first.

use futures_util::future::BoxFuture;
use storage_backends::mount::table::MountTable;
use storage_backends::{MountState, OpContext, UnmountMode};
use storage_domain::{Backend, BackendId, BackendStatus, FilePath};
use storage_persistence::{NewBackend, StoreError};

use super::actor::{Actor, Origin};
use super::event::StateChange;
use super::{AppError, Supervisor};
use crate::audit::AuditEntry;
use crate::chain::Chain;

/// How often a change is tried again, if a test's result or another process changed the row in between.
const MAX_TRIES: usize = 8;

/// Decides whether the client's conditions hold for a backend.
type Check = dyn Fn(&Backend) -> Result<(), AppError> + Send;

/// Returns what a backend will be, unless the client's conditions don't hold.
type Plan = dyn Fn(&Backend) -> Result<NewBackend, AppError> + Send;

/// A change of what an operator sets.
pub(crate) struct Update {
    pub(crate) plan: Box<Plan>,
    /// Whether the client sent a config. It may be the one that the backend has.
    pub(crate) has_config: bool,
    /// Whether the client named the version that it changes.
    pub(crate) names_version: bool,
    pub(crate) entry: AuditEntry,
}

/// A delete.
pub(crate) struct Delete {
    pub(crate) allow: Box<Check>,
    /// Whether the client named the version that it deletes.
    pub(crate) names_version: bool,
    /// Whether a mount in use is detached.
    pub(crate) force: bool,
    /// What ends before, while the storage can still be reached.
    pub(crate) end_uploads: BoxFuture<'static, ()>,
    pub(crate) entry: AuditEntry,
}

impl Actor {
    /// Changes a backend. If its config changes, what goes on with it is ended, and what is mounted is unmounted.
    pub(super) async fn update(&mut self, update: Update) -> Result<Backend, AppError> {
        let Update {
            plan,
            names_version,
            mut entry,
            ..
        } = update;
        let supervisor = self.supervisor.clone();
        let mut is_quiet = false;
        for _ in 0..MAX_TRIES {
            let read = supervisor.store.open(self.id).await?;
            entry.set_backend(&read);
            let NewBackend {
                name,
                config,
                boot_path,
            } = plan(&read)?;
            // As it is stored: two spellings of a host are equal, yet what was typed last is what is shown.
            let new_config = config.stored() != read.config.stored();
            if name == read.name && boot_path == read.boot_path && !new_config {
                return Ok(read);
            }
            if new_config {
                // The database's constraint decides; this spares an unmount for a change that can't be stored.
                if name != read.name && supervisor.store.is_name_taken(&name, self.id).await? {
                    return Err(StoreError::NameTaken.into());
                }
                if !is_quiet {
                    self.cancel_and_join().await?;
                    // A test that ended just now may have changed the row: read it again.
                    is_quiet = true;
                    continue;
                }
                supervisor.unmount(&read, UnmountMode::Plain).await?;
                self.unmounted = Some(read.clone());
            }
            match supervisor
                .store
                .update(&read, &name, &config, boot_path.as_ref(), entry.record())
                .await
            {
                Err(StoreError::Changed) if names_version => return Err(AppError::Precondition),
                Err(StoreError::Changed) => {}
                Err(error) => return Err(error.into()),
                Ok(updated) => {
                    self.unmounted = None;
                    entry.written();
                    if new_config {
                        supervisor.copies.forget(self.id, &FilePath::root()).await;
                    }
                    let change = StateChange::Changed { config: new_config };
                    supervisor.events.publish(self.id, Some(&updated.name), change);
                    return Ok(updated);
                }
            }
        }
        Err(AppError::InProgress)
    }

    pub(super) async fn delete(&mut self, delete: Delete) -> Result<(), AppError> {
        let Delete {
            allow,
            names_version,
            force,
            end_uploads,
            mut entry,
        } = delete;
        let (supervisor, id) = (self.supervisor.clone(), self.id);
        let (mut version, mut name) = (None, None);
        match supervisor.store.open(id).await {
            Ok(read) => {
                entry.set_backend(&read);
                allow(&read)?;
                tolerate_stuck(force, id, self.cancel_and_join().await)?;
                // What ended just now, or another process, may have changed the row: nothing is unmounted for a version
                // that is gone.
                let read = supervisor.store.open(id).await?;
                allow(&read)?;
                version = names_version.then_some(read.version);
                name = Some(read.name.clone());
                end_uploads.await;
                let mode = if force {
                    UnmountMode::Lazy
                } else {
                    UnmountMode::Plain
                };
                tolerate_stuck(force, id, supervisor.unmount(&read, mode).await)?;
                self.unmounted = Some(read);
            }
            // Its config is not known any more; a mount that it left goes at the next start.
            Err(StoreError::Unreadable { reason, .. }) => {
                tracing::warn!(backend.id = %id, reason, "deleting a backend that can't be read");
                match supervisor.store.get(id).await {
                    Ok(read) => {
                        allow(&read)?;
                        version = names_version.then_some(read.version);
                        name = Some(read.name);
                    }
                    // Not even its version can be read, so that none that the client names holds.
                    Err(_) if names_version => return Err(AppError::Precondition),
                    Err(_) => {}
                }
            }
            Err(error) => return Err(error.into()),
        }
        match supervisor.store.delete(id, version, entry.record()).await {
            Err(StoreError::Changed) => return Err(AppError::Precondition),
            other => other?,
        }
        self.unmounted = None;
        entry.written();
        self.forget().await;
        let change = StateChange::Deleted { force };
        supervisor.events.publish(id, name.as_ref(), change);
        Ok(())
    }

    /// Cancels the jobs of a backend that is deleted, and forgets what is known of it.
    async fn forget(&self) {
        let (supervisor, id) = (&self.supervisor, self.id);
        // Jobs of other processes can't be waited for.
        if let Err(error) = supervisor.store.cancel_jobs_of(id).await {
            tracing::warn!(backend.id = %id, error = %Chain(&error), "the jobs of a deleted backend could not be cancelled");
        }
        supervisor.registry.forget(id);
        supervisor.schedule.forget(id);
        supervisor.luns.forget(id);
        supervisor.copies.forget(id, &FilePath::root()).await;
    }

    /// Mounts an online backend again if a change unmounted it and then failed.
    pub(super) async fn mount_again(&mut self) {
        let Some(read) = self.unmounted.take() else { return };
        let backend = match self.supervisor.store.open(self.id).await {
            Ok(present) => present,
            Err(StoreError::NotFound) => return,
            Err(_) => read,
        };
        // If clients wait for a test that the change interrupted, that test mounts.
        let is_tested = self.has_clients() || self.is_testing();
        let is_stopping = self.supervisor.stopping.is_cancelled();
        if backend.status == BackendStatus::Online && !is_tested && !is_stopping {
            self.begin(backend, Origin::FailedChange);
        }
    }

    /// Unmounts what is mounted for a backend that is gone, or whose present config is not tested.
    pub(super) async fn release(&mut self) {
        match self.try_release().await {
            Ok(false) => {}
            Ok(true) => tracing::info!(backend.id = %self.id, "a mount that no backend needs was unmounted"),
            Err(reason) => {
                tracing::warn!(backend.id = %self.id, reason, "a mount that no backend needs stays for now");
            }
        }
    }

    async fn try_release(&mut self) -> Result<bool, String> {
        match self.supervisor.store.get(self.id).await {
            Ok(backend) if backend.status == BackendStatus::Offline && !self.is_testing() => {}
            Err(StoreError::NotFound) => {}
            Ok(_) | Err(StoreError::Unreadable { .. }) => return Ok(false),
            Err(error) => return Err(Chain(&error).to_string()),
        }
        self.cancel_and_join()
            .await
            .map_err(|error| Chain(&error).to_string())?;
        let cx = OpContext::within(self.supervisor.settings.unmount_deadline);
        self.supervisor.registry.abandon(self.id, &cx).await?;
        Ok(true)
    }
}

/// A delete by force goes on if a call hangs in the kernel.
fn tolerate_stuck(force: bool, id: BackendId, done: Result<(), AppError>) -> Result<(), AppError> {
    match done {
        Err(AppError::Stuck { since }) if force => {
            tracing::warn!(backend.id = %id, ?since, "deleting a backend on which a call hangs");
            Ok(())
        }
        other => other,
    }
}

impl Supervisor {
    /// Returns whether a delete of the backend has nothing to end: no mount, no upload, and no change of its files.
    pub(super) async fn is_at_rest(&self, id: BackendId) -> bool {
        let Ok(backend) = self.store.get(id).await else {
            return false;
        };
        let is_idle = self.is_unmounted(&backend) && !self.jobs.has_any(id);
        is_idle
            && self
                .store
                .uploads_of(id)
                .await
                .is_ok_and(|uploads| uploads.is_empty())
    }

    /// Returns whether nothing is mounted for a backend, so that no helper process is needed to unmount it.
    pub(crate) fn is_unmounted(&self, backend: &Backend) -> bool {
        let live = self.registry.get(backend.id, backend.revision, &backend.config);
        let Ok(live) = live else { return false };
        let Some(mount) = live.as_mount() else { return true };
        MountTable::read().is_ok_and(|mounts| mount.state(&mounts) == MountState::Unmounted)
    }

    /// Unmounts what is mounted under a config.
    pub(crate) async fn unmount(&self, backend: &Backend, mode: UnmountMode) -> Result<(), AppError> {
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
