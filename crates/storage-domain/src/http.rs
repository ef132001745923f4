//! The config of an HTTP backend.

use std::str::FromStr;

use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use serde::ser::SerializeMap;

use crate::fields::{Fields, Members};
use crate::invalid::Rule;
use crate::net::BaseUrl;
use crate::secret::Secret;
use crate::text::text;
use crate::words::words;

words! {
    /// How the client proves who it is.
    HttpAuthMethod, "must be one of none, basic, bearer" {
        /// Not at all.
        None = "none",
        /// User name and password (RFC 7617).
        Basic = "basic",
        /// A token (RFC 6750).
        Bearer = "bearer",
    }
}

/// The user name of Basic authentication: no colon, no control characters (RFC 7617, section 2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Username(String);

text!(Username, "The name.");

impl Username {
    /// The longest name, in bytes.
    pub const MAX_BYTES: usize = 255;
}

impl FromStr for Username {
    type Err = Rule;

    fn from_str(text: &str) -> Result<Self, Rule> {
        Rule::at_most_bytes(text, Self::MAX_BYTES)?;
        if text.contains(':') || text.chars().any(char::is_control) {
            return Err(Rule::new("must not contain a colon or control characters"));
        }
        Ok(Self(text.to_owned()))
    }
}

/// One or more certificates in PEM (RFC 7468) that are trusted beside the system's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaBundle(String);

text!(CaBundle, "The PEM text.");

impl CaBundle {
    /// The longest bundle, in bytes.
    pub const MAX_BYTES: usize = 32 * 1024;

    /// The certificates.
    pub fn certificates(&self) -> Vec<CertificateDer<'static>> {
        CertificateDer::pem_slice_iter(self.0.as_bytes())
            .filter_map(Result::ok)
            .collect()
    }
}

impl FromStr for CaBundle {
    type Err = Rule;

    fn from_str(text: &str) -> Result<Self, Rule> {
        Rule::at_most_bytes(text, Self::MAX_BYTES)?;
        if text.contains("PRIVATE KEY-----") {
            return Err(Rule::new(
                "must hold certificates only; a private key does not belong here",
            ));
        }
        let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(text.as_bytes()).collect();
        match found {
            Ok(found) if !found.is_empty() => Ok(Self(text.to_owned())),
            _ => Err(Rule::new(
                "must be one or more PEM certificates (-----BEGIN CERTIFICATE-----)",
            )),
        }
    }
}

/// The settings of an HTTP backend.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpConfig {
    /// The directory that clients read from.
    pub base_url: BaseUrl,
    /// How the client proves who it is.
    pub auth_method: HttpAuthMethod,
    /// The user name of Basic authentication.
    pub username: Option<Username>,
    /// The password of Basic authentication, or the Bearer token.
    pub password: Option<Secret>,
    /// Certificates that are trusted beside the system's.
    pub ca_pem: Option<CaBundle>,
    /// Whether the server's certificate is verified.
    pub tls_verify: bool,
}

impl HttpConfig {
    pub(crate) fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let base_url = fields.required("base_url");
        let auth_method = fields.optional("auth_method").unwrap_or(HttpAuthMethod::None);
        let username = fields.optional("username");
        let password = fields.secret("password");
        let ca_pem = fields.optional("ca_pem");
        let tls_verify = fields.flag("tls_verify", true);
        let sendable = |s: &Secret| s.expose().bytes().all(|b| b.is_ascii_graphic());
        if auth_method == HttpAuthMethod::Bearer && !password.as_ref().is_none_or(sendable) {
            fields.broken(
                "password",
                &Rule::new("must be a token of visible ASCII characters where auth_method is bearer"),
            );
        }
        Some(Self {
            base_url: base_url?,
            auth_method,
            username,
            password,
            ca_pem,
            tls_verify,
        })
    }

    pub(crate) fn write<M: SerializeMap>(&self, members: Members<M>) -> Result<M::Ok, M::Error> {
        members
            .put("auth_method", self.auth_method.as_str())
            .put_text("base_url", &self.base_url)
            .put_optional("ca_pem", self.ca_pem.as_ref())
            .put_secret("password", self.password.as_ref())
            .put("tls_verify", self.tls_verify)
            .put_optional("username", self.username.as_ref())
            .finish()
    }
}
