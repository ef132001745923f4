//! The config of an iSCSI backend.

mod portal;

pub use self::portal::Portal;

use std::str::FromStr;

use super::{Kind, KindFacts};
use crate::fields::{Constant, Declared, Draft, Shape, TextField, config};
use crate::invalid::Rule;
use crate::net::{Host, Port};
use crate::secret::Secret;
use crate::text::text;

/// The name of an iSCSI node, a target or an initiator: `iqn.`, `eui.` or `naa.` (RFC 7143, section 4.2.7).
///
/// What follows may be anything that portals list, such as a month of one digit or an underscore; only characters that
/// RFC 3722 forbids are refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Iqn(String);

text!(Iqn, "Returns the name.");

impl Iqn {
    /// The longest name, in bytes.
    pub const MAX_BYTES: usize = 223;
    /// The length of the prefix, in bytes.
    const PREFIX: usize = 4;
}

impl FromStr for Iqn {
    type Err = Rule;

    fn from_str(text: &str) -> Result<Self, Rule> {
        Rule::at_most_bytes(text, Self::MAX_BYTES)?;
        let prefix = text.get(..Self::PREFIX).unwrap_or_default().to_ascii_lowercase();
        let rest = text.get(Self::PREFIX..).unwrap_or_default();
        let known =
            matches!(&*prefix, "iqn." | "eui." | "naa.") && !rest.is_empty() && rest.chars().all(is_allowed);
        if !known {
            return Err(Rule::new(
                "must be an iSCSI name such as iqn.2026-11.lab.nas:disk1, eui.02004567A425678D or naa.52004567BA64678D",
            ));
        }
        Ok(Self(text.to_owned()))
    }
}

impl TextField for Iqn {
    const SHAPE: Shape = Shape::text("NAME", Self::MAX_BYTES);
}

/// Whether a name may have a character (RFC 3722, section 6). It has no underscore, but names of several targets do.
fn is_allowed(c: char) -> bool {
    const IDEOGRAPHIC_FULL_STOP: char = '\u{3002}';
    if c.is_ascii() {
        c.is_ascii_alphanumeric() || "-.:_".contains(c)
    } else {
        !c.is_whitespace() && !c.is_control() && c != IDEOGRAPHIC_FULL_STOP
    }
}

/// An initiator's name, which access lists of targets contain; in lower case, as RFC 3722 requires of names that are sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InitiatorName(String);

text!(InitiatorName, "Returns the name.");

impl InitiatorName {
    /// The default name.
    pub const DEFAULT: &str = "iqn.2026-11.io.pureboot:storage";
}

impl Default for InitiatorName {
    fn default() -> Self {
        Self(Self::DEFAULT.to_owned())
    }
}

impl FromStr for InitiatorName {
    type Err = Rule;

    fn from_str(text: &str) -> Result<Self, Rule> {
        let lower: Iqn = text.to_lowercase().parse()?;
        Ok(Self(lower.0))
    }
}

/// A name for CHAP (RFC 1994).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChapName(String);

text!(ChapName, "Returns the name.");

impl ChapName {
    /// The longest name, in bytes (`text-value` of RFC 7143, section 6.1).
    pub const MAX_BYTES: usize = 255;
}

impl FromStr for ChapName {
    type Err = Rule;

    fn from_str(text: &str) -> Result<Self, Rule> {
        if text.is_empty() || text.len() > Self::MAX_BYTES || text.chars().any(char::is_control) {
            return Err(Rule::new(format!(
                "must be 1 to {} bytes without control characters",
                Self::MAX_BYTES
            )));
        }
        Ok(Self(text.to_owned()))
    }
}

impl TextField for ChapName {
    const SHAPE: Shape = Shape::text("NAME", Self::MAX_BYTES);
}

config! {
    /// The config of an iSCSI backend.
    IscsiConfig, IscsiDraft {
        target: Host, "The portal: a host name, an IPv4 or an IPv6 address";
        port: Port = Constant::Number(IscsiConfig::DEFAULT_PORT), "The portal's port";
        iqn: Option<Iqn>, "The target's name (`iqn.`, `eui.`, `naa.`); null: every target that the portal offers";
        chap_enabled: bool = Constant::Flag(false), "Whether the session logs in with CHAP";
        chap_username: Option<ChapName>, "The CHAP name of the session";
        chap_password: Option<Secret>, "The CHAP secret of the session";
        mutual_chap_username: Option<ChapName>, "The CHAP name by which the target proves its identity";
        mutual_chap_password: Option<Secret>, "The CHAP secret by which the target proves its identity";
        discovery_chap_username: Option<ChapName>, "The CHAP name of the discovery session";
        discovery_chap_password: Option<Secret>, "The CHAP secret of the discovery session";
    }
}

impl IscsiConfig {
    /// The default port (RFC 7143, section 4.2.7.1).
    pub const DEFAULT_PORT: i64 = 3260;
}

impl Kind for IscsiConfig {
    const FACTS: KindFacts = KindFacts {
        title: "Iscsi",
        noun: "an iSCSI target",
        fields: Self::FIELDS,
        example: r#"{"target": "10.0.0.6", "iqn": "iqn.2026-11.example:images"}"#,
        is_mounted: false,
        has_files: false,
    };

    fn destination(&self) -> String {
        self.target.bare()
    }
}

impl Draft for IscsiDraft {}
