//! Creating, reading, changing and deleting backends.

use std::sync::Arc;

use futures_util::FutureExt as _;
use serde_json::{Map, Value};
use storage_domain::{
    Backend, BackendConfig, BackendId, BackendKind, BackendName, FilePath, Invalid, InvalidInput, Rule,
};
use storage_persistence::{AuditFilter, AuditPage, BackendFilter, Listing, NewBackend, Shown, StoreError};
use zeroize::Zeroizing;

use super::{App, AppError, AuditEntry, Preconditions};
use crate::supervisor::{Command, Delete, StateChange, Update};

/// What a client asks a backend to be; `None` is what it did not name, or not in a valid form.
#[derive(Debug, Default)]
pub struct BackendDraft {
    /// The name.
    pub name: Option<BackendName>,
    /// The kind of storage.
    pub kind: Option<BackendKind>,
    /// The members of the config, not validated yet.
    pub config: Option<Map<String, Value>>,
    /// The directory whose files machines that boot may read; `Some(None)`: none any more.
    pub boot_path: Option<Option<FilePath>>,
    /// What is wrong with name, type and shape; reported together with what is wrong with the config.
    pub problems: Vec<Invalid>,
}

impl BackendDraft {
    /// Returns the config, or both kinds of mistakes as one error.
    pub(super) fn check(
        problems: Vec<Invalid>,
        config: Result<BackendConfig, Vec<Invalid>>,
    ) -> Result<BackendConfig, AppError> {
        match config {
            Ok(config) if problems.is_empty() => Ok(config),
            Ok(_) => Err(AppError::InvalidRequest(problems)),
            Err(more) if problems.is_empty() => Err(AppError::InvalidConfig(more)),
            Err(more) => Err(AppError::InvalidRequest([problems, more].concat())),
        }
    }

    /// Returns the config of a backend that is not stored; the secrets that it lacks are those of `lender`.
    ///
    /// # Errors
    /// Every mistake at once.
    pub(super) fn config(&self, lender: Option<&Backend>) -> Result<BackendConfig, AppError> {
        let mut problems = self.problems.clone();
        let config = match (self.kind, &self.config, lender) {
            (Some(kind), Some(members), None) => BackendConfig::parse(kind, members),
            (Some(kind), _, Some(lender)) if kind != lender.kind() => {
                let rule = format!(
                    "must be {}, as that of the backend that `id` names",
                    lender.kind()
                );
                problems.push(Invalid::at("", "type", &Rule::new(rule)));
                return Err(AppError::InvalidRequest(problems));
            }
            (Some(_), Some(members), Some(lender)) => lender.config.lend_secrets(members),
            // What is missing is among the problems.
            _ => return Err(AppError::InvalidRequest(problems)),
        };
        Self::check(problems, config.map_err(InvalidInput::into_problems))
    }

    fn into_new(mut self) -> Result<NewBackend, AppError> {
        self.problems.extend(self.boot_path_problem(self.kind));
        let config = self.config(None)?;
        let boot_path = self.boot_path.flatten();
        match self.name {
            Some(name) => Ok(NewBackend {
                name,
                config,
                boot_path,
            }),
            None => Err(AppError::InvalidRequest(self.problems)),
        }
    }

    /// Returns what is wrong with a directory of boot files in a backend of this kind.
    fn boot_path_problem(&self, kind: Option<BackendKind>) -> Option<Invalid> {
        let kind = kind.filter(|kind| !kind.facts().has_files)?;
        self.boot_path.as_ref()?.as_ref()?;
        let rule = format!("must be null for a backend of the type {kind}, which holds no files");
        Some(Invalid::at("", "boot_path", &Rule::new(rule)))
    }

    /// Returns what the backend will be after this change.
    fn plan(&self, read: &Backend) -> Result<NewBackend, AppError> {
        let mut problems = self.problems.clone();
        problems.extend(self.boot_path_problem(Some(read.kind())));
        if let Some(kind) = self.kind.filter(|kind| *kind != read.kind()) {
            let rule = format!(
                "can't be changed from {} to {kind}; create another backend instead",
                read.kind()
            );
            problems.push(Invalid::at("", "type", &Rule::new(rule)));
        }
        let config = match &self.config {
            None => Ok(read.config.clone()),
            Some(members) => read.config.merge(members).map_err(InvalidInput::into_problems),
        };
        Ok(NewBackend {
            config: Self::check(problems, config)?,
            name: self.name.clone().unwrap_or_else(|| read.name.clone()),
            boot_path: self.boot_path.clone().unwrap_or_else(|| read.boot_path.clone()),
        })
    }
}

impl App {
    /// Creates a backend.
    ///
    /// # Errors
    /// Every mistake of the draft at once; [`AppError::Store`] if the name is taken.
    pub async fn create(&self, draft: BackendDraft, mut entry: AuditEntry) -> Result<Backend, AppError> {
        let (supervisor, new) = (self.supervisor.clone(), draft.into_new()?);
        let work = async move {
            let created = supervisor.store.create(new, entry.record()).await?;
            entry.written();
            let change = StateChange::Created { kind: created.kind() };
            supervisor.events.publish(created.id, Some(&created.name), change);
            Ok(created)
        };
        self.supervisor.finish_here(work.boxed()).await
    }

    /// Changes a backend. Goes on to its end if the client hangs up.
    ///
    /// # Errors
    /// Every mistake of the draft at once; [`AppError::Precondition`]; [`AppError::Busy`] and [`AppError::Stuck`]
    /// if the old mount can't be unmounted (nothing is stored then); [`AppError::Store`].
    pub async fn update(
        &self,
        id: BackendId,
        change: BackendDraft,
        conditions: Preconditions,
        entry: AuditEntry,
    ) -> Result<Backend, AppError> {
        let update = Box::new(Update {
            names_version: conditions.names_version(),
            has_config: change.config.is_some(),
            plan: Box::new(move |read| {
                conditions.allow_change(read)?;
                change.plan(read)
            }),
            entry,
        });
        let command = |reply| Command::Update(update, reply);
        self.supervisor.ask(id, "the update", command).await
    }

    /// Deletes a backend, after its uploads were ended and it was unmounted; `force` detaches a mount that is in use. Goes on
    /// to its end if the client hangs up.
    ///
    /// # Errors
    /// [`AppError::Precondition`]; [`AppError::Busy`] and [`AppError::Stuck`], and the backend stays;
    /// [`AppError::Store`].
    pub async fn delete(
        self: &Arc<Self>,
        id: BackendId,
        force: bool,
        conditions: Preconditions,
        entry: AuditEntry,
    ) -> Result<(), AppError> {
        let app = Arc::clone(self);
        let delete = Box::new(Delete {
            names_version: conditions.names_version(),
            allow: Box::new(move |read| conditions.allow_change(read)),
            force,
            end_uploads: Box::pin(async move { app.end_uploads(id).await }),
            entry,
        });
        let command = |reply| Command::Delete(delete, reply);
        self.supervisor.ask(id, "the delete", command).await
    }

    /// Returns warnings about what a backend's config allows.
    pub fn warnings(&self, backend: &Backend) -> Vec<String> {
        self.supervisor.registry.warnings(&backend.config)
    }

    /// Returns the keys of signed links, the present one first.
    pub(crate) fn link_keys(&self) -> Vec<Zeroizing<[u8; 32]>> {
        self.supervisor.store.link_keys()
    }

    /// Returns one backend as JSON.
    ///
    /// # Errors
    /// [`AppError::Store`].
    pub async fn show(&self, id: BackendId) -> Result<Shown, AppError> {
        Ok(self.supervisor.store.get_json(id).await?)
    }

    /// Returns one backend.
    ///
    /// # Errors
    /// [`AppError::Store`].
    pub async fn get(&self, id: BackendId) -> Result<Backend, AppError> {
        Ok(self.supervisor.store.get(id).await?)
    }

    /// Returns the backend with this id, or this name, if there is one.
    pub(crate) fn find(
        &self,
        id_or_name: &str,
    ) -> impl Future<Output = Result<Option<Backend>, StoreError>> + Send + use<> {
        let (store, id_or_name) = (self.supervisor.store.clone(), id_or_name.to_owned());
        async move {
            if let Ok(id) = id_or_name.parse() {
                match store.get(id).await {
                    Err(StoreError::NotFound) => {}
                    found => return found.map(Some),
                }
            }
            match BackendName::from_stored(&id_or_name) {
                Ok(name) => store.find_by_name(&name).await,
                Err(_) => Ok(None),
            }
        }
    }

    /// Returns the backends that match as the members of a JSON array; logs the rows that can't be read.
    ///
    /// # Errors
    /// [`AppError::Store`].
    pub async fn list(&self, filter: &BackendFilter) -> Result<Listing, AppError> {
        let listing = self.supervisor.store.list_json(filter).await?;
        for row in &listing.unreadable {
            tracing::warn!(backend.id = ?row.id, reason = %row.reason, "a stored backend can't be read");
        }
        Ok(listing)
    }

    /// Returns a part of the audit log.
    ///
    /// # Errors
    /// [`AppError::Store`].
    pub async fn audit(&self, filter: &AuditFilter) -> Result<AuditPage, AppError> {
        Ok(self.supervisor.store.audit(filter).await?)
    }

    /// Checks whether the database answers and its schema is up to date.
    ///
    /// # Errors
    /// [`AppError::Store`], and [`AppError::ShuttingDown`].
    pub async fn ready(&self) -> Result<(), AppError> {
        if self.supervisor.stopping.is_cancelled() {
            return Err(AppError::ShuttingDown);
        }
        Ok(self.supervisor.store.ready().await?)
    }
}
