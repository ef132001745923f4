//! Who is let in: tokens, JSON Web Tokens, roles, and the service that asks nobody.

mod bearer;
mod book;
mod cors;
mod jwt;
mod limits;
mod need;
mod site;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use actix_web::{HttpMessage as _, HttpRequest};
use storage_domain::Role;
use storage_domain::access::{Actor, How, Token, TokenState};
use storage_persistence::{Store, StoreError};
use time::OffsetDateTime;
use tokio::runtime::Handle;

use self::bearer::Credentials;
use self::book::TokenBook;
use self::cors::Cors;
use self::jwt::Jwt;
pub use self::jwt::{JwtSettings, KeyFileError};
pub use self::limits::LimitSettings;
use self::limits::Limits;
pub(crate) use self::limits::{Client, Turn};
pub(crate) use self::need::{Need, Needs};
use crate::error::ApiError;
use crate::service::AppError;
use crate::trail::Trail;

/// Whether a service asks who it is talking to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Auth {
    /// Always.
    Required,
    /// Once there is a token in the database, or JSON Web Tokens are configured: for a service on loopback.
    WhereThereAreTokens,
    /// Never.
    Off,
}

/// How a service decides who is let in.
#[derive(Debug, Clone)]
pub struct AccessSettings {
    /// Whether it asks.
    pub auth: Auth,
    /// JSON Web Tokens, where they are accepted.
    pub jwt: Option<JwtSettings>,
    /// The origins whose pages may use the service.
    pub cors_origins: Vec<String>,
    /// How much one client may ask for.
    pub limits: LimitSettings,
    /// How long the audit trail is kept; `None` is for ever.
    pub audit_retention: Option<time::Duration>,
}

impl AccessSettings {
    /// Settings that ask like this, with everything else as it is by default.
    pub fn new(auth: Auth) -> Self {
        Self {
            auth,
            jwt: None,
            cors_origins: Vec::new(),
            limits: LimitSettings::default(),
            audit_retention: None,
        }
    }
}

/// Who is let in.
pub struct Access {
    auth: Auth,
    jwt: Option<Jwt>,
    /// `None` where nobody is ever asked.
    book: Option<TokenBook>,
    limits: Limits,
    pub(crate) cors: Cors,
    /// `None` where nothing is recorded.
    pub(crate) trail: Option<Trail>,
}

/// What the tokens of a service that starts look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Found {
    /// Whether there is, or was, a token.
    pub any: bool,
    /// Whether one of them is of use now.
    pub valid: bool,
}

impl Access {
    /// How long after its revocation a token may still be let in, and how long the table of tokens is believed.
    pub const MAX_DELAY: Duration = book::BELIEVED;

    /// Asks nobody.
    pub fn off() -> Self {
        Self {
            auth: Auth::Off,
            jwt: None,
            book: None,
            limits: Limits::new(&LimitSettings::default()),
            cors: Cors::default(),
            trail: None,
        }
    }

    /// Asks as the settings say, with the tokens of this store. Background work runs on `runtime`.
    ///
    /// # Errors
    /// The keys of JSON Web Tokens can't be used.
    pub fn new(store: Store, settings: AccessSettings, runtime: Handle) -> Result<Self, KeyFileError> {
        let AccessSettings { auth, jwt, .. } = settings;
        let trail = Trail::new(store.clone(), settings.audit_retention, &runtime);
        let book = (auth != Auth::Off).then(|| TokenBook::new(store, runtime.clone()));
        let auth = match auth {
            Auth::WhereThereAreTokens if jwt.is_some() => Auth::Required,
            other => other,
        };
        let jwt = jwt.map(|settings| Jwt::new(settings, runtime)).transpose()?;
        Ok(Self {
            auth,
            jwt,
            book,
            limits: Limits::new(&settings.limits),
            cors: Cors::new(settings.cors_origins),
            trail: Some(trail),
        })
    }

    /// Waits until the audit trail is written, at most so long: for the end of the service.
    pub async fn flush(&self, within: Duration) {
        if let Some(trail) = &self.trail {
            trail.flush(within).await;
        }
    }

    /// Reads the tokens before the first request comes.
    ///
    /// # Errors
    /// The store's.
    pub async fn prepare(&self) -> Result<Found, StoreError> {
        let Some(book) = &self.book else {
            return Ok(Found {
                any: false,
                valid: false,
            });
        };
        let book = book.read().await?;
        let now = OffsetDateTime::now_utc();
        Ok(Found {
            any: book.any,
            valid: book.tokens.values().any(|t| t.state(now) == TokenState::Valid),
        })
    }

    /// Who sends this request, where they may do what needs `need`; `None` where nobody has to be asked.
    pub(crate) async fn admit(&self, request: &HttpRequest, need: Need) -> Result<Option<Actor>, ApiError> {
        let Need::Role(needed) = need else {
            return Ok(None);
        };
        let Some(book) = &self.book else {
            return Ok(Some(Actor::open()));
        };
        if !self.asks(book).await? {
            site::check(request, &self.cors)?;
            return Ok(Some(Actor::open()));
        }
        let actor = self.by_credentials(book, request).await?;
        if actor.role.may(needed) {
            return Ok(Some(actor));
        }
        let refusal = bearer::forbidden(&actor, needed);
        request.extensions_mut().insert(actor);
        Err(refusal)
    }

    /// Counts what a client asks for; a test or a discovery is under way as long as the turn lives.
    pub(crate) fn count(
        &self,
        actor: &Actor,
        request: &HttpRequest,
        need: Need,
    ) -> Result<Option<Turn>, ApiError> {
        self.limits.request(actor, request)?;
        if need == Need::Role(Role::Operator) {
            self.limits.turn(actor, request)
        } else {
            Ok(None)
        }
    }

    /// How many clients have a test or a discovery under way.
    #[cfg(test)]
    pub(crate) fn clients_at_work(&self) -> usize {
        self.limits.clients_at_work()
    }

    /// Whether credentials are asked for. Where that is known, nobody waits for the database to be told to send some.
    async fn asks(&self, book: &TokenBook) -> Result<bool, ApiError> {
        if self.auth != Auth::WhereThereAreTokens || book.had_any() {
            return Ok(true);
        }
        Ok(book.current().await.map_err(unavailable)?.any)
    }

    async fn by_credentials(&self, book: &TokenBook, request: &HttpRequest) -> Result<Actor, ApiError> {
        let known = match &Credentials::of(request)? {
            Credentials::Token(token) => by_token(book, token).await,
            Credentials::Other(text) => match &self.jwt {
                Some(jwt) => jwt
                    .verify(text, OffsetDateTime::now_utc())
                    .await
                    .map_err(ApiError::from),
                None => Err(bearer::invalid()),
            },
        };
        // What is good is never refused for what others sent from the same address.
        if let Err(error) = &known
            && error.0.code.status() == 401
        {
            self.limits.failed(request)?;
        }
        known
    }
}

async fn by_token(book: &TokenBook, token: &Token) -> Result<Actor, ApiError> {
    let mut now = book.current().await.map_err(unavailable)?;
    if !now.tokens.contains_key(token.id()) {
        // It may have been made just now.
        now = book.anew().await.map_err(unavailable)?;
    }
    let known = now.tokens.get(token.id());
    let Some(known) = known.filter(|known| known.hash.matches(&token.hash())) else {
        return Err(bearer::invalid());
    };
    let at = OffsetDateTime::now_utc();
    match known.state(at) {
        TokenState::Valid => {}
        TokenState::Expired => return Err(bearer::expired()),
        TokenState::Revoked => return Err(bearer::invalid()),
    }
    book.used(known, at);
    Ok(Actor {
        name: known.name.to_string(),
        role: known.role,
        how: How::Token(known.id.clone()),
    })
}

fn unavailable(error: Arc<StoreError>) -> ApiError {
    AppError::from(error).into()
}

impl fmt::Debug for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Access")
            .field("auth", &self.auth)
            .field("jwt", &self.jwt)
            .finish_non_exhaustive()
    }
}
