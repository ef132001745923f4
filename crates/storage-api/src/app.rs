//! The use cases; no actix types in here.

mod catalog;
mod changing;
mod discovering;
mod error;
mod explain;
mod lifecycle;
mod permit;
mod preconditions;
mod rounds;
mod scanning;
mod slots;
mod testing;
mod unattended;
mod verdict;
mod watching;

pub use catalog::BackendDraft;
pub use error::AppError;
pub(crate) use explain::explain;
pub use permit::Permit;
pub use preconditions::{Preconditions, entity_tag};
pub use testing::TestOutcome;
pub(crate) use testing::millis;

pub use crate::trail::Trace;

use std::sync::Arc;
use std::time::Duration;

use storage_backends::Registry;
use storage_persistence::Store;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::Instrument as _;

use rounds::Rounds;
use slots::Slots;

/// What bounds the use cases.
#[derive(Debug, Clone)]
pub struct AppSettings {
    /// How long a whole test may take.
    pub test_deadline: Duration,
    /// How long a test waits for its file scan before it goes on in the background.
    pub scan_wait: Duration,
    /// How long an unmount may take before a change or a delete gives up.
    pub unmount_deadline: Duration,
    /// Whether shutdown unmounts what is mounted.
    pub unmount_at_stop: bool,
    /// How long after a test that passed a backend is looked at again; `None`: never.
    pub watch_interval: Option<Duration>,
    /// How long after a count a backend that is watched is counted again.
    pub scan_interval: Duration,
}

impl Default for AppSettings {
    fn default() -> Self {
        Self {
            test_deadline: Duration::from_secs(75),
            scan_wait: Duration::from_secs(2),
            unmount_deadline: Duration::from_secs(10),
            unmount_at_stop: false,
            watch_interval: Some(Duration::from_mins(1)),
            scan_interval: Duration::from_hours(1),
        }
    }
}

/// How many tests run at once; the others wait for a turn, as long as a test may take.
pub const MAX_TESTS_AT_ONCE: usize = 16;

/// How many counts run in this process at once; the others wait. Each holds up to 16 MiB of directories' names.
pub const MAX_COUNTS_AT_ONCE: usize = 4;

/// The use cases, over one store and one registry of live backends.
#[derive(Debug)]
pub struct App {
    store: Store,
    registry: Registry,
    settings: AppSettings,
    runtime: Handle,
    slots: Arc<Slots>,
    rounds: Rounds,
    turns: Semaphore,
    count_permits: Semaphore,
    tasks: TaskTracker,
    /// Ends scans, and keeps new tests from beginning.
    stopping: CancellationToken,
    /// Ends tests.
    giving_up: CancellationToken,
}

impl App {
    /// Puts the use cases together. Background work runs on `runtime`, not on the web server's threads.
    pub fn new(store: Store, registry: Registry, settings: AppSettings, runtime: Handle) -> Arc<Self> {
        Arc::new(Self {
            store,
            registry,
            rounds: Rounds::new(settings.watch_interval, settings.scan_interval),
            settings,
            runtime,
            slots: Arc::default(),
            turns: Semaphore::new(MAX_TESTS_AT_ONCE),
            count_permits: Semaphore::new(MAX_COUNTS_AT_ONCE),
            tasks: TaskTracker::new(),
            stopping: CancellationToken::new(),
            giving_up: CancellationToken::new(),
        })
    }

    /// Runs work to its end on the app's own runtime, even where the client that asked for it hangs up.
    async fn to_the_end<T: Send + 'static>(
        &self,
        what: &'static str,
        work: impl Future<Output = Result<T, AppError>> + Send + 'static,
    ) -> Result<T, AppError> {
        let task = self.tasks.spawn_on(work.in_current_span(), &self.runtime);
        task.await.unwrap_or(Err(AppError::Task(what)))
    }

    /// How long a change or a test waits for other work on the same backend: a quiesce, an unmount, and the store.
    fn gate_limit(&self) -> Duration {
        self.settings.unmount_deadline * 3
    }
}
