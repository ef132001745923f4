//! The actor of one backend: it owns the test, the count and the change that go on, and does one thing at a time.

mod counting;
mod testing;

use std::sync::Arc;
use std::time::Duration;

use storage_domain::{Backend, BackendId, Revision};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinError;
use tokio::time::Instant;
use tracing::{Instrument as _, Span};

use self::counting::count_ended;
pub(super) use self::testing::Origin;
use self::testing::{Clients, Stage, Test, probe_ended};
use super::count::{Count, CountEnd};
use super::probe::Probed;
use super::schedule::CheckPermit;
use super::{AppError, ClientPermit, Delete, Supervisor, TestOutcome, Trial, Update};

/// What an actor is asked to do.
pub(crate) enum Command {
    /// A test that a client waits for.
    Test(ClientPermit, Reply<Begun>),
    /// A check that the schedule asks for. Dropping the permit puts it off.
    Check(CheckPermit),
    Update(Box<Update>, Reply<Backend>),
    Delete(Box<Delete>, Reply<()>),
    /// The test of a config that is not stored.
    Try(Box<Trial>, Reply<TestOutcome>),
    /// Unmounts what no config wants any more.
    Release,
    /// The mount is not in the kernel's table any more.
    MountLost,
}

/// A test that a client joined or began.
pub(crate) struct Begun {
    /// The backend as it is tested.
    pub(crate) backend: Arc<Backend>,
    pub(crate) outcome: oneshot::Receiver<Result<Arc<TestOutcome>, AppError>>,
}

/// Answers one command.
pub(crate) struct Reply<T> {
    begin_by: Instant,
    answer: oneshot::Sender<Result<T, AppError>>,
}

impl<T> Reply<T> {
    /// Makes the reply to a command that has to begin within `limit`, and what receives it.
    pub(super) fn begun_within(limit: Duration) -> (Self, oneshot::Receiver<Result<T, AppError>>) {
        let (answer, receiver) = oneshot::channel();
        let begin_by = Instant::now() + limit;
        (Self { begin_by, answer }, receiver)
    }

    /// Whether the command waited too long for other work on its backend.
    fn is_late(&self) -> bool {
        Instant::now() > self.begin_by
    }

    /// Answers; a client that hung up is no failure.
    pub(super) fn send(self, answer: Result<T, AppError>) {
        let _ = self.answer.send(answer);
    }
}

/// What happens next.
enum Next {
    Command(Span, Command),
    Probed(Result<Probed, JoinError>),
    Counted(Result<CountEnd, JoinError>),
    /// The count takes longer than a test waits for it.
    CountIsLong,
}

/// The owner of all work on one backend.
pub(super) struct Actor {
    pub(super) supervisor: Arc<Supervisor>,
    pub(super) id: BackendId,
    mailbox: mpsc::Receiver<(Span, Command)>,
    test: Option<Test>,
    clients: Option<Clients>,
    count: Option<Count>,
    /// What a change unmounted that is not stored yet.
    pub(super) unmounted: Option<Backend>,
}

impl Actor {
    pub(super) fn new(
        supervisor: Arc<Supervisor>,
        id: BackendId,
        mailbox: mpsc::Receiver<(Span, Command)>,
    ) -> Self {
        Self {
            supervisor,
            id,
            mailbox,
            test: None,
            clients: None,
            count: None,
            unmounted: None,
        }
    }

    /// Carries out the command that it is started for, and works until there is nothing more to do.
    ///
    /// A command that ends soon is carried out here, so that changing an idle backend needs no other thread. Everything else
    /// runs on the supervisor's runtime, which a stop waits for.
    pub(super) async fn start(mut self, span: Span, command: Command) {
        let supervisor = Arc::clone(&self.supervisor);
        let renames = matches!(&command, Command::Update(update, _) if !update.has_config);
        let deletes = matches!(&command, Command::Delete(..));
        let ends_soon = renames || deletes && supervisor.is_at_rest(self.id).await;
        let first = Next::Command(span, command);
        if !ends_soon {
            supervisor.spawn(self.run(Some(first)));
        } else if self.step(first).await {
            supervisor.spawn(self.run(None));
        }
    }

    /// Works until there is nothing more to do.
    async fn run(mut self, mut first: Option<Next>) {
        loop {
            let next = match first.take() {
                Some(first) => first,
                None => self.next().await,
            };
            if !self.step(next).await {
                return;
            }
        }
    }

    /// Does one thing; returns whether there is more to do.
    async fn step(&mut self, next: Next) -> bool {
        match next {
            Next::Command(span, command) => self.execute(command).instrument(span).await,
            Next::Probed(ended) => self.probed(ended),
            Next::Counted(ended) => self.counted(ended),
            Next::CountIsLong => self.answer_counting(None),
        }
        self.test_again().await;
        !self.retire()
    }

    async fn next(&mut self) -> Next {
        let wait = self.supervisor.settings.scan_wait;
        let Self {
            mailbox, test, count, ..
        } = self;
        let long = match test {
            Some(Test {
                stage: Stage::Counting { since, .. },
                ..
            }) => Some(*since + wait),
            _ => None,
        };
        tokio::select! {
            Some((span, command)) = mailbox.recv() => Next::Command(span, command),
            ended = probe_ended(test) => Next::Probed(ended),
            ended = count_ended(count) => Next::Counted(ended),
            () = tokio::time::sleep_until(long.unwrap_or_else(Instant::now)), if long.is_some() => Next::CountIsLong,
        }
    }

    /// Ends the actor if nothing goes on and nothing waits.
    fn retire(&self) -> bool {
        if self.test.is_some() || self.clients.is_some() || self.count.is_some() {
            return false;
        }
        let mut actors = self.supervisor.actors();
        let is_idle = self.mailbox.is_empty();
        if is_idle {
            actors.remove(&self.id);
        }
        is_idle
    }

    async fn execute(&mut self, command: Command) {
        match command {
            Command::Test(permit, reply) => self.test(permit, reply).await,
            Command::Check(permit) => self.check(permit).await,
            Command::Update(update, reply) => {
                self.change(reply, async |actor| actor.update(*update).await)
                    .await;
            }
            Command::Delete(delete, reply) => {
                self.change(reply, async |actor| actor.delete(*delete).await)
                    .await;
            }
            Command::Try(trial, reply) => self.try_config(*trial, reply).await,
            Command::Release => self.release().await,
            Command::MountLost => self.mount_lost().await,
        }
    }

    /// Carries out a change and answers it. Drops one that waited too long, so that its audit entry goes back before the
    /// answer.
    async fn change<T>(
        &mut self,
        reply: Reply<T>,
        change: impl AsyncFnOnce(&mut Self) -> Result<T, AppError>,
    ) {
        let done = if reply.is_late() {
            drop(change);
            Err(AppError::InProgress)
        } else {
            change(self).await
        };
        reply.send(done);
        self.mount_again().await;
    }

    /// Whether a test or a count of another revision goes on.
    fn works_on_other(&self, revision: Revision) -> bool {
        let test = self.test.as_ref().map(|test| test.backend.revision);
        let count = self.count.as_ref().map(|count| count.revision);
        test.into_iter().chain(count).any(|of| of != revision)
    }

    pub(super) fn is_testing(&self) -> bool {
        self.test.is_some()
    }

    /// Whether clients wait for a test.
    pub(super) fn has_clients(&self) -> bool {
        self.clients.is_some()
    }

    /// Cancels the test, the count and the changes of files, and waits for their ends. The clients of the test go on waiting.
    ///
    /// # Errors
    /// [`AppError::Stuck`] if they don't end in time.
    pub(super) async fn cancel_and_join(&mut self) -> Result<(), AppError> {
        if let Some(test) = &self.test {
            test.cancel();
        }
        if let Some(count) = &self.count {
            count.job.cancel.cancel();
        }
        let limit = self.supervisor.settings.unmount_deadline;
        if tokio::time::timeout(limit, self.jobs_ended()).await.is_ok() {
            return Ok(());
        }
        let stuck = self.supervisor.registry.stuck();
        let since = stuck.iter().find(|w| w.backend == self.id).map(|w| w.since);
        Err(AppError::Stuck { since })
    }

    async fn jobs_ended(&mut self) {
        while matches!(
            &self.test,
            Some(Test {
                stage: Stage::Probing(_),
                ..
            })
        ) {
            let ended = probe_ended(&mut self.test).await;
            self.probed(ended);
        }
        self.answer_counting(Some(CountEnd::BrokenOff));
        if self.count.is_some() {
            let ended = count_ended(&mut self.count).await;
            self.counted(ended);
        }
        self.supervisor.jobs.cancel_and_join(self.id).await;
    }

    pub(super) fn spawn<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> tokio::task::JoinHandle<T> {
        let Supervisor { tasks, runtime, .. } = &*self.supervisor;
        tasks.spawn_on(work.in_current_span(), runtime)
    }
}
