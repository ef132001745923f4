//! What was read of the tokens, and the one attempt at a time that reads them anew: everybody who waits shares its outcome.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use storage_persistence::StoreError;
use tokio::runtime::Handle;
use tokio::time::{Instant, sleep_until, timeout};

use super::Book;
use crate::chain::Chain;
use crate::ending::Ending;

/// How long what is held is good, and how often it is read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Times {
    /// How long what was read is believed.
    pub(super) believed: Duration,
    /// How soon it may be read again.
    pub(super) again_after: Duration,
    /// How long an attempt may take.
    pub(super) deadline: Duration,
    /// How long after a failure there is no other attempt.
    pub(super) pause: Duration,
    /// How long what was read is of use while the database does not answer.
    pub(super) grace: Duration,
}

/// What was read, and when that began.
#[derive(Debug, Clone)]
struct Known {
    book: Arc<Book>,
    read_at: Instant,
}

type Outcome = Result<Known, Arc<StoreError>>;

/// An attempt to read, which goes on whoever waits for it.
type Attempt = Ending<Outcome>;

#[derive(Debug, Default)]
struct State {
    /// `None` until it was read once.
    known: Option<Known>,
    attempt: Option<Attempt>,
    /// When the last attempt failed, and why; `None` where it did not.
    failed: Option<(Instant, Arc<StoreError>)>,
}

/// What was read last, held for all who ask.
#[derive(Debug)]
pub(super) struct Held {
    times: Times,
    runtime: Handle,
    state: Mutex<State>,
}

/// What there is for one who asks.
enum Next {
    Known(Arc<Book>),
    /// The last attempt has failed just now.
    Paused(Arc<StoreError>),
    /// Another one's attempt, and whether the one before it failed.
    Joined(Attempt, bool),
    Begun(Attempt),
}

impl Held {
    /// Nothing yet; attempts run on `runtime`.
    pub(super) fn new(times: Times, runtime: Handle) -> Arc<Self> {
        Arc::new(Self {
            times,
            runtime,
            state: Mutex::default(),
        })
    }

    /// What was read last, however long ago.
    pub(super) fn known(&self) -> Option<Arc<Book>> {
        self.state().known.as_ref().map(|known| Arc::clone(&known.book))
    }

    /// What is believed, else what the attempt under way reads. Nobody waits longer than for that; while the database is
    /// known not to answer, only the one who begins an attempt waits at all.
    pub(super) async fn current<R>(
        self: &Arc<Self>,
        read: impl Fn() -> R,
    ) -> Result<Arc<Book>, Arc<StoreError>>
    where
        R: Future<Output = Result<Book, StoreError>> + Send + 'static,
    {
        let believed = self.times.believed;
        let attempt = match self.next(|read_at| read_at.elapsed() < believed, read) {
            Next::Known(book) => return Ok(book),
            Next::Paused(error) => return self.usable().ok_or(error),
            Next::Joined(attempt, after_failure) => match self.usable() {
                Some(book) if after_failure => return Ok(book),
                _ => attempt,
            },
            Next::Begun(attempt) => attempt,
        };
        match outcome(attempt).await {
            Ok(known) => Ok(known.book),
            Err(error) => self.usable().ok_or(error),
        }
    }

    /// What is read from now on; where that fails, what is known.
    pub(super) async fn anew<R>(self: &Arc<Self>, read: impl Fn() -> R) -> Result<Arc<Book>, Arc<StoreError>>
    where
        R: Future<Output = Result<Book, StoreError>> + Send + 'static,
    {
        let asked_at = Instant::now();
        loop {
            let attempt = match self.next(|read_at| read_at >= asked_at, &read) {
                Next::Known(book) => return Ok(book),
                Next::Paused(error) => return self.usable().ok_or(error),
                Next::Joined(attempt, _) | Next::Begun(attempt) => attempt,
            };
            match outcome(attempt).await {
                // It had begun before; the next one does not.
                Ok(known) if known.read_at < asked_at => {}
                Ok(known) => return Ok(known.book),
                Err(error) => return self.usable().ok_or(error),
            }
        }
    }

    /// Reads for as long as that takes, whatever is known.
    pub(super) async fn read(
        &self,
        read: impl Future<Output = Result<Book, StoreError>>,
    ) -> Result<Arc<Book>, StoreError> {
        let read_at = Instant::now();
        let book = Arc::new(read.await?);
        self.note(&Ok(Known {
            book: Arc::clone(&book),
            read_at,
        }));
        Ok(book)
    }

    fn next<R>(self: &Arc<Self>, is_enough: impl Fn(Instant) -> bool, read: impl Fn() -> R) -> Next
    where
        R: Future<Output = Result<Book, StoreError>> + Send + 'static,
    {
        let mut state = self.state();
        if let Some(known) = state.known.as_ref().filter(|known| is_enough(known.read_at)) {
            return Next::Known(Arc::clone(&known.book));
        }
        if let Some(attempt) = state.attempt.as_ref().filter(|attempt| attempt.is_to_come()) {
            return Next::Joined(attempt.clone(), state.failed.is_some());
        }
        if let Some((at, error)) = &state.failed
            && at.elapsed() < self.times.pause
        {
            return Next::Paused(Arc::clone(error));
        }
        let not_before = state
            .known
            .as_ref()
            .map(|known| known.read_at + self.times.again_after);
        let (told, attempt) = Ending::awaited();
        state.attempt = Some(attempt.clone());
        let (held, read) = (Arc::clone(self), read());
        self.runtime.spawn(async move {
            if let Some(time) = not_before {
                sleep_until(time).await;
            }
            let outcome = held.attempt(read).await;
            held.note(&outcome);
            told.send_replace(Some(outcome));
        });
        Next::Begun(attempt)
    }

    async fn attempt(&self, read: impl Future<Output = Result<Book, StoreError>>) -> Outcome {
        let read_at = Instant::now();
        match timeout(self.times.deadline, read).await {
            Ok(Ok(book)) => Ok(Known {
                book: Arc::new(book),
                read_at,
            }),
            Ok(Err(error)) => Err(Arc::new(error)),
            Err(_) => Err(no_answer()),
        }
    }

    /// Before anybody is told of it: whoever comes then finds the outcome.
    fn note(&self, outcome: &Outcome) {
        let mut state = self.state();
        state.attempt = None;
        match outcome {
            Ok(known) => {
                state.known = Some(known.clone());
                if state.failed.take().is_some() {
                    tracing::info!("the tokens can be read again");
                }
            }
            Err(error) => {
                let failure = (Instant::now(), Arc::clone(error));
                if state.failed.replace(failure).is_none() {
                    tracing::warn!(
                        error = %Chain(&**error),
                        "the tokens can't be read; those that are known stay valid for a while"
                    );
                }
            }
        }
    }

    /// What is of use while the database does not answer.
    fn usable(&self) -> Option<Arc<Book>> {
        let state = self.state();
        let known = state.known.as_ref();
        let known = known.filter(|known| known.read_at.elapsed() < self.times.grace)?;
        Some(Arc::clone(&known.book))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn outcome(attempt: Attempt) -> Outcome {
    // One that broke off tells none.
    attempt.told().await.unwrap_or_else(|| Err(no_answer()))
}

fn no_answer() -> Arc<StoreError> {
    Arc::new(StoreError::no_answer("reading the tokens"))
}

#[cfg(test)]
mod tests;
