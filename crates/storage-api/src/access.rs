//! Who is let in: tokens, JSON Web Tokens, roles, and the service that asks nobody.

mod bearer;
mod book;
mod jwt;
mod need;
mod site;

use std::fmt;
use std::time::Duration;

use actix_web::HttpRequest;
use storage_domain::access::{Actor, How, Token, TokenState};
use storage_persistence::{Store, StoreError};
use time::OffsetDateTime;
use tokio::runtime::Handle;

use self::bearer::Credentials;
use self::book::{Book, TokenBook};
use self::jwt::Jwt;
pub use self::jwt::{JwtSettings, KeyFileError};
pub(crate) use self::need::{Need, Needs};
use crate::app::AppError;
use crate::error::ApiError;

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
}

/// Who is let in.
pub struct Access {
    auth: Auth,
    jwt: Option<Jwt>,
    /// `None` where nobody is ever asked.
    book: Option<TokenBook>,
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
        }
    }

    /// Asks as the settings say, with the tokens of this store. Background work runs on `runtime`.
    ///
    /// # Errors
    /// The keys of JSON Web Tokens can't be used.
    pub fn new(store: Store, settings: AccessSettings, runtime: Handle) -> Result<Self, KeyFileError> {
        let AccessSettings { auth, jwt } = settings;
        let book = (auth != Auth::Off).then(|| TokenBook::new(store, runtime));
        let auth = match auth {
            Auth::WhereThereAreTokens if jwt.is_some() => Auth::Required,
            other => other,
        };
        let jwt = jwt.map(Jwt::new).transpose()?;
        Ok(Self { auth, jwt, book })
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
        let now = book.current().await;
        if self.auth == Auth::WhereThereAreTokens && !now.as_ref().is_ok_and(|b| b.any) {
            now.map_err(unavailable)?;
            site::check(request)?;
            return Ok(Some(Actor::open()));
        }
        let actor = match Credentials::of(request)? {
            Credentials::Token(token) => self.by_token(book, now, &token).await?,
            Credentials::Other(text) => match &self.jwt {
                Some(jwt) => jwt.verify(text, OffsetDateTime::now_utc())?,
                None => return Err(bearer::invalid()),
            },
        };
        if actor.role.may(needed) {
            Ok(Some(actor))
        } else {
            Err(bearer::forbidden(&actor, needed))
        }
    }

    async fn by_token(
        &self,
        book: &TokenBook,
        mut now: Result<std::sync::Arc<Book>, StoreError>,
        token: &Token,
    ) -> Result<Actor, ApiError> {
        if now.as_ref().is_ok_and(|b| !b.tokens.contains_key(token.id())) {
            // It may have been made just now.
            now = book.anew().await;
        }
        let now = now.map_err(unavailable)?;
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
}

fn unavailable(error: StoreError) -> ApiError {
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
