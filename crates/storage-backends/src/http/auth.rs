//! What a request proves its sender with.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper::header::HeaderValue;
use storage_domain::HttpConfig;
use storage_domain::http::HttpAuthMethod;
use zeroize::Zeroizing;

use crate::web::Authorization;

/// The `Authorization` header of a config, where it has one.
#[derive(Clone)]
pub(crate) enum Credentials {
    /// The config asks for none.
    None,
    /// The config names a method and lacks what the method needs; the text says what.
    Missing(&'static str),
    /// The header's value, marked as sensitive.
    Header(HttpAuthMethod, HeaderValue),
}

impl Credentials {
    /// Reads the credentials of a config.
    pub(crate) fn of(config: &HttpConfig) -> Self {
        match config.auth_method {
            HttpAuthMethod::None => Self::None,
            HttpAuthMethod::Basic => basic(config),
            HttpAuthMethod::Bearer => match &config.password {
                Some(token) => header(
                    HttpAuthMethod::Bearer,
                    &Zeroizing::new(format!("Bearer {}", token.expose())),
                ),
                None => {
                    Self::Missing("auth_method is bearer and there is no token: put the token into password")
                }
            },
        }
    }

    /// Whether there is something to send.
    pub(crate) fn are_sent(&self) -> bool {
        matches!(self, Self::Header(..))
    }

    /// Returns what is sent to the directory's origin, if there is something to send.
    pub(crate) fn authorization(&self, origin: url::Origin) -> Option<Authorization> {
        match self {
            Self::Header(_, value) => Some(Authorization {
                origin,
                value: value.clone(),
            }),
            Self::None | Self::Missing(_) => None,
        }
    }

    /// Returns the scheme in which they are sent, in lower case.
    pub(crate) fn scheme(&self) -> Option<&'static str> {
        match self {
            Self::Header(HttpAuthMethod::Bearer, _) => Some("bearer"),
            Self::Header(..) => Some("basic"),
            Self::None | Self::Missing(_) => None,
        }
    }

    /// What the credentials are, for people.
    pub(crate) fn describe(&self) -> &'static str {
        match self {
            Self::Header(HttpAuthMethod::Bearer, _) => "the token",
            _ => "the user name and password",
        }
    }
}

/// User name and password in UTF-8, joined by a colon (RFC 7617, section 2).
fn basic(config: &HttpConfig) -> Credentials {
    let Some(username) = &config.username else {
        return Credentials::Missing(
            "auth_method is basic and there is no user name: set username and password",
        );
    };
    let Some(password) = &config.password else {
        return Credentials::Missing("auth_method is basic and there is no password: set password");
    };
    let joined = Zeroizing::new(format!("{}:{}", username.as_str(), password.expose()));
    let encoded = Zeroizing::new(STANDARD.encode(joined.as_bytes()));
    header(
        HttpAuthMethod::Basic,
        &Zeroizing::new(format!("Basic {}", *encoded)),
    )
}

fn header(method: HttpAuthMethod, text: &str) -> Credentials {
    match HeaderValue::from_str(text) {
        Ok(mut value) => {
            value.set_sensitive(true);
            Credentials::Header(method, value)
        }
        Err(_) => {
            Credentials::Missing("the credentials hold characters that HTTP can't carry: set password again")
        }
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "Credentials::None",
            Self::Missing(_) => "Credentials::Missing",
            Self::Header(..) => "Credentials::Header([redacted])",
        })
    }
}
