//! Creating, reading, changing and deleting backends.

use serde_json::{Map, Value};
use storage_domain::{
    Backend, BackendConfig, BackendId, BackendKind, BackendName, Invalid, InvalidInput, Rule,
};
use storage_persistence::{AuditFilter, AuditPage, BackendFilter, BackendPage, NewBackend};

use super::{App, AppError, Preconditions, Trace};
use crate::supervisor::{Delete, Update};

/// What a client asks a backend to be; `None` is what it did not name, or not in a valid form.
#[derive(Debug, Default)]
pub struct BackendDraft {
    /// The name.
    pub name: Option<BackendName>,
    /// The kind of storage.
    pub kind: Option<BackendKind>,
    /// The members of the config, not validated yet.
    pub config: Option<Map<String, Value>>,
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

    fn into_new(self) -> Result<NewBackend, AppError> {
        let Self {
            name,
            kind,
            config,
            problems,
        } = self;
        let parsed = match (kind, &config) {
            (Some(kind), Some(members)) => {
                BackendConfig::parse(kind, members).map_err(InvalidInput::into_problems)
            }
            _ => Err(Vec::new()),
        };
        let config = Self::check(problems, parsed)?;
        match name {
            Some(name) => Ok(NewBackend { name, config }),
            None => Err(AppError::InvalidRequest(Vec::new())),
        }
    }

    /// Returns name and config as they will be after this change.
    fn plan(&self, read: &Backend) -> Result<(BackendName, BackendConfig), AppError> {
        let mut problems = self.problems.clone();
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
        let config = Self::check(problems, config)?;
        Ok((self.name.clone().unwrap_or_else(|| read.name.clone()), config))
    }
}

impl App {
    /// Creates a backend.
    ///
    /// # Errors
    /// Every mistake of the draft at once; [`AppError::Store`] if the name is taken.
    pub async fn create(&self, draft: BackendDraft, mut trace: Trace) -> Result<Backend, AppError> {
        let (store, new) = (self.supervisor.store.clone(), draft.into_new()?);
        let work = async move {
            let created = store.create(new, trace.record()).await?;
            trace.written();
            Ok(created)
        };
        let created = self.supervisor.finish("the creation", work).await?;
        tracing::info!(backend.id = %created.id, backend.kind = %created.kind(), "backend created");
        Ok(created)
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
        trace: Trace,
    ) -> Result<Backend, AppError> {
        let update = Update {
            names_version: conditions.names_version(),
            plan: Box::new(move |read| {
                conditions.allow_change(read)?;
                change.plan(read)
            }),
            trace,
        };
        self.supervisor.update(id, update).await
    }

    /// Deletes a backend, after it was unmounted; `force` detaches a mount that is in use. Goes on to its end if the
    /// client hangs up.
    ///
    /// # Errors
    /// [`AppError::Precondition`]; [`AppError::Busy`] and [`AppError::Stuck`], and the backend stays;
    /// [`AppError::Store`].
    pub async fn delete(
        &self,
        id: BackendId,
        force: bool,
        conditions: Preconditions,
        trace: Trace,
    ) -> Result<(), AppError> {
        let delete = Delete {
            names_version: conditions.names_version(),
            allow: Box::new(move |read| conditions.allow_change(read)),
            force,
            trace,
        };
        self.supervisor.delete(id, delete).await
    }

    /// Returns warnings about what a backend's config allows.
    pub fn warnings(&self, backend: &Backend) -> Vec<String> {
        self.supervisor.registry.warnings(&backend.config)
    }

    /// Returns one backend.
    ///
    /// # Errors
    /// [`AppError::Store`].
    pub async fn get(&self, id: BackendId) -> Result<Backend, AppError> {
        Ok(self.supervisor.store.get(id).await?)
    }

    /// Returns the backends that match; rows that can't be read are logged and left out.
    ///
    /// # Errors
    /// [`AppError::Store`].
    pub async fn list(&self, filter: &BackendFilter) -> Result<BackendPage, AppError> {
        let page = self.supervisor.store.list(filter).await?;
        for row in &page.unreadable {
            tracing::warn!(backend.id = ?row.id, reason = %row.reason, "a stored backend can't be read");
        }
        Ok(page)
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
