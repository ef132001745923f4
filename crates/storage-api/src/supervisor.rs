//! Everything that goes on with backends: tests, scheduled checks, counts, changes.
//!
//! A backend that has work has one [`actor`], which owns that work; the others are an entry of the [`schedule`].

mod actor;
mod change;
mod copies;
mod count;
mod error;
mod event;
mod job;
mod jobs;
mod luns;
mod messages;
mod monitor;
mod outcome;
mod permit;
mod probe;
mod run_to_end;
mod schedule;
mod trial;

pub use self::error::AppError;
pub use self::event::{Event, StateChange};
pub use self::jobs::Change;
pub use self::outcome::TestOutcome;
pub use self::permit::ClientPermit;

pub(crate) use self::actor::Command;
pub(crate) use self::change::{Delete, Update};
use self::copies::Copies;
pub(crate) use self::copies::Forget;
pub(crate) use self::event::Events;
use self::jobs::Jobs;
pub(crate) use self::luns::SeenLuns;
pub(crate) use self::messages::{explain, explain_at};
pub(crate) use self::outcome::millis;
pub(crate) use self::permit::Bounded;
use self::permit::NoPermit;
pub(crate) use self::trial::Trial;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use storage_backends::{Egress, Registry};
use storage_domain::BackendId;
use storage_persistence::Store;
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{Instrument as _, Span};
use uuid::Uuid;

use self::actor::{Actor, Reply};
use self::permit::Permits;
use self::run_to_end::RunToEnd;
use self::schedule::Schedule;

/// The limits of the work on backends.
#[derive(Debug, Clone)]
pub struct AppSettings {
    /// How long a complete test may take.
    pub test_deadline: Duration,
    /// How long a test waits for its count before that goes on in the background.
    pub scan_wait: Duration,
    /// How long a change of files takes before it is answered as a job that goes on.
    pub job_wait: Duration,
    /// How long an unmount may take before a change or a delete gives up.
    pub unmount_deadline: Duration,
    /// Whether shutdown unmounts what is mounted.
    pub unmount_at_stop: bool,
    /// How long after a test that passed a backend is checked again; `None`: never.
    pub watch_interval: Option<Duration>,
    /// How long after a count a backend that is checked is counted again.
    pub scan_interval: Duration,
    /// The largest file that is taken; `None`: no limit.
    pub max_upload_bytes: Option<u64>,
    /// The addresses that files may be fetched from.
    pub fetch_egress: Egress,
    /// The largest file that is fetched; `None`: no limit.
    pub max_fetch_bytes: Option<u64>,
}

impl Default for AppSettings {
    fn default() -> Self {
        Self {
            test_deadline: Duration::from_secs(75),
            scan_wait: Duration::from_secs(2),
            job_wait: Duration::from_secs(5),
            unmount_deadline: Duration::from_secs(10),
            unmount_at_stop: false,
            watch_interval: Some(Duration::from_mins(1)),
            scan_interval: Duration::from_hours(1),
            max_upload_bytes: None,
            fetch_egress: Egress::public([], []),
            max_fetch_bytes: Some(64 << 30),
        }
    }
}

/// How many commands wait for one actor; further ones are refused.
const MAILBOX: usize = 256;

/// Supervises the work on all backends.
#[derive(Debug)]
pub(crate) struct Supervisor {
    pub(crate) store: Store,
    pub(crate) registry: Registry,
    pub(crate) settings: AppSettings,
    pub(crate) permits: Permits,
    pub(crate) events: Events,
    pub(crate) copies: Copies,
    pub(crate) luns: SeenLuns,
    pub(crate) jobs: Jobs,
    /// Names this process in the rows that it works on.
    pub(crate) instance: String,
    pub(crate) tasks: TaskTracker,
    /// Ends counts and checks, and keeps new tests from beginning.
    pub(crate) stopping: CancellationToken,
    /// Ends the tests of clients.
    pub(crate) giving_up: CancellationToken,
    runtime: Handle,
    /// The actors' mailboxes. Commands are sent under this lock, so that an actor whose mailbox is empty can retire.
    actors: Mutex<HashMap<BackendId, mpsc::Sender<(Span, Command)>>>,
    schedule: Schedule,
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
            events: Events::default(),
            copies: Copies::default(),
            luns: SeenLuns::default(),
            jobs: Jobs::default(),
            instance: Uuid::new_v4().to_string(),
            tasks: TaskTracker::new(),
            stopping: CancellationToken::new(),
            giving_up: CancellationToken::new(),
            runtime,
            actors: Mutex::default(),
        })
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

    /// Carries out work on the task of the caller: work of microseconds, for which another thread would only get a
    /// processor later. If the client hangs up, the rest is done on the supervisor's runtime.
    pub(crate) async fn finish_here<T: 'static>(&self, work: BoxFuture<'static, T>) -> T {
        RunToEnd::new(work, &self.tasks, &self.runtime).await
    }

    /// Begins work on the supervisor's runtime that nobody waits for.
    pub(crate) fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        self.tasks.spawn_on(work, &self.runtime);
    }

    /// Sends a command to a backend's actor and waits for its answer, or carries out the command if there is no actor. Both go
    /// on if the client hangs up.
    ///
    /// # Errors
    /// [`AppError::InProgress`] if other work on the backend does not end in time, and those of the command.
    pub(crate) async fn ask<T>(
        self: &Arc<Self>,
        id: BackendId,
        what: &'static str,
        command: impl FnOnce(Reply<T>) -> Command,
    ) -> Result<T, AppError> {
        // An unmount, the end of what runs, and the store.
        let (reply, answer) = Reply::begun_within(self.settings.unmount_deadline * 3);
        if let Some(begin) = self.send(id, command(reply))? {
            self.finish_here(begin).await;
        }
        answer.await.unwrap_or(Err(AppError::Task(what)))
    }

    /// Sends a command to a backend's actor. Nobody waits for its end.
    ///
    /// # Errors
    /// [`AppError::InProgress`] if too many commands wait.
    fn post(self: &Arc<Self>, id: BackendId, command: Command) -> Result<(), AppError> {
        if let Some(begin) = self.send(id, command)? {
            self.spawn(begin);
        }
        Ok(())
    }

    /// Sends a command to a backend's actor. If there is none, returns the start of one, which has to be begun or dropped at
    /// once: other commands may be sent to it already.
    fn send(
        self: &Arc<Self>,
        id: BackendId,
        command: Command,
    ) -> Result<Option<BoxFuture<'static, ()>>, AppError> {
        let span = Span::current();
        let mut actors = self.actors();
        // One that panicked left a mailbox that is closed.
        if let Some(mailbox) = actors.get(&id).filter(|mailbox| !mailbox.is_closed()) {
            let sent = mailbox.try_send((span, command));
            return sent.map(|()| None).map_err(|_| AppError::InProgress);
        }
        let (mailbox, commands) = mpsc::channel(MAILBOX);
        actors.insert(id, mailbox);
        let actor = Actor::new(Arc::clone(self), id, commands);
        Ok(Some(actor.start(span, command).boxed()))
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
