//! Changes of backends' states, for everything in this process that wants to know.

use storage_domain::{BackendId, BackendKind, BackendName};
use tokio::sync::broadcast;

/// How many events a receiver may be behind before it misses the oldest.
const CAPACITY: usize = 1024;

/// A change of a backend's state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// The backend.
    pub id: BackendId,
    /// Its name; `None` if its row can't be read.
    pub name: Option<BackendName>,
    /// What happened.
    pub change: StateChange,
}

/// What can happen to a backend.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StateChange {
    /// It was created.
    Created {
        /// Its kind.
        kind: BackendKind,
    },
    /// An operator changed its name or its config.
    Changed {
        /// Whether the config changed, so that it is not tested any more.
        config: bool,
    },
    /// It was deleted.
    Deleted {
        /// Whether a mount in use was detached.
        force: bool,
    },
    /// It passes its test, and did not before.
    Online {
        /// What the test found.
        message: String,
    },
    /// It fails its test, and did not before, or for another reason.
    Error {
        /// What failed and what to do.
        message: String,
    },
    /// Another program unmounted it.
    MountLost,
    /// Its files were counted.
    CountFinished {
        /// How many there are.
        files: u64,
        /// How much could not be read.
        errors: u64,
    },
}

/// Publishes events.
#[derive(Debug)]
pub(crate) struct Events(broadcast::Sender<Event>);

impl Default for Events {
    fn default() -> Self {
        Self(broadcast::Sender::new(CAPACITY))
    }
}

impl Events {
    /// Returns a receiver of the events from now on. One that is too slow misses the oldest, and learns how many
    /// ([`broadcast::error::RecvError::Lagged`]): it has to read the state of the backends again.
    pub(crate) fn subscribe(&self) -> broadcast::Receiver<Event> {
        self.0.subscribe()
    }

    /// Publishes an event. The log takes it at once, within the span of the request, and misses none.
    pub(crate) fn publish(&self, id: BackendId, name: Option<&BackendName>, change: StateChange) {
        let name = name.cloned();
        let event = Event { id, name, change };
        log(&event);
        // Without a receiver, there is nothing to do.
        let _ = self.0.send(event);
    }
}

fn log(Event { id, name, change }: &Event) {
    let name = name.as_ref().map(BackendName::as_str);
    match change {
        StateChange::Created { kind } => {
            tracing::info!(backend.id = %id, backend.name = name, backend.kind = %kind, "backend created");
        }
        StateChange::Changed { config } => {
            tracing::info!(backend.id = %id, backend.name = name, config_changed = config, "backend updated");
        }
        StateChange::Deleted { force } => {
            tracing::info!(backend.id = %id, backend.name = name, force, "backend deleted");
        }
        StateChange::Online { message } => {
            tracing::info!(backend.id = %id, backend.name = name, found = message, "backend online");
        }
        StateChange::Error { message } => {
            tracing::warn!(backend.id = %id, backend.name = name, found = message, "backend failed");
        }
        StateChange::MountLost => tracing::warn!(
            backend.id = %id,
            backend.name = name,
            "a mount was unmounted behind this service's back; mounting it again"
        ),
        StateChange::CountFinished { files, errors } => {
            tracing::info!(backend.id = %id, backend.name = name, files, errors, "files counted");
        }
    }
}
