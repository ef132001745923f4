//! The tokens in memory: an authentication asks the database only if the cached ones are too old.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use storage_domain::access::{AccessToken, TokenId};
use storage_persistence::{Store, StoreError};
use time::OffsetDateTime;
use tokio::runtime::Handle;
use tokio::time::timeout;

use crate::chain::Chain;
use crate::refresh::{Cache, Times};

/// Longest age of cached tokens while the database answers: a revoked token is accepted no longer than that.
pub(crate) const MAX_AGE: Duration = Duration::from_secs(2);

const TIMES: Times = Times {
    what: "the tokens",
    max_age: MAX_AGE,
    // An unknown token makes the tokens be read again, at most this often.
    min_interval: Duration::from_millis(100),
    timeout: Duration::from_secs(1),
    retry_after: Duration::from_secs(1),
    stale_if_error: Duration::from_mins(10),
};
/// How far the stored time of a token's last use may lag behind.
const USE_PRECISION: time::Duration = time::Duration::minutes(5);

/// The tokens as they were read at one time.
#[derive(Debug)]
pub(crate) struct Tokens {
    /// Those that are not revoked.
    pub(crate) by_id: HashMap<TokenId, AccessToken>,
    /// Whether there is, or was, any token.
    pub(crate) any: bool,
}

/// The cached tokens, and the store that has them.
#[derive(Debug)]
pub(crate) struct TokenCache {
    store: Store,
    runtime: Handle,
    cache: Arc<Cache<Tokens>>,
    /// Whether a token was ever seen, which closes an open service until it restarts.
    any: Arc<AtomicBool>,
    /// When the use of a token was noted last.
    noted: Mutex<HashMap<TokenId, OffsetDateTime>>,
}

impl TokenCache {
    pub(crate) fn new(store: Store, runtime: Handle) -> Self {
        Self {
            store,
            cache: Cache::new(TIMES, runtime.clone()),
            runtime,
            any: Arc::default(),
            noted: Mutex::default(),
        }
    }

    /// Reads the tokens now.
    pub(crate) async fn load(&self) -> Result<Arc<Tokens>, StoreError> {
        self.cache.load(self.read()).await
    }

    /// Returns whether there is, or was, any token. The database is asked each time until there is.
    pub(crate) async fn any(&self) -> Result<bool, Arc<StoreError>> {
        if !self.any.load(Ordering::Acquire) {
            let found = timeout(TIMES.timeout, self.store.has_tokens()).await;
            let found = found.unwrap_or_else(|_| Err(TIMES.no_answer()))?;
            self.any.fetch_or(found, Ordering::AcqRel);
        }
        Ok(self.any.load(Ordering::Acquire))
    }

    /// Finds a token that is not revoked. One that is not cached may be new, so the tokens are read again for it.
    pub(crate) async fn find(&self, id: &TokenId) -> Result<Option<AccessToken>, Arc<StoreError>> {
        let mut tokens = self.cache.fresh(|| self.read()).await?;
        if !tokens.by_id.contains_key(id) {
            tokens = self.cache.reread(|| self.read()).await?;
        }
        Ok(tokens.by_id.get(id).cloned())
    }

    fn read(&self) -> impl Future<Output = Result<Tokens, StoreError>> + Send + use<> {
        let (store, known) = (self.store.clone(), Arc::clone(&self.any));
        async move {
            let tokens = store.tokens(false).await?;
            let any = !tokens.is_empty() || known.load(Ordering::Acquire) || store.has_tokens().await?;
            known.fetch_or(any, Ordering::AcqRel);
            let by_id = tokens.into_iter().map(|t| (t.id.clone(), t)).collect();
            Ok(Tokens { by_id, any })
        }
    }

    /// Notes that a token is used, off the request's path and not at every request.
    pub(crate) fn used(&self, token: &AccessToken, at: OffsetDateTime) {
        let is_recent = |then: &OffsetDateTime| at - *then < USE_PRECISION;
        if token.last_used_at.as_ref().is_some_and(is_recent) {
            return;
        }
        let mut noted = self.noted.lock().unwrap_or_else(PoisonError::into_inner);
        if noted.get(&token.id).is_some_and(is_recent) {
            return;
        }
        noted.retain(|_, then| is_recent(then));
        noted.insert(token.id.clone(), at);
        let (store, id) = (self.store.clone(), token.id.clone());
        self.runtime.spawn(async move {
            if let Err(error) = store.token_used(&id, at).await {
                tracing::debug!(error = %Chain(&error), token.id = %id, "the use of a token could not be noted");
            }
        });
    }
}
