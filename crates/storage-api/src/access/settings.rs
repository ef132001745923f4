//! The settings of access.

use storage_domain::net::Network;

use crate::auth::jwt::JwtSettings;
use crate::limits::LimitSettings;

/// Whether a service requires credentials.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Auth {
    /// Always.
    Required,
    /// Once there is a token in the database, or JSON Web Tokens are configured: for a service on loopback.
    WhereThereAreTokens,
    /// Never.
    Off,
}

/// The settings of access.
#[derive(Debug, Clone)]
pub struct AccessSettings {
    /// Whether credentials are required.
    pub auth: Auth,
    /// JSON Web Tokens, if they are accepted.
    pub jwt: Option<JwtSettings>,
    /// Origins whose pages may use the service.
    pub cors_origins: Vec<String>,
    /// Proxies whose `Forwarded` or `X-Forwarded-For` names the client.
    pub trusted_proxies: Vec<Network>,
    /// How much one client may ask for.
    pub limits: LimitSettings,
    /// How long audit records are kept; `None`: as long as the database.
    pub audit_retention: Option<time::Duration>,
}

impl AccessSettings {
    /// Returns settings with this requirement and defaults for everything else.
    pub fn new(auth: Auth) -> Self {
        Self {
            auth,
            jwt: None,
            cors_origins: Vec::new(),
            trusted_proxies: Vec::new(),
            limits: LimitSettings::default(),
            audit_retention: None,
        }
    }
}
