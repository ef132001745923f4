//! The config of an HTTP backend.

use std::str::FromStr;

use super::{Kind, KindFacts};
use crate::fields::{Constant, Declared, Draft, Reader, Shape, TextField, config};
use crate::invalid::Rule;
use crate::net::BaseUrl;
use crate::secret::Secret;
use crate::string_enum::string_enum;
use crate::text::text;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;

string_enum! {
    /// How the client proves its identity.
    HttpAuthMethod {
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

text!(Username, "Returns the name.");

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

impl TextField for Username {
    const SHAPE: Shape = Shape::text("NAME", Self::MAX_BYTES);
}

/// One or more certificates in PEM (RFC 7468) that are trusted besides the system's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaBundle(String);

text!(CaBundle, "Returns the PEM text.");

impl CaBundle {
    /// The longest bundle, in bytes.
    pub const MAX_BYTES: usize = 32 * 1024;

    /// Returns the certificates.
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

impl TextField for CaBundle {
    const SHAPE: Shape = Shape::Document { max: Self::MAX_BYTES };
}

config! {
    /// The config of an HTTP backend.
    HttpConfig, HttpDraft {
        base_url: BaseUrl, "The directory's URL, http or https, without user info, query and fragment";
        auth_method: HttpAuthMethod = Constant::Text(HttpAuthMethod::None.as_str()),
            "How the client proves its identity";
        username: Option<Username>, "The user name of Basic authentication, without a colon";
        password: Option<Secret>, "The password of Basic authentication, or the Bearer token";
        ca_pem: Option<CaBundle>, "Certificates that are trusted besides the system's, in PEM";
        tls_verify: bool = Constant::Flag(true), "Whether the server's certificate is verified";
    }
}

impl Kind for HttpConfig {
    const FACTS: KindFacts = KindFacts {
        title: "Http",
        noun: "a web server's directory",
        fields: Self::FIELDS,
        example: r#"{"base_url": "https://images.example/boot"}"#,
        is_mounted: false,
        has_files: true,
    };

    fn destination(&self) -> String {
        self.base_url.origin()
    }
}

impl Draft for HttpDraft {
    /// Refuses a Bearer token that a header can't carry (RFC 6750, section 2.1).
    fn check(&self, reader: &mut Reader<'_>) {
        let token = self.password.as_ref().and_then(Option::as_ref);
        let is_token = token.is_none_or(|token| token.expose().bytes().all(|b| b.is_ascii_graphic()));
        if self.auth_method == Some(HttpAuthMethod::Bearer) && !is_token {
            let rule = Rule::new("must be a token of visible ASCII characters if auth_method is bearer");
            reader.refuse("password", &rule);
        }
    }
}
