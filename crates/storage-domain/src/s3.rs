//! The config of an S3 backend.

use std::fmt;
use std::net::Ipv4Addr;
use std::str::FromStr;

use serde::ser::SerializeMap;

use crate::fields::{Fields, Members};
use crate::http::CaBundle;
use crate::invalid::Rule;
use crate::net::BaseUrl;
use crate::secret::Secret;
use crate::text::text;
use crate::words::words;

mod account;
mod prefix;

pub use account::S3Account;
pub use prefix::KeyPrefix;

words! {
    /// Where a request names its bucket.
    Addressing, "must be one of auto, path, virtual" {
        /// In the path where the endpoint is an IP address or has a port, or the bucket's name has a dot; else in
        /// the host name, as long as that name is there.
        Auto = "auto",
        /// In the path: `https://endpoint/bucket`.
        Path = "path",
        /// In the host name: `https://bucket.endpoint`.
        Virtual = "virtual",
    }
}

/// Where the S3 service answers: a URL, or a bare host (then https).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    text: String,
    url: BaseUrl,
}

impl Endpoint {
    /// The service's URL.
    pub fn url(&self) -> &BaseUrl {
        &self.url
    }
}

impl FromStr for Endpoint {
    type Err = Rule;

    fn from_str(text: &str) -> Result<Self, Rule> {
        let bare = !text.contains("://");
        let url = if bare {
            format!("https://{text}").parse()
        } else {
            text.parse()
        }?;
        Ok(Self {
            text: text.to_owned(),
            url,
        })
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// A bucket's name, after the naming rules of general purpose buckets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BucketName(String);

text!(BucketName, "The name.");

impl BucketName {
    /// The shortest name, in characters.
    pub const MIN_CHARS: usize = 3;
    /// The longest name, in characters.
    pub const MAX_CHARS: usize = 63;
    const RESERVED_PREFIXES: [&str; 3] = ["xn--", "sthree-", "amzn-s3-demo-"];
    const RESERVED_SUFFIXES: [&str; 5] = ["-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3"];
}

impl FromStr for BucketName {
    type Err = Rule;

    fn from_str(text: &str) -> Result<Self, Rule> {
        if !(Self::MIN_CHARS..=Self::MAX_CHARS).contains(&text.len()) {
            return Err(Rule::new(format!(
                "must be {} to {} characters long",
                Self::MIN_CHARS,
                Self::MAX_CHARS
            )));
        }
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
        if !text.bytes().all(|b| plain(b) || b == b'.' || b == b'-') {
            return Err(Rule::new(
                "must consist of lower-case letters, digits, dots and hyphens",
            ));
        }
        if !text.bytes().next().is_some_and(plain) || !text.bytes().last().is_some_and(plain) {
            return Err(Rule::new("must begin and end with a letter or a digit"));
        }
        if text.contains("..") || text.parse::<Ipv4Addr>().is_ok() {
            return Err(Rule::new(
                "must not have two dots in a row or look like an IP address",
            ));
        }
        let reserved = Self::RESERVED_PREFIXES.iter().find(|p| text.starts_with(**p));
        let reserved = reserved.or_else(|| Self::RESERVED_SUFFIXES.iter().find(|s| text.ends_with(**s)));
        match reserved {
            Some(part) => Err(Rule::new(format!(
                "must not begin or end with {part}, which is reserved"
            ))),
            None => Ok(Self(text.to_owned())),
        }
    }
}

/// A region's name or an access key's id: visible ASCII, 1 to [`Token::MAX_CHARS`] characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token(String);

text!(Token, "The token.");

impl Token {
    /// The longest token, in characters.
    pub const MAX_CHARS: usize = 128;
}

impl FromStr for Token {
    type Err = Rule;

    fn from_str(text: &str) -> Result<Self, Rule> {
        if text.is_empty() || text.len() > Self::MAX_CHARS || !text.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(Rule::new(format!(
                "must be 1 to {} visible ASCII characters",
                Self::MAX_CHARS
            )));
        }
        Ok(Self(text.to_owned()))
    }
}

/// The settings of an S3 backend.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct S3Config {
    /// Where the service answers.
    pub endpoint: Endpoint,
    /// The bucket.
    pub bucket: BucketName,
    /// The region that requests are signed for.
    pub region: Option<Token>,
    /// The access key's id.
    pub access_key_id: Token,
    /// The secret that requests are signed with.
    pub secret_access_key: Option<Secret>,
    /// Whether clients read through a content delivery network.
    pub cdn_enabled: bool,
    /// The content delivery network's URL.
    pub cdn_url: Option<BaseUrl>,
    /// Where requests name the bucket.
    pub addressing: Addressing,
    /// What the keys of all objects of this backend begin with.
    pub prefix: Option<KeyPrefix>,
    /// Certificates that are trusted beside the system's.
    pub ca_pem: Option<CaBundle>,
    /// Whether the server's certificate is verified.
    pub tls_verify: bool,
}

impl S3Config {
    pub(crate) fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let endpoint = fields.required("endpoint");
        let bucket = fields.required("bucket");
        let region = fields.optional("region");
        let access_key_id = fields.required("access_key_id");
        let secret_access_key = fields.secret("secret_access_key");
        let cdn_enabled = fields.flag("cdn_enabled", false);
        let cdn_url = fields.optional("cdn_url");
        if cdn_enabled && fields.is_blank("cdn_url") {
            fields.broken("cdn_url", &Rule::new("is required where cdn_enabled is true"));
        }
        let addressing = fields.optional("addressing").unwrap_or(Addressing::Auto);
        let prefix = fields.optional("prefix");
        let ca_pem = fields.optional("ca_pem");
        let tls_verify = fields.flag("tls_verify", true);
        Some(Self {
            endpoint: endpoint?,
            bucket: bucket?,
            region,
            access_key_id: access_key_id?,
            secret_access_key,
            cdn_enabled,
            cdn_url,
            addressing,
            prefix,
            ca_pem,
            tls_verify,
        })
    }

    pub(crate) fn write<M: SerializeMap>(&self, members: Members<M>) -> Result<M::Ok, M::Error> {
        members
            .put_text("access_key_id", &self.access_key_id)
            .put("addressing", self.addressing.as_str())
            .put_text("bucket", &self.bucket)
            .put_optional("ca_pem", self.ca_pem.as_ref())
            .put("cdn_enabled", self.cdn_enabled)
            .put_optional("cdn_url", self.cdn_url.as_ref())
            .put_text("endpoint", &self.endpoint)
            .put_optional("prefix", self.prefix.as_ref())
            .put_optional("region", self.region.as_ref())
            .put_secret("secret_access_key", self.secret_access_key.as_ref())
            .put("tls_verify", self.tls_verify)
            .finish()
    }
}
