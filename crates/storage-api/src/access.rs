//! Access: which clients are admitted, and what each of them is allowed.

mod settings;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use actix_web::HttpRequest;
use storage_domain::Role;
use storage_domain::access::{AccessToken, Actor, How, Token, TokenState};
use storage_domain::net::Network;
use storage_persistence::{Store, StoreError};
use time::OffsetDateTime;
use tokio::runtime::Handle;

use crate::audit::AuditLog;
use crate::auth::bearer::{self, Credentials};
use crate::auth::cors::Cors;
use crate::auth::csrf;
use crate::auth::jwt::Jwt;
pub use crate::auth::jwt::{JwtSettings, KeyFileError};
use crate::auth::link::{self, Link, Maker};
use crate::auth::token_cache::{MAX_AGE, TokenCache};
use crate::error::ApiError;
pub use crate::limits::LimitSettings;
use crate::limits::{Limits, Source};
use crate::problem::Code;
use crate::service::AppError;
use crate::watched::Reload;
pub use settings::{AccessSettings, Auth};

/// Admits clients.
pub struct Access {
    auth: Auth,
    jwt: Option<Jwt>,
    /// `None` if credentials are never required.
    tokens: Option<TokenCache>,
    trusted_proxies: Vec<Network>,
    pub(crate) limits: Limits,
    pub(crate) cors: Cors,
    /// `None` if nothing is recorded.
    pub(crate) audit: Option<AuditLog>,
}

/// The tokens that a service finds when it starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Found {
    /// Whether there is, or was, a token.
    pub any: bool,
    /// Whether one of them is valid now.
    pub valid: bool,
}

impl Access {
    /// Longest time after its revocation in which a token is still accepted, if the database answers.
    pub const MAX_DELAY: Duration = MAX_AGE;

    /// Requires nothing, and records nothing.
    pub fn off() -> Self {
        Self {
            auth: Auth::Off,
            jwt: None,
            tokens: None,
            trusted_proxies: Vec::new(),
            limits: Limits::new(&LimitSettings::default()),
            cors: Cors::default(),
            audit: None,
        }
    }

    /// Puts access together, over the tokens of this store. Background work runs on `runtime`.
    ///
    /// # Errors
    /// The keys of JSON Web Tokens can't be used.
    pub fn new(store: Store, settings: AccessSettings, runtime: Handle) -> Result<Self, KeyFileError> {
        let AccessSettings { auth, jwt, .. } = settings;
        let auth = match auth {
            Auth::WhereThereAreTokens if jwt.is_some() => Auth::Required,
            other => other,
        };
        let audit = AuditLog::new(store.clone(), settings.audit_retention, &runtime);
        Ok(Self {
            auth,
            jwt: jwt.map(Jwt::new).transpose()?,
            tokens: (auth != Auth::Off).then(|| TokenCache::new(store, runtime)),
            trusted_proxies: settings.trusted_proxies,
            limits: Limits::new(&settings.limits),
            cors: Cors::new(settings.cors_origins),
            audit: Some(audit),
        })
    }

    /// Returns the key files, for [`crate::watched::watch`] to read again when they change.
    pub fn key_files(&self) -> Option<Arc<dyn Reload>> {
        self.jwt.as_ref().map(Jwt::key_files)
    }

    /// Waits until the audit log is written, at most `within`: for the end of the service.
    pub async fn flush(&self, within: Duration) {
        if let Some(audit) = &self.audit {
            audit.flush(within).await;
        }
    }

    /// Reads the tokens before the first request.
    ///
    /// # Errors
    /// The store's.
    pub async fn prepare(&self) -> Result<Found, StoreError> {
        let Some(tokens) = &self.tokens else {
            return Ok(Found {
                any: false,
                valid: false,
            });
        };
        let tokens = tokens.load().await?;
        let now = OffsetDateTime::now_utc();
        Ok(Found {
            any: tokens.any,
            valid: tokens.by_id.values().any(|t| t.state(now) == TokenState::Valid),
        })
    }

    /// Returns where a request comes from.
    pub(crate) fn source(&self, request: &HttpRequest) -> Source {
        Source::of(request, &self.trusted_proxies)
    }

    /// Identifies the client of a request by a link, if there is one. A client that is not known is counted by its
    /// address, whatever the reason.
    ///
    /// # Errors
    /// 401, 403, 429, and 503 if the tokens can't be read.
    pub(crate) async fn identify(
        &self,
        request: &HttpRequest,
        link: Option<Result<Link, ApiError>>,
        source: &Source,
    ) -> Result<Actor, ApiError> {
        if let Some(link) = link {
            let actor = async { self.by_link(link?).await }.await;
            return self.counted(actor, source);
        }
        let Some(tokens) = &self.tokens else {
            return Ok(Actor::open());
        };
        if self.is_open(tokens).await? {
            csrf::check(request, &self.cors)?;
            return Ok(Actor::open());
        }
        let actor = self.by_credentials(tokens, request).await;
        self.counted(actor, source)
    }

    /// Counts a client that is not known.
    fn counted(&self, actor: Result<Actor, ApiError>, source: &Source) -> Result<Actor, ApiError> {
        // A good token is never refused for what others sent from the same address.
        if let Err(error) = &actor {
            if matches!(error.0.code, Code::InvalidToken | Code::TokenExpired) {
                self.limits.invalid_token(source)?;
            }
            self.limits.stranger(source)?;
        }
        actor
    }

    /// Counts a request of a known client, for `counted` or its address, and checks its role.
    ///
    /// # Errors
    /// 429 and 403.
    pub(crate) fn authorize(
        &self,
        actor: &Actor,
        counted: Option<&Actor>,
        source: &Source,
        needed: Role,
    ) -> Result<(), ApiError> {
        self.limits.known(counted, source)?;
        if actor.role.may(needed) {
            Ok(())
        } else {
            Err(bearer::forbidden(actor, needed))
        }
    }

    /// Returns whether an answer that anybody can cause gets a line in the log.
    pub(crate) fn may_log_stranger(&self) -> bool {
        self.limits.log_line()
    }

    /// Returns how many clients have a test or a discovery under way.
    #[cfg(test)]
    pub(crate) fn clients_at_work(&self) -> usize {
        self.limits.clients_at_work()
    }

    /// Returns whether the service is open to everybody on this machine, which the first token ends at once.
    async fn is_open(&self, tokens: &TokenCache) -> Result<bool, ApiError> {
        if self.auth != Auth::WhereThereAreTokens {
            return Ok(false);
        }
        let any = tokens.any().await;
        Ok(!any.map_err(unavailable)?)
    }

    /// Returns the maker of a link, if it may still use the service.
    ///
    /// # Errors
    /// 401, and 503 if the tokens can't be read.
    pub(crate) async fn by_link(&self, link: Link) -> Result<Actor, ApiError> {
        let Some(tokens) = &self.tokens else {
            return Ok(Actor::open());
        };
        match link.maker {
            Maker::Token(id) => {
                let known = tokens.find(&id).await.map_err(unavailable)?;
                admit(tokens, &known.ok_or_else(link::invalid)?).map_err(|_| link::invalid())
            }
            Maker::Jwt(name) if self.jwt.is_some() => Ok(Actor {
                name,
                role: Role::Operator,
                how: How::Jwt,
                until: None,
            }),
            Maker::Open if self.is_open(tokens).await? => Ok(Actor::open()),
            Maker::Jwt(_) | Maker::Open => Err(link::invalid()),
        }
    }

    async fn by_credentials(&self, tokens: &TokenCache, request: &HttpRequest) -> Result<Actor, ApiError> {
        match &Credentials::of(request)? {
            Credentials::Token(token) => by_token(tokens, token).await,
            Credentials::Other(text) => match &self.jwt {
                Some(jwt) => Ok(jwt.verify(text, OffsetDateTime::now_utc())?),
                None => Err(bearer::invalid()),
            },
        }
    }
}

async fn by_token(tokens: &TokenCache, token: &Token) -> Result<Actor, ApiError> {
    let known = tokens.find(token.id()).await.map_err(unavailable)?;
    let Some(known) = known.filter(|known| known.hash.matches(&token.hash())) else {
        return Err(bearer::invalid());
    };
    admit(tokens, &known)
}

fn admit(tokens: &TokenCache, known: &AccessToken) -> Result<Actor, ApiError> {
    let at = OffsetDateTime::now_utc();
    match known.state(at) {
        TokenState::Valid => {}
        TokenState::Expired => return Err(bearer::expired()),
        TokenState::Revoked => return Err(bearer::invalid()),
    }
    tokens.used(known, at);
    Ok(Actor {
        name: known.name.to_string(),
        role: known.role,
        how: How::Token(known.id.clone()),
        until: known.expires_at,
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
