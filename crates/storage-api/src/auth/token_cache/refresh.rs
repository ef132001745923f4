//! The cache of the tokens, and the one attempt at a time that reads them: everybody who waits shares its outcome.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, Shared};
use storage_persistence::StoreError;
use tokio::runtime::Handle;
use tokio::time::{Instant, sleep_until, timeout};

use super::Tokens;
use crate::chain::Chain;

/// How long cached tokens are good, and how often they are read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Times {
    /// How old they may be while the database answers.
    pub(super) max_age: Duration,
    /// Time between two attempts.
    pub(super) min_interval: Duration,
    /// Time that an attempt may take.
    pub(super) timeout: Duration,
    /// Time after a failed attempt without another one.
    pub(super) retry_after: Duration,
    /// How old they may be while the database does not answer.
    pub(super) stale_if_error: Duration,
}

/// Tokens, and when their reading began.
#[derive(Debug, Clone)]
struct Cached {
    tokens: Arc<Tokens>,
    read_at: Instant,
}

type Outcome = Result<Cached, Arc<StoreError>>;

/// An attempt to read, which goes on even if nobody waits for it.
type Attempt = Shared<BoxFuture<'static, Outcome>>;

#[derive(Debug, Default)]
struct State {
    /// `None` until the first read.
    cached: Option<Cached>,
    attempt: Option<Attempt>,
    /// When the last attempt failed, and why.
    failed: Option<(Instant, Arc<StoreError>)>,
}

/// The cached tokens.
#[derive(Debug)]
pub(super) struct Cache {
    times: Times,
    runtime: Handle,
    state: Mutex<State>,
}

/// What a request can do.
enum Next {
    Use(Arc<Tokens>),
    /// The last attempt failed just now.
    Failed(Arc<StoreError>),
    /// Wait for the attempt of another request; `true` if the one before it failed.
    Join(Attempt, bool),
    /// Wait for an attempt of its own.
    Begin(Attempt),
}

impl Cache {
    /// Makes an empty cache, whose attempts run on `runtime`.
    pub(super) fn new(times: Times, runtime: Handle) -> Arc<Self> {
        Arc::new(Self {
            times,
            runtime,
            state: Mutex::default(),
        })
    }

    /// Returns the cached tokens, or reads them if they are too old. While the database is known not to answer, only the
    /// request that begins an attempt waits.
    pub(super) async fn fresh<R>(
        self: &Arc<Self>,
        read: impl Fn() -> R,
    ) -> Result<Arc<Tokens>, Arc<StoreError>>
    where
        R: Future<Output = Result<Tokens, StoreError>> + Send + 'static,
    {
        let max_age = self.times.max_age;
        let attempt = match self.next(|read_at| read_at.elapsed() < max_age, read) {
            Next::Use(tokens) => return Ok(tokens),
            Next::Failed(error) => return self.stale().ok_or(error),
            Next::Join(attempt, after_failure) => match self.stale() {
                Some(tokens) if after_failure => return Ok(tokens),
                _ => attempt,
            },
            Next::Begin(attempt) => attempt,
        };
        match attempt.await {
            Ok(cached) => Ok(cached.tokens),
            Err(error) => self.stale().ok_or(error),
        }
    }

    /// Returns tokens whose reading begins after this call, or the cached ones if that fails.
    pub(super) async fn reread<R>(
        self: &Arc<Self>,
        read: impl Fn() -> R,
    ) -> Result<Arc<Tokens>, Arc<StoreError>>
    where
        R: Future<Output = Result<Tokens, StoreError>> + Send + 'static,
    {
        let asked_at = Instant::now();
        loop {
            let attempt = match self.next(|read_at| read_at >= asked_at, &read) {
                Next::Use(tokens) => return Ok(tokens),
                Next::Failed(error) => return self.stale().ok_or(error),
                Next::Join(attempt, _) | Next::Begin(attempt) => attempt,
            };
            match attempt.await {
                // It had begun before; the next one does not.
                Ok(cached) if cached.read_at < asked_at => {}
                Ok(cached) => return Ok(cached.tokens),
                Err(error) => return self.stale().ok_or(error),
            }
        }
    }

    /// Reads the tokens, however long that takes.
    pub(super) async fn load(
        &self,
        read: impl Future<Output = Result<Tokens, StoreError>>,
    ) -> Result<Arc<Tokens>, StoreError> {
        let read_at = Instant::now();
        let tokens = Arc::new(read.await?);
        self.note(&Ok(Cached {
            tokens: Arc::clone(&tokens),
            read_at,
        }));
        Ok(tokens)
    }

    fn next<R>(self: &Arc<Self>, is_enough: impl Fn(Instant) -> bool, read: impl Fn() -> R) -> Next
    where
        R: Future<Output = Result<Tokens, StoreError>> + Send + 'static,
    {
        let mut state = self.state();
        if let Some(cached) = state.cached.as_ref().filter(|cached| is_enough(cached.read_at)) {
            return Next::Use(Arc::clone(&cached.tokens));
        }
        if let Some(attempt) = state.attempt.as_ref().filter(|attempt| attempt.peek().is_none()) {
            return Next::Join(attempt.clone(), state.failed.is_some());
        }
        if let Some((at, error)) = &state.failed
            && at.elapsed() < self.times.retry_after
        {
            return Next::Failed(Arc::clone(error));
        }
        let not_before = state
            .cached
            .as_ref()
            .map(|cached| cached.read_at + self.times.min_interval);
        let (cache, read) = (Arc::clone(self), read());
        let task = self.runtime.spawn(async move {
            if let Some(time) = not_before {
                sleep_until(time).await;
            }
            let outcome = cache.attempt(read).await;
            // Before anybody who waits gets it, so that a request that comes then finds it.
            cache.note(&outcome);
            outcome
        });
        let attempt = task.map(|ended| ended.unwrap_or_else(|_| Err(Arc::new(no_answer()))));
        let attempt = attempt.boxed().shared();
        state.attempt = Some(attempt.clone());
        Next::Begin(attempt)
    }

    async fn attempt(&self, read: impl Future<Output = Result<Tokens, StoreError>>) -> Outcome {
        let read_at = Instant::now();
        let read = timeout(self.times.timeout, read).await;
        let tokens = Arc::new(read.unwrap_or_else(|_| Err(no_answer()))?);
        Ok(Cached { tokens, read_at })
    }

    fn note(&self, outcome: &Outcome) {
        let mut state = self.state();
        state.attempt = None;
        match outcome {
            Ok(cached) => {
                state.cached = Some(cached.clone());
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

    /// Returns the tokens that may be used while the database does not answer.
    fn stale(&self) -> Option<Arc<Tokens>> {
        let state = self.state();
        let cached = state.cached.as_ref();
        let cached = cached.filter(|cached| cached.read_at.elapsed() < self.times.stale_if_error)?;
        Some(Arc::clone(&cached.tokens))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(super) fn no_answer() -> StoreError {
    StoreError::no_answer("reading the tokens")
}

#[cfg(test)]
mod tests;
