//! Creating and reading backends.

use std::sync::Arc;

use serde_json::{Map, Value};
use storage_domain::{Backend, BackendConfig, BackendId, BackendKind, BackendName, Invalid};
use storage_persistence::{AuditFilter, AuditPage, BackendFilter, Listing, NewBackend};

use super::{App, AppError, Trace};

/// What a client asks a backend to be; what is `None` was not said, or not said right.
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
    /// The two kinds of mistakes as one error, or what `config` and the rest give.
    pub(super) fn judge(
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
                BackendConfig::parse(kind, members).map_err(storage_domain::InvalidInput::into_problems)
            }
            _ => Err(Vec::new()),
        };
        let config = Self::judge(problems, parsed)?;
        match name {
            Some(name) => Ok(NewBackend { name, config }),
            None => Err(AppError::InvalidRequest(Vec::new())),
        }
    }
}

impl App {
    /// Creates a backend.
    ///
    /// # Errors
    /// Every mistake of the draft at once; [`AppError::Store`] where the name is taken.
    pub async fn create(
        self: &Arc<Self>,
        draft: BackendDraft,
        mut trace: Trace,
    ) -> Result<Backend, AppError> {
        let (app, new) = (Arc::clone(self), draft.into_new()?);
        let work = async move {
            let created = app.store.create(new, trace.record()).await?;
            trace.written();
            Ok(created)
        };
        let created = self.to_the_end("the creation", work).await?;
        tracing::info!(backend.id = %created.id, backend.kind = %created.kind(), "backend created");
        Ok(created)
    }

    /// What a backend's config allows, and is worth a word.
    pub fn warnings(&self, backend: &Backend) -> Vec<String> {
        self.registry.warnings(&backend.config)
    }

    /// One backend.
    ///
    /// # Errors
    /// [`AppError::Store`].
    pub async fn get(&self, id: BackendId) -> Result<Backend, AppError> {
        Ok(self.store.get(id).await?)
    }

    /// Appends the backends that match as the members of a JSON array; logs the rows that can't be read.
    ///
    /// # Errors
    /// [`AppError::Store`].
    pub async fn list(&self, filter: &BackendFilter, body: &mut Vec<u8>) -> Result<Listing, AppError> {
        let listing = self.store.list_into(filter, body).await?;
        for row in &listing.unreadable {
            tracing::warn!(backend.id = ?row.id, reason = %row.reason, "a stored backend can't be read");
        }
        Ok(listing)
    }

    /// A part of the audit trail.
    ///
    /// # Errors
    /// [`AppError::Store`].
    pub async fn audit(&self, filter: &AuditFilter) -> Result<AuditPage, AppError> {
        Ok(self.store.audit(filter).await?)
    }

    /// Whether the database answers and its schema is up to date.
    ///
    /// # Errors
    /// [`AppError::Store`], and [`AppError::ShuttingDown`].
    pub async fn ready(&self) -> Result<(), AppError> {
        if self.stopping.is_cancelled() {
            return Err(AppError::ShuttingDown);
        }
        Ok(self.store.ready().await?)
    }
}
