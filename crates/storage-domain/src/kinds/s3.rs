//! The config of an S3 backend.

use std::fmt;
use std::str::FromStr;

use super::http::CaBundle;
use super::{Kind, KindFacts};
use crate::fields::{Constant, Declared, Draft, Reader, Shape, TextField, config};
use crate::invalid::Rule;
use crate::net::BaseUrl;
use crate::secret::Secret;
use crate::string_enum::string_enum;
use crate::text::text;

mod account;
mod prefix;

pub use account::S3Account;
pub use prefix::KeyPrefix;

string_enum! {
    /// Where a request names its bucket.
    Addressing {
        /// In the path if the endpoint is an IP address or has a port, or the bucket's name has a dot; otherwise in
        /// the host name, if that name resolves.
        Auto = "auto",
        /// In the path: `https://endpoint/bucket`.
        Path = "path",
        /// In the host name: `https://bucket.endpoint`.
        Virtual = "virtual",
    }
}

/// The address of an S3 service: a URL, or a host (then https).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    text: String,
    url: BaseUrl,
}

impl Endpoint {
    /// Returns the service's URL.
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

impl TextField for Endpoint {
    const SHAPE: Shape = Shape::text("URL", BaseUrl::MAX_BYTES);
}

/// A bucket's name: one that a server may already have, whatever the rules are for new ones.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BucketName(String);

text!(BucketName, "Returns the name.");

impl BucketName {
    /// The shortest name, in characters.
    pub const MIN_CHARS: usize = 3;
    /// The longest name, in characters.
    pub const MAX_CHARS: usize = 255;
    /// The longest name of a new bucket, and the longest label of a host name (RFC 1035, section 2.3.4), in characters.
    const MAX_NEW: usize = 63;

    /// Returns whether a host name can begin with it, as S3 demands of new buckets: labels in lower case.
    pub fn fits_host_name(&self) -> bool {
        let is_plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        let is_inside = |label: &str| !label.is_empty() && !label.starts_with('-') && !label.ends_with('-');
        let mut labels = self.0.split('.');
        self.0.len() <= Self::MAX_NEW && labels.all(|label| label.bytes().all(is_plain) && is_inside(label))
    }
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
        let is_plain = |b: u8| b.is_ascii_alphanumeric() || b".-_".contains(&b);
        if !text.bytes().all(is_plain) {
            return Err(Rule::new(
                "must consist of letters, digits, dots, hyphens and underscores",
            ));
        }
        Ok(Self(text.to_owned()))
    }
}

impl TextField for BucketName {
    const SHAPE: Shape = Shape::Text {
        placeholder: "NAME",
        min: Self::MIN_CHARS,
        max: Self::MAX_CHARS,
    };
}

/// A region's name or an access key's id: visible ASCII, 1 to [`Identifier::MAX_CHARS`] characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identifier(String);

text!(Identifier, "Returns the identifier.");

impl Identifier {
    /// The longest identifier, in characters.
    pub const MAX_CHARS: usize = 128;
}

impl FromStr for Identifier {
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

impl TextField for Identifier {
    const SHAPE: Shape = Shape::text("NAME", Self::MAX_CHARS);
}

config! {
    /// The config of an S3 backend.
    S3Config, S3Draft {
        endpoint: Endpoint, "The service's URL, or its host (then https)";
        bucket: BucketName, "The bucket's name, or the alias of an access point";
        region: Option<Identifier>, "The region that requests are signed for";
        access_key_id: Identifier, "The access key's id";
        secret_access_key: Option<Secret>, "The secret that requests are signed with";
        session_token: Option<Secret>, "The token that belongs to a temporary access key";
        cdn_enabled: bool = Constant::Flag(false),
            "Whether clients read through a content delivery network";
        cdn_url: Option<BaseUrl>, "The network's URL; required if cdn_enabled is true";
        addressing: Addressing = Constant::Text(Addressing::Auto.as_str()),
            "Where requests name the bucket: in the path, in the host name, or whichever fits the endpoint";
        prefix: Option<KeyPrefix>, "What the keys of all objects of this backend begin with, such as `images/`";
        ca_pem: Option<CaBundle>, "Certificates that are trusted besides the system's, in PEM";
        tls_verify: bool = Constant::Flag(true), "Whether the server's certificate is verified";
    }
}

impl Kind for S3Config {
    const FACTS: KindFacts = KindFacts {
        title: "S3",
        noun: "an S3 bucket",
        fields: Self::FIELDS,
        example: r#"{"endpoint": "https://s3.example", "bucket": "images", "access_key_id": "AKEXAMPLE"}"#,
        is_mounted: false,
        has_files: true,
    };

    fn destination(&self) -> String {
        self.endpoint.url().origin()
    }
}

impl Draft for S3Draft {
    /// Refuses an enabled network without a URL.
    fn check(&self, reader: &mut Reader<'_>) {
        if self.cdn_enabled == Some(true) && self.cdn_url == Some(None) {
            reader.refuse("cdn_url", &Rule::new("is required if cdn_enabled is true"));
        }
    }
}
