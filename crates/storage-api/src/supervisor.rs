//! Everything that goes on with backends: tests, scheduled checks, counts, changes.
//!
//! A backend that has work has one [`actor`], which owns that work; the others are an entry of the [`schedule`].

mod actor;
mod change;
mod count;
mod error;
mod job;
mod messages;
mod monitor;
mod outcome;
mod permit;
mod probe;
mod schedule;

pub use self::error::AppError;
pub use self::outcome::TestOutcome;
pub use self::permit::ClientPermit;

pub(crate) use self::change::{Delete, Update};
pub(crate) use self::messages::explain;
pub(crate) use self::outcome::millis;
use self::permit::NoPermit;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use storage_backends::Registry;
use storage_domain::{Backend, BackendId};
use storage_persistence::Store;
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, mpsc};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{Instrument as _, Span};

use self::actor::{Actor, Command, Reply};
use self::permit::Permits;
use self::schedule::Schedule;

/// The limits of the work on backends.
#[derive(Debug, Clone)]
pub struct AppSettings {
    /// How long a complete test may take.
    pub test_deadline: Duration,
    /// How long a test waits for its count before that goes on in the background.
    pub scan_wait: Duration,
    /// How long an unmount may take before a change or a delete gives up.
    pub unmount_deadline: Duration,
    /// Whether shutdown unmounts what is mounted.
    pub unmount_at_stop: bool,
    /// How long after a test that passed a backend is checked again; `None`: never.
    pub watch_interval: Option<Duration>,
    /// How long after a count a backend that is checked is counted again.
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

/// How many counts run in this process at once; the others wait. Each holds up to 16 MiB of directories' names.
pub(crate) const MAX_COUNTS_AT_ONCE: usize = 4;

/// How many commands wait for one actor; further ones are refused.
const MAILBOX: usize = 256;

/// Supervises the work on all backends.
#[derive(Debug)]
pub(crate) struct Supervisor {
    pub(crate) store: Store,
    pub(crate) registry: Registry,
    pub(crate) settings: AppSettings,
    pub(crate) permits: Permits,
    pub(crate) tasks: TaskTracker,
    /// Ends counts and checks, and keeps new tests from beginning.
    pub(crate) stopping: CancellationToken,
    /// Ends the tests of clients.
    pub(crate) giving_up: CancellationToken,
    runtime: Handle,
    /// The actors' mailboxes. Commands are sent under this lock, so that an actor whose mailbox is empty can retire.
    actors: Mutex<HashMap<BackendId, mpsc::Sender<(Span, Command)>>>,
    schedule: Schedule,
    count_permits: Semaphore,
}

impl Supervisor {
    /// Makes a supervisor whose work runs on `runtime`, not on the web server's threads.
    pub(crate) fn new(store: Store, registry: Registry, settings: AppSettings, runtime: Handle) -> Arc<Self> {
        Arc::new(Self {
            schedule: Schedule::new(settings.watch_interval, settings.scan_interval),
            store,
            registry,
            settings,
            permits: Permits::default(),
            tasks: TaskTracker::new(),
            stopping: CancellationToken::new(),
            giving_up: CancellationToken::new(),
            runtime,
            actors: Mutex::default(),
            count_permits: Semaphore::new(MAX_COUNTS_AT_ONCE),
        })
    }

    /// Tests a backend, or joins the test of the same config that runs. The test goes on if the client hangs up, and
    /// holds the permit of the client that began it until it ends.
    ///
    /// # Errors
    /// [`AppError::Superseded`], [`AppError::InProgress`], [`AppError::TooBusy`], [`AppError::ShuttingDown`] and
    /// [`AppError::Store`]. A backend that fails its test is an `Ok` outcome.
    pub(crate) async fn test(
        self: &Arc<Self>,
        id: BackendId,
        permit: ClientPermit,
    ) -> Result<Arc<TestOutcome>, AppError> {
        // A client that joins holds its own permit while it waits.
        let held = permit.clone();
        self.ask(id, "the test", |reply| Command::Test(held, reply)).await
    }

    /// Changes a backend, after what is mounted under its old config was unmounted. Goes on if the client hangs up.
    ///
    /// # Errors
    /// Those of [`Update::plan`]; [`AppError::Precondition`]; [`AppError::Busy`] and [`AppError::Stuck`] if the mount
    /// can't be unmounted (nothing is stored then); [`AppError::Store`].
    pub(crate) async fn update(self: &Arc<Self>, id: BackendId, update: Update) -> Result<Backend, AppError> {
        self.ask(id, "the update", |reply| Command::Update(Box::new(update), reply))
            .await
    }

    /// Deletes a backend, after it was unmounted. Goes on if the client hangs up.
    ///
    /// # Errors
    /// [`AppError::Precondition`]; [`AppError::Busy`] and [`AppError::Stuck`], and the backend stays;
    /// [`AppError::Store`].
    pub(crate) async fn delete(self: &Arc<Self>, id: BackendId, delete: Delete) -> Result<(), AppError> {
        self.ask(id, "the delete", |reply| Command::Delete(Box::new(delete), reply))
            .await
    }

    /// Runs work to its end on the supervisor's runtime, even if the client that asked for it hangs up.
    pub(crate) async fn finish<T: Send + 'static>(
        &self,
        what: &'static str,
        work: impl Future<Output = Result<T, AppError>> + Send + 'static,
    ) -> Result<T, AppError> {
        let task = self.tasks.spawn_on(work.in_current_span(), &self.runtime);
        task.await.unwrap_or(Err(AppError::Task(what)))
    }

    /// Sends a command to a backend's actor and waits for its answer.
    async fn ask<T>(
        self: &Arc<Self>,
        id: BackendId,
        what: &'static str,
        command: impl FnOnce(Reply<T>) -> Command,
    ) -> Result<T, AppError> {
        // An unmount, the end of what runs, and the store.
        let (reply, answer) = Reply::begun_within(self.settings.unmount_deadline * 3);
        self.send(id, command(reply))?;
        answer.await.unwrap_or(Err(AppError::Task(what)))
    }

    /// Sends a command to a backend's actor, which is started if there is none.
    ///
    /// # Errors
    /// [`AppError::InProgress`] if too many commands wait.
    fn send(self: &Arc<Self>, id: BackendId, command: Command) -> Result<(), AppError> {
        let mut actors = self.actors();
        // One that panicked left a mailbox that is closed.
        if actors.get(&id).is_none_or(mpsc::Sender::is_closed) {
            let (mailbox, commands) = mpsc::channel(MAILBOX);
            actors.insert(id, mailbox);
            let actor = Actor::new(Arc::clone(self), id, commands);
            self.tasks.spawn_on(actor.run(), &self.runtime);
        }
        let sent = actors
            .get(&id)
            .map(|mailbox| mailbox.try_send((Span::current(), command)));
        match sent {
            Some(Ok(())) => Ok(()),
            Some(Err(_)) | None => Err(AppError::InProgress),
        }
    }

    fn actors(&self) -> MutexGuard<'_, HashMap<BackendId, mpsc::Sender<(Span, Command)>>> {
        self.actors.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns how many backends have work now.
    #[cfg(test)]
    pub(crate) fn busy_backends(&self) -> usize {
        self.actors().len()
    }
}
