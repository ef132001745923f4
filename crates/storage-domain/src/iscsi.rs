//! The config of an iSCSI backend.

mod portal;

use std::str::FromStr;

use serde::ser::SerializeMap;

use crate::fields::{Fields, Members};
use crate::invalid::Rule;
use crate::net::{Host, Port};
use crate::secret::Secret;
use crate::text::text;

pub use portal::Portal;

/// The name of an iSCSI node, a target or an initiator: `iqn.`, `eui.` or `naa.` (RFC 3720, section 3.2.6.3; RFC 7143, section 4.2.7).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Iqn(String);

text!(Iqn, "The name.");

impl Iqn {
    /// The longest name, in bytes.
    pub const MAX_BYTES: usize = 223;
}

impl FromStr for Iqn {
    type Err = Rule;

    fn from_str(text: &str) -> Result<Self, Rule> {
        Rule::at_most_bytes(text, Self::MAX_BYTES)?;
        let lower = text.to_ascii_lowercase();
        let hex = |digits: &str, lengths: &[usize]| {
            lengths.contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_hexdigit())
        };
        let known = if let Some(rest) = lower.strip_prefix("iqn.") {
            is_iqn(rest)
        } else if let Some(rest) = lower.strip_prefix("eui.") {
            hex(rest, &[16])
        } else {
            lower
                .strip_prefix("naa.")
                .is_some_and(|rest| hex(rest, &[16, 32]))
        };
        if !known {
            return Err(Rule::new(
                "must be an iSCSI name such as iqn.2026-11.lab.nas:disk1, eui.02004567A425678D or naa.52004567BA64678D",
            ));
        }
        Ok(Self(text.to_owned()))
    }
}

/// `yyyy-mm.reversed.domain`, and what the domain's owner wants behind a colon.
fn is_iqn(rest: &str) -> bool {
    let (authority, unique) = rest.split_once(':').map_or((rest, None), |(a, u)| (a, Some(u)));
    let Some((date, domain)) = authority.split_once('.') else {
        return false;
    };
    let digits = |s: &str, n: usize| s.len() == n && s.bytes().all(|b| b.is_ascii_digit());
    let Some((year, month)) = date.split_once('-') else {
        return false;
    };
    let date_ok = digits(year, 4) && digits(month, 2) && ("01"..="12").contains(&month);
    let label_ok = |l: &str| !l.is_empty() && l.chars().all(|c| c.is_alphanumeric() || c == '-');
    // RFC 3722 has no underscore, yet several targets in use have.
    let unique_ok = |u: &str| !u.is_empty() && u.chars().all(|c| c.is_alphanumeric() || "-.:_".contains(c));
    date_ok && domain.split('.').all(label_ok) && unique.is_none_or(unique_ok)
}

/// The name that an initiator has, by which access lists of targets know it. It is kept in lower case, as RFC 3722 wants
/// names that are sent to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InitiatorName(String);

text!(InitiatorName, "The name.");

impl InitiatorName {
    /// The name where none is given.
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

text!(ChapName, "The name.");

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

/// A name and a secret for CHAP; either may still be missing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ChapCredentials {
    /// The name.
    pub username: Option<ChapName>,
    /// The secret.
    pub password: Option<Secret>,
}

impl ChapCredentials {
    fn read(fields: &mut Fields<'_>, username: &'static str, password: &'static str) -> Self {
        Self {
            username: fields.optional(username),
            password: fields.secret(password),
        }
    }
}

/// The settings of an iSCSI backend.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IscsiConfig {
    /// The portal's host.
    pub target: Host,
    /// The portal's port.
    pub port: Port,
    /// The target's name; `None` means every target that the portal offers.
    pub iqn: Option<Iqn>,
    /// Whether the session logs in with `chap`.
    pub chap_enabled: bool,
    /// What the session logs in with.
    pub chap: ChapCredentials,
    /// What the target must prove itself with.
    pub mutual_chap: ChapCredentials,
    /// What the discovery session logs in with.
    pub discovery_chap: ChapCredentials,
}

impl IscsiConfig {
    /// The port where none is given (RFC 7143, section 4.2.7.1).
    pub const DEFAULT_PORT: i64 = 3260;

    pub(crate) fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let target = fields.required("target");
        let port = fields.integer("port").unwrap_or(Self::DEFAULT_PORT);
        let port = fields.keep("port", Port::new(port));
        let iqn = fields.optional("iqn");
        let chap_enabled = fields.flag("chap_enabled", false);
        let chap = ChapCredentials::read(fields, "chap_username", "chap_password");
        let mutual_chap = ChapCredentials::read(fields, "mutual_chap_username", "mutual_chap_password");
        let discovery_chap =
            ChapCredentials::read(fields, "discovery_chap_username", "discovery_chap_password");
        Some(Self {
            target: target?,
            port: port?,
            iqn,
            chap_enabled,
            chap,
            mutual_chap,
            discovery_chap,
        })
    }

    pub(crate) fn write<M: SerializeMap>(&self, members: Members<M>) -> Result<M::Ok, M::Error> {
        members
            .put("chap_enabled", self.chap_enabled)
            .put_secret("chap_password", self.chap.password.as_ref())
            .put_optional("chap_username", self.chap.username.as_ref())
            .put_secret("discovery_chap_password", self.discovery_chap.password.as_ref())
            .put_optional("discovery_chap_username", self.discovery_chap.username.as_ref())
            .put_optional("iqn", self.iqn.as_ref())
            .put_secret("mutual_chap_password", self.mutual_chap.password.as_ref())
            .put_optional("mutual_chap_username", self.mutual_chap.username.as_ref())
            .put("port", self.port.get())
            .put_text("target", &self.target)
            .finish()
    }
}
