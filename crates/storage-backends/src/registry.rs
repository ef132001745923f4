//! From configs to live backends.

mod check;
mod reconcile;

pub use check::SettingsError;

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use storage_domain::{BackendConfig, BackendId, FilePath, Revision};

use crate::backend::{Backend, Setup};
use crate::error::Error;
use crate::files::{FileKind, is_shown};
use crate::helper::{Queues, StuckHelper};
use crate::kinds;
pub use crate::mount::reconcile::{Reconciled, UNMOUNTS_AT_ONCE};
use crate::settings::Settings;

/// A live backend and the revision of the config that it was made of.
type Live = (Revision, Arc<dyn Backend>);

/// Makes the live backend of a config in [`Registry`]'s place.
pub type Builder = dyn Fn(BackendId, &BackendConfig) -> Result<Arc<dyn Backend>, Error> + Send + Sync;

/// Makes live backends and keeps them by id and revision.
pub struct Registry {
    settings: Settings,
    queues: Queues,
    live: Mutex<HashMap<BackendId, Live>>,
    builder: Option<Box<Builder>>,
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registry")
            .field("settings", &self.settings)
            .field("queues", &self.queues)
            .field("live", &self.live)
            .finish_non_exhaustive()
    }
}

impl Registry {
    /// Makes an empty registry.
    ///
    /// # Errors
    /// [`SettingsError`], where the mount deadline or the mount directory can't be used.
    pub fn new(settings: Settings) -> Result<Self, SettingsError> {
        settings.check_own()?;
        Ok(Self {
            queues: Queues::new(settings.helper.clone()),
            settings,
            live: Mutex::default(),
            builder: None,
        })
    }

    /// Makes an empty registry whose backends come from `builder`: other kinds of storage, or fakes.
    ///
    /// # Errors
    /// Those of [`Registry::new`].
    pub fn with_builder(
        settings: Settings,
        builder: impl Fn(BackendId, &BackendConfig) -> Result<Arc<dyn Backend>, Error> + Send + Sync + 'static,
    ) -> Result<Self, SettingsError> {
        Ok(Self {
            builder: Some(Box::new(builder)),
            ..Self::new(settings)?
        })
    }

    /// The live backend of a config; the same one as long as `revision` stays.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Config`].
    pub fn get(
        &self,
        id: BackendId,
        revision: Revision,
        config: &BackendConfig,
    ) -> Result<Arc<dyn Backend>, Error> {
        let mut live = self.live.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, backend)) = live.get(&id).filter(|(known, _)| *known == revision) {
            return Ok(Arc::clone(backend));
        }
        let setup = Setup {
            id,
            revision,
            settings: &self.settings,
            queues: &self.queues,
        };
        let backend = self
            .builder
            .as_ref()
            .map_or_else(|| kinds::open(config, &setup), |builder| builder(id, config))?;
        // A caller that read an older config does not replace the backend of the current one.
        if live.get(&id).is_none_or(|(known, _)| *known < revision) {
            live.insert(id, (revision, Arc::clone(&backend)));
        }
        Ok(backend)
    }

    /// Returns warnings about what a config allows, one sentence each.
    pub fn warnings(&self, config: &BackendConfig) -> Vec<String> {
        kinds::warnings(config)
    }

    /// Forgets a backend that is gone.
    pub fn forget(&self, id: BackendId) {
        self.live
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&id);
    }

    /// What the backends know of their host.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Returns whether lists show a file at this path, once one is there: all that leaves it out can't be written to.
    pub fn shows_file(&self, path: &FilePath) -> bool {
        is_shown(path, FileKind::File, &self.settings.ignored)
    }

    /// Returns the helpers that hang in the kernel now.
    pub fn stuck(&self) -> Vec<StuckHelper> {
        self.queues.stuck()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use storage_domain::BackendKind;

    use super::*;

    #[test]
    fn an_older_config_does_not_replace_the_backend_of_the_current_one() {
        let registry = Registry::new(Settings::new(None)).unwrap();
        let config = json!({"server": "10.0.0.5", "export_path": "/srv"});
        let config = BackendConfig::parse(BackendKind::Nfs, config.as_object().unwrap()).unwrap();
        let id = BackendId::generate();
        let get = |revision| registry.get(id, Revision(revision), &config).unwrap();
        let current = get(2);
        assert!(!Arc::ptr_eq(&current, &get(1)));
        assert!(Arc::ptr_eq(&current, &get(2)), "it was replaced");
        assert!(!Arc::ptr_eq(&current, &get(3)));
    }
}
