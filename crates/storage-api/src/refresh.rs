//! What was read from the database a moment ago, and the one attempt at a time that reads it again: everybody who waits shares
//! its outcome.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, Shared};
use storage_persistence::StoreError;
use tokio::runtime::Handle;
use tokio::time::{Instant, sleep_until, timeout};

use crate::chain::Chain;

/// How long a cached value is good, and how often it is read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Times {
    /// What is read, in the plural, for the log.
    pub(crate) what: &'static str,
    /// How old it may be while the database answers.
    pub(crate) max_age: Duration,
    /// Time between two attempts.
    pub(crate) min_interval: Duration,
    /// Time that an attempt may take.
    pub(crate) timeout: Duration,
    /// Time after a failed attempt without another one.
    pub(crate) retry_after: Duration,
    /// How old it may be while the database does not answer.
    pub(crate) stale_if_error: Duration,
}

/// A value, and when its reading began.
#[derive(Debug)]
struct Cached<T> {
    value: Arc<T>,
    read_at: Instant,
}

impl<T> Clone for Cached<T> {
    fn clone(&self) -> Self {
        Self {
            value: Arc::clone(&self.value),
            read_at: self.read_at,
        }
    }
}

type Outcome<T> = Result<Cached<T>, Arc<StoreError>>;

/// An attempt to read, which goes on even if nobody waits for it.
type Attempt<T> = Shared<BoxFuture<'static, Outcome<T>>>;

#[derive(Debug)]
struct State<T> {
    /// `None` until the first read.
    cached: Option<Cached<T>>,
    attempt: Option<Attempt<T>>,
    /// When the last attempt failed, and why.
    failed: Option<(Instant, Arc<StoreError>)>,
}

impl<T> Default for State<T> {
    fn default() -> Self {
        Self {
            cached: None,
            attempt: None,
            failed: None,
        }
    }
}

/// The cached value.
#[derive(Debug)]
pub(crate) struct Cache<T> {
    times: Times,
    runtime: Handle,
    state: Mutex<State<T>>,
}

/// What a request can do.
enum Next<T> {
    Use(Arc<T>),
    /// The last attempt failed just now.
    Failed(Arc<StoreError>),
    /// Wait for the attempt of another request; `true` if the one before it failed.
    Join(Attempt<T>, bool),
    /// Wait for an attempt of its own.
    Begin(Attempt<T>),
}

impl<T: Send + Sync + 'static> Cache<T> {
    /// Makes an empty cache, whose attempts run on `runtime`.
    pub(crate) fn new(times: Times, runtime: Handle) -> Arc<Self> {
        Arc::new(Self {
            times,
            runtime,
            state: Mutex::default(),
        })
    }

    /// Returns the cached value, or reads it if that is too old. While the database is known not to answer, only the
    /// request that begins an attempt waits.
    pub(crate) async fn fresh<R>(self: &Arc<Self>, read: impl Fn() -> R) -> Result<Arc<T>, Arc<StoreError>>
    where
        R: Future<Output = Result<T, StoreError>> + Send + 'static,
    {
        let max_age = self.times.max_age;
        let attempt = match self.next(|read_at| read_at.elapsed() < max_age, read) {
            Next::Use(value) => return Ok(value),
            Next::Failed(error) => return self.stale().ok_or(error),
            Next::Join(attempt, after_failure) => match self.stale() {
                Some(value) if after_failure => return Ok(value),
                _ => attempt,
            },
            Next::Begin(attempt) => attempt,
        };
        match attempt.await {
            Ok(cached) => Ok(cached.value),
            Err(error) => self.stale().ok_or(error),
        }
    }

    /// Returns a value whose reading begins after this call, or the cached one if that fails.
    pub(crate) async fn reread<R>(self: &Arc<Self>, read: impl Fn() -> R) -> Result<Arc<T>, Arc<StoreError>>
    where
        R: Future<Output = Result<T, StoreError>> + Send + 'static,
    {
        let asked_at = Instant::now();
        loop {
            let attempt = match self.next(|read_at| read_at >= asked_at, &read) {
                Next::Use(value) => return Ok(value),
                Next::Failed(error) => return self.stale().ok_or(error),
                Next::Join(attempt, _) | Next::Begin(attempt) => attempt,
            };
            match attempt.await {
                // It had begun before; the next one does not.
                Ok(cached) if cached.read_at < asked_at => {}
                Ok(cached) => return Ok(cached.value),
                Err(error) => return self.stale().ok_or(error),
            }
        }
    }

    /// Reads the value, however long that takes.
    pub(crate) async fn load(
        &self,
        read: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<Arc<T>, StoreError> {
        let read_at = Instant::now();
        let value = Arc::new(read.await?);
        self.note(&Ok(Cached {
            value: Arc::clone(&value),
            read_at,
        }));
        Ok(value)
    }

    fn next<R>(self: &Arc<Self>, is_enough: impl Fn(Instant) -> bool, read: impl Fn() -> R) -> Next<T>
    where
        R: Future<Output = Result<T, StoreError>> + Send + 'static,
    {
        let mut state = self.state();
        if let Some(cached) = state.cached.as_ref().filter(|cached| is_enough(cached.read_at)) {
            return Next::Use(Arc::clone(&cached.value));
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
        let (cache, times, read) = (Arc::clone(self), self.times, read());
        let task = self.runtime.spawn(async move {
            if let Some(time) = not_before {
                sleep_until(time).await;
            }
            let outcome = cache.attempt(read).await;
            // Before anybody who waits gets it, so that a request that comes then finds it.
            cache.note(&outcome);
            outcome
        });
        let attempt = task.map(move |ended| ended.unwrap_or_else(|_| Err(Arc::new(times.no_answer()))));
        let attempt = attempt.boxed().shared();
        state.attempt = Some(attempt.clone());
        Next::Begin(attempt)
    }

    async fn attempt(&self, read: impl Future<Output = Result<T, StoreError>>) -> Outcome<T> {
        let read_at = Instant::now();
        let read = timeout(self.times.timeout, read).await;
        let value = Arc::new(read.unwrap_or_else(|_| Err(self.times.no_answer()))?);
        Ok(Cached { value, read_at })
    }

    fn note(&self, outcome: &Outcome<T>) {
        let mut state = self.state();
        state.attempt = None;
        match outcome {
            Ok(cached) => {
                state.cached = Some(cached.clone());
                if state.failed.take().is_some() {
                    tracing::info!("{} can be read again", self.times.what);
                }
            }
            Err(error) => {
                let failure = (Instant::now(), Arc::clone(error));
                if state.failed.replace(failure).is_none() {
                    tracing::warn!(
                        error = %Chain(&**error),
                        "{} can't be read; those that are known stay valid for a while",
                        self.times.what
                    );
                }
            }
        }
    }

    /// Returns the value that may be used while the database does not answer.
    fn stale(&self) -> Option<Arc<T>> {
        let state = self.state();
        let cached = state.cached.as_ref();
        let cached = cached.filter(|cached| cached.read_at.elapsed() < self.times.stale_if_error)?;
        Some(Arc::clone(&cached.value))
    }

    fn state(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Times {
    /// The error of a read that took too long.
    pub(crate) fn no_answer(&self) -> StoreError {
        StoreError::no_answer(self.what)
    }
}

#[cfg(test)]
mod tests;
