//! Things that one task of this process at a time works on.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::AppError;

/// How long work that was asked to end is waited for.
const END_WAIT: Duration = Duration::from_secs(10);

#[derive(Debug, Clone, Default)]
struct Running {
    cancel: CancellationToken,
    ended: CancellationToken,
}

type Map<K> = Arc<Mutex<HashMap<K, Running>>>;

/// What is worked on.
#[derive(Debug)]
pub(super) struct Claims<K>(Map<K>);

/// A claim, which ends with the value.
#[derive(Debug)]
pub(super) struct Claim<K: Eq + Hash> {
    key: K,
    running: Running,
    map: Map<K>,
}

impl<K> Default for Claims<K> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<K: Eq + Hash + Clone> Claims<K> {
    /// Claims what nobody works on.
    pub(super) fn attempt(&self, key: &K) -> Result<Claim<K>, CancellationToken> {
        self.attempt_within(key, &CancellationToken::new())
    }

    fn attempt_within(&self, key: &K, ends: &CancellationToken) -> Result<Claim<K>, CancellationToken> {
        match lock(&self.0).entry(key.clone()) {
            Entry::Occupied(taken) => Err(taken.get().ended.clone()),
            Entry::Vacant(free) => Ok(Claim {
                key: key.clone(),
                running: free
                    .insert(Running {
                        cancel: ends.child_token(),
                        ..Running::default()
                    })
                    .clone(),
                map: Arc::clone(&self.0),
            }),
        }
    }

    /// Claims something once those who work on it have ended.
    ///
    /// # Errors
    /// [`AppError::InProgress`] if they don't in time.
    pub(super) async fn take(&self, key: K) -> Result<Claim<K>, AppError> {
        self.take_within(key, &CancellationToken::new()).await
    }

    /// The same for work that ends with `ends` too.
    ///
    /// # Errors
    /// Those of [`Self::take`].
    pub(super) async fn take_within(&self, key: K, ends: &CancellationToken) -> Result<Claim<K>, AppError> {
        let claim = async {
            loop {
                match self.attempt_within(&key, ends) {
                    Ok(claim) => return claim,
                    Err(ended) => ended.cancelled().await,
                }
            }
        };
        timeout(END_WAIT, claim).await.map_err(|_| AppError::InProgress)
    }

    /// Asks whoever works on something to end.
    pub(super) fn end(&self, key: &K) {
        if let Some(running) = lock(&self.0).get(key) {
            running.cancel.cancel();
        }
    }
}

impl<K: Eq + Hash> Claim<K> {
    /// Returns the token that is cancelled if another one waits for the claim, or the work is to end.
    pub(super) fn cancellation(&self) -> &CancellationToken {
        &self.running.cancel
    }
}

impl<K: Eq + Hash> Drop for Claim<K> {
    fn drop(&mut self) {
        lock(&self.map).remove(&self.key);
        self.running.ended.cancel();
    }
}

fn lock<K>(map: &Map<K>) -> MutexGuard<'_, HashMap<K, Running>> {
    map.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_at_a_time() {
        let claims = Claims::default();
        let first = claims.take("a").await.unwrap();
        assert!(claims.attempt(&"a").is_err() && claims.attempt(&"b").is_ok());
        claims.end(&"a");
        assert!(first.cancellation().is_cancelled());
        let wait = claims.take("a");
        drop(first);
        assert!(!wait.await.unwrap().cancellation().is_cancelled());
        assert!(lock(&claims.0).is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn work_that_does_not_end_is_not_waited_for() {
        let claims = Claims::default();
        let _first = claims.take("a").await.unwrap();
        assert!(matches!(claims.take("a").await, Err(AppError::InProgress)));
    }
}
