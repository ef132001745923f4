//! The table of tokens, held in memory: an authentication asks the database only when what is held is too old.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use storage_domain::access::{AccessToken, TokenId};
use storage_persistence::{Store, StoreError};
use time::OffsetDateTime;
use tokio::runtime::Handle;
use tokio::time::Instant;

use crate::chain::Chain;

/// How long what was read is believed: a token that was revoked is of use no longer than that.
pub(super) const BELIEVED: Duration = Duration::from_secs(2);
/// How soon an unknown token makes the table be read again.
const AGAIN_AFTER: Duration = Duration::from_millis(100);
/// How long a request waits for the database before it takes what is known.
const READ_DEADLINE: Duration = Duration::from_secs(1);
/// How long after a failure nobody asks again.
const PAUSE: Duration = Duration::from_secs(1);
/// How long known tokens are of use while the database does not answer.
const GRACE: Duration = Duration::from_mins(10);
/// How far the stored time of a token's last use may lag behind.
const USE_PRECISION: time::Duration = time::Duration::minutes(5);

/// The tokens as they were read at one time.
#[derive(Debug)]
pub(super) struct Book {
    /// Those that are not revoked.
    pub(super) tokens: HashMap<TokenId, AccessToken>,
    /// Whether there is, or was, any token.
    pub(super) any: bool,
    read_at: Instant,
}

/// The tokens, and where to read them anew.
#[derive(Debug)]
pub(super) struct TokenBook {
    store: Store,
    runtime: Handle,
    /// `None` until they were read once.
    book: RwLock<Option<Arc<Book>>>,
    /// Held by the one that reads; the time is that of the last failure.
    reading: tokio::sync::Mutex<Option<Instant>>,
    /// When the use of a token was noted last.
    noted: Mutex<HashMap<TokenId, OffsetDateTime>>,
}

impl TokenBook {
    pub(super) fn new(store: Store, runtime: Handle) -> Self {
        Self {
            store,
            runtime,
            book: RwLock::default(),
            reading: tokio::sync::Mutex::default(),
            noted: Mutex::default(),
        }
    }

    /// The tokens, read no longer than [`BELIEVED`] ago where the database answers. One request reads; those that come
    /// meanwhile take what is known.
    pub(super) async fn current(&self) -> Result<Arc<Book>, StoreError> {
        let known = self.known();
        if let Some(book) = known.as_ref().filter(|b| b.read_at.elapsed() < BELIEVED) {
            return Ok(Arc::clone(book));
        }
        let mut failed_at = match (&known, self.reading.try_lock()) {
            (_, Ok(guard)) => guard,
            (Some(book), Err(_)) if book.read_at.elapsed() < GRACE => return Ok(Arc::clone(book)),
            (_, Err(_)) => self.reading.lock().await,
        };
        match self.known() {
            // Somebody else has read it while this one waited.
            Some(book) if book.read_at.elapsed() < BELIEVED => Ok(book),
            known => self.fetch(known, &mut failed_at).await,
        }
    }

    /// The tokens, read after this was called; a few times a second at the most, however many ask.
    pub(super) async fn anew(&self) -> Result<Arc<Book>, StoreError> {
        let asked_at = Instant::now();
        let mut failed_at = self.reading.lock().await;
        let known = self.known();
        if let Some(book) = &known {
            if book.read_at >= asked_at {
                return Ok(Arc::clone(book));
            }
            tokio::time::sleep_until(book.read_at + AGAIN_AFTER).await;
        }
        self.fetch(known, &mut failed_at).await
    }

    /// Reads the tokens, whatever is known.
    pub(super) async fn read(&self) -> Result<Arc<Book>, StoreError> {
        let read_at = Instant::now();
        let tokens = self.store.tokens(false).await?;
        let any =
            !tokens.is_empty() || self.known().is_some_and(|b| b.any) || self.store.has_tokens().await?;
        let book = Arc::new(Book {
            tokens: tokens.into_iter().map(|t| (t.id.clone(), t)).collect(),
            any,
            read_at,
        });
        *self.book.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&book));
        Ok(book)
    }

    /// Reads the tokens, or takes those that are known where the database does not answer.
    async fn fetch(
        &self,
        known: Option<Arc<Book>>,
        failed_at: &mut Option<Instant>,
    ) -> Result<Arc<Book>, StoreError> {
        let usable = known.filter(|b| b.read_at.elapsed() < GRACE);
        let is_paused = failed_at.is_some_and(|at| at.elapsed() < PAUSE);
        if let (true, Some(book)) = (is_paused, &usable) {
            return Ok(Arc::clone(book));
        }
        let error = match tokio::time::timeout(READ_DEADLINE, self.read()).await {
            Ok(Ok(book)) => {
                if failed_at.take().is_some() {
                    tracing::info!("the tokens can be read again");
                }
                return Ok(book);
            }
            Ok(Err(error)) => error,
            Err(_) => StoreError::no_answer("reading the tokens"),
        };
        if failed_at.replace(Instant::now()).is_none() {
            tracing::warn!(
                error = %Chain(&error),
                "the tokens can't be read; those that are known stay valid for a while"
            );
        }
        usable.ok_or(error)
    }

    fn known(&self) -> Option<Arc<Book>> {
        self.book.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Notes that a token is used, off the request's path and not at every request.
    pub(super) fn used(&self, token: &AccessToken, at: OffsetDateTime) {
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
