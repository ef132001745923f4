//! The client of a request.

use std::fmt;

use time::OffsetDateTime;

use super::{Role, TokenId};

/// How a client proved its identity.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum How {
    /// By an access token of this service.
    Token(TokenId),
    /// By a JSON Web Token (RFC 7519) of another issuer.
    Jwt,
    /// Not at all: the service requires no token.
    Open,
    /// On the command line, as a user of the machine.
    Cli,
}

impl How {
    /// Returns its stable string.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Token(_) => "token",
            Self::Jwt => "jwt",
            Self::Open => "open",
            Self::Cli => "cli",
        }
    }
}

/// The client of a request, and its role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    /// A token's name, the subject of a JSON Web Token, or [`Actor::LOCAL`].
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// How it proved its identity.
    pub how: How,
    /// End of the credentials, if they have one.
    pub until: Option<OffsetDateTime>,
}

impl Actor {
    /// The name of a client that needs no token.
    pub const LOCAL: &'static str = "local";
    /// The longest name, in characters; a longer subject of a JSON Web Token is refused.
    pub const MAX_NAME_CHARS: usize = 255;

    /// Returns the client of a service that requires no token: it may do everything.
    pub fn open() -> Self {
        Self {
            name: Self::LOCAL.to_owned(),
            role: Role::Admin,
            how: How::Open,
            until: None,
        }
    }
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}, {})", self.name, self.role, self.how.as_str())
    }
}
