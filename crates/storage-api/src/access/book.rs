//! The table of tokens, held in memory: an authentication asks the database only when what is held is too old.

mod held;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use storage_domain::access::{AccessToken, TokenId};
use storage_persistence::{Store, StoreError};
use time::OffsetDateTime;
use tokio::runtime::Handle;

use self::held::{Held, Times};
use crate::chain::Chain;

/// How long what was read is believed: a token that was revoked is of use no longer than that.
pub(super) const BELIEVED: Duration = Duration::from_secs(2);

const TIMES: Times = Times {
    believed: BELIEVED,
    // How soon an unknown token makes the table be read again.
    again_after: Duration::from_millis(100),
    // How long a request waits for the database before it takes what is known.
    deadline: Duration::from_secs(1),
    pause: Duration::from_secs(1),
    // How long known tokens are of use while the database does not answer.
    grace: Duration::from_mins(10),
};
/// How far the stored time of a token's last use may lag behind.
const USE_PRECISION: time::Duration = time::Duration::minutes(5);

/// The tokens as they were read at one time.
#[derive(Debug)]
pub(super) struct Book {
    /// Those that are not revoked.
    pub(super) tokens: HashMap<TokenId, AccessToken>,
    /// Whether there is, or was, any token.
    pub(super) any: bool,
}

/// The tokens, and where to read them anew.
#[derive(Debug)]
pub(super) struct TokenBook {
    store: Store,
    runtime: Handle,
    held: Arc<Held>,
    /// When the use of a token was noted last.
    noted: Mutex<HashMap<TokenId, OffsetDateTime>>,
}

impl TokenBook {
    pub(super) fn new(store: Store, runtime: Handle) -> Self {
        Self {
            store,
            held: Held::new(TIMES, runtime.clone()),
            runtime,
            noted: Mutex::default(),
        }
    }

    /// The tokens, read no longer than [`BELIEVED`] ago where the database answers.
    pub(super) async fn current(&self) -> Result<Arc<Book>, Arc<StoreError>> {
        self.held.current(|| self.reading()).await
    }

    /// The tokens, read after this was called; a few times a second at the most, however many ask.
    pub(super) async fn anew(&self) -> Result<Arc<Book>, Arc<StoreError>> {
        self.held.anew(|| self.reading()).await
    }

    /// Reads the tokens, whatever is known.
    pub(super) async fn read(&self) -> Result<Arc<Book>, StoreError> {
        self.held.read(self.reading()).await
    }

    /// Whether there was a token, as far as was read; whoever made one has closed the service for good.
    pub(super) fn had_any(&self) -> bool {
        self.held.known().is_some_and(|book| book.any)
    }

    fn reading(&self) -> impl Future<Output = Result<Book, StoreError>> + Send + use<> {
        let (store, held) = (self.store.clone(), Arc::clone(&self.held));
        async move {
            let tokens = store.tokens(false).await?;
            let any = !tokens.is_empty() || held.known().is_some_and(|b| b.any) || store.has_tokens().await?;
            let tokens = tokens.into_iter().map(|t| (t.id.clone(), t)).collect();
            Ok(Book { tokens, any })
        }
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
