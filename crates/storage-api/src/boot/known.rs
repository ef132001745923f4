//! Which backends there are, as the database said a moment ago.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::json;
use sha2::{Digest as _, Sha256};
use storage_domain::{Backend, BackendId, BackendName, FileHash, FilePath};
use storage_persistence::StoreError;
use tokio::runtime::Handle;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::TryRecvError;

use crate::refresh::{Cache, Times};
use crate::service::{App, AppError, Event, StateChange};

/// What another process changes holds after this time; what this one changes, at once.
const TIMES: Times = Times {
    what: "the backends of boot files",
    max_age: Duration::from_secs(1),
    min_interval: Duration::ZERO,
    timeout: Duration::from_secs(1),
    retry_after: Duration::from_secs(1),
    stale_if_error: Duration::from_mins(10),
};
/// Backends that are known at once; beyond it all are asked for again.
const MOST: usize = 1024;

/// Returns whether a change of a backend is one of what an operator sets.
fn is_edit(change: &StateChange) -> bool {
    matches!(
        change,
        StateChange::Created { .. } | StateChange::Changed { .. } | StateChange::Deleted { .. }
    )
}

/// What boot files need to know of their backend.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) id: BackendId,
    pub(super) name: BackendName,
    pub(super) boot_path: Option<FilePath>,
    /// Stands for the config: other servers, other exports and other buckets have other ones.
    pub(super) config: String,
}

impl From<Backend> for Known {
    fn from(backend: Backend) -> Self {
        let config = json!([backend.kind(), backend.config.as_shown()]).to_string();
        let hash = FileHash::from(<[u8; 32]>::from(Sha256::digest(config)));
        Self {
            id: backend.id,
            name: backend.name,
            boot_path: backend.boot_path,
            config: hash.to_string(),
        }
    }
}

/// The backends that were asked for.
#[derive(Debug)]
pub(super) struct Backends {
    app: Arc<App>,
    state: Mutex<State>,
}

/// A backend, if there is one.
type Answer = Cache<Option<Arc<Known>>>;

#[derive(Debug)]
struct State {
    changes: Receiver<Event>,
    asked: HashMap<String, Arc<Answer>>,
}

impl Backends {
    pub(super) fn new(app: Arc<App>) -> Self {
        let state = State {
            changes: app.events(),
            asked: HashMap::new(),
        };
        Self {
            app,
            state: Mutex::new(state),
        }
    }

    /// Returns the backend with this id, or this name. While the database does not answer, that is the one that was found last.
    ///
    /// # Errors
    /// [`AppError::Store`].
    pub(super) async fn find(&self, id_or_name: &str) -> Result<Arc<Known>, AppError> {
        let answer = self.answer(id_or_name);
        let read = || {
            let found = self.app.find(id_or_name);
            async move { Ok(found.await?.map(|backend| Arc::new(Known::from(backend)))) }
        };
        let found = answer.fresh(read).await;
        match found.as_deref() {
            Ok(Some(known)) => return Ok(Arc::clone(known)),
            // What nobody knows takes no room.
            Ok(None) | Err(_) => self.forget(id_or_name, &answer),
        }
        found?;
        Err(StoreError::NotFound.into())
    }

    fn answer(&self, id_or_name: &str) -> Arc<Answer> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let state = &mut *state;
        loop {
            match state.changes.try_recv() {
                Ok(event) if !is_edit(&event.change) => {}
                Ok(_) | Err(TryRecvError::Lagged(_)) => state.asked.clear(),
                Err(TryRecvError::Empty | TryRecvError::Closed) => break,
            }
        }
        if state.asked.len() >= MOST && !state.asked.contains_key(id_or_name) {
            state.asked.clear();
        }
        let new = || Cache::new(TIMES, Handle::current());
        let answer = state.asked.entry(id_or_name.to_owned()).or_insert_with(new);
        Arc::clone(answer)
    }

    fn forget(&self, id_or_name: &str, answer: &Arc<Answer>) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state
            .asked
            .get(id_or_name)
            .is_some_and(|now| Arc::ptr_eq(now, answer))
        {
            state.asked.remove(id_or_name);
        }
    }
}
