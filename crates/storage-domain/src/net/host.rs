//! Host names and addresses.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use crate::fields::{Shape, TextField};
use crate::invalid::Rule;

/// A host: a name (RFC 1123, section 2.1, and underscores), an IPv4 address, or an IPv6 address with an optional zone (RFC 4007).
#[derive(Debug, Clone)]
pub struct Host {
    text: String,
    addr: HostAddr,
}

/// The canonical form of a host.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum HostAddr {
    /// A name in lower case, without a trailing dot.
    Name(String),
    /// An IPv4 address.
    V4(Ipv4Addr),
    /// An IPv6 address with its zone.
    V6(Ipv6Addr, Option<String>),
}

impl Host {
    /// The longest host, in characters.
    pub const MAX_CHARS: usize = 255;

    /// Returns the host as it was entered.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Returns its canonical form.
    pub fn addr(&self) -> &HostAddr {
        &self.addr
    }

    /// Returns the address, if the host is a literal without a zone.
    pub fn literal(&self) -> Option<IpAddr> {
        match &self.addr {
            HostAddr::V4(a) => Some(IpAddr::V4(*a)),
            HostAddr::V6(a, None) => Some(IpAddr::V6(*a)),
            HostAddr::V6(_, Some(_)) | HostAddr::Name(_) => None,
        }
    }

    /// Returns the host without brackets, as resolvers and programs take it: `fe80::1%eth0`.
    pub fn bare(&self) -> String {
        match &self.addr {
            HostAddr::Name(name) => name.clone(),
            HostAddr::V4(a) => a.to_string(),
            HostAddr::V6(a, None) => a.to_string(),
            HostAddr::V6(a, Some(zone)) => format!("{a}%{zone}"),
        }
    }
}

/// Two hosts are equal if their canonical forms are.
impl PartialEq for Host {
    fn eq(&self, other: &Self) -> bool {
        self.addr == other.addr
    }
}

impl Eq for Host {}

impl FromStr for Host {
    type Err = Rule;

    fn from_str(text: &str) -> Result<Self, Rule> {
        let bad = || {
            Rule::new(
                "must be a host name, an IPv4 address or an IPv6 address, such as nas.lab, 10.0.0.5 or fd00::5",
            )
        };
        if text.is_empty() || text.chars().count() > Self::MAX_CHARS {
            return Err(Rule::new(format!(
                "must be 1 to {} characters long",
                Self::MAX_CHARS
            )));
        }
        if text.starts_with('-') {
            return Err(Rule::new("must not begin with a hyphen"));
        }
        if text.contains("://") || text.contains('/') {
            return Err(Rule::new("must be a host alone, without a scheme or a path"));
        }
        let unbracketed = text
            .strip_prefix('[')
            .map(|t| t.strip_suffix(']').ok_or_else(bad))
            .transpose()?;
        let addr = match unbracketed {
            Some(inner) => parse_v6(inner).ok_or_else(bad)?,
            None if text.contains(':') => parse_v6(text).ok_or_else(|| {
                Rule::new("must be a host without a port; IPv6 addresses look like fd00::5")
            })?,
            None => text
                .parse()
                .map(HostAddr::V4)
                .ok()
                .or_else(|| parse_name(text))
                .ok_or_else(bad)?,
        };
        Ok(Self {
            text: text.to_owned(),
            addr,
        })
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl TextField for Host {
    const SHAPE: Shape = Shape::text("HOST", Self::MAX_CHARS);
}

fn parse_v6(text: &str) -> Option<HostAddr> {
    let (addr, zone) = text.split_once('%').map_or((text, None), |(a, z)| (a, Some(z)));
    let zone_ok = |z: &str| {
        (1..=15).contains(&z.len())
            && z.bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
    };
    if !zone.is_none_or(zone_ok) {
        return None;
    }
    Some(HostAddr::V6(addr.parse().ok()?, zone.map(str::to_owned)))
}

/// Parses a name of labels of 1 to 63 letters, digits, underscores and inner hyphens.
///
/// Underscores, which RFC 1123 does not have, are in names of containers and of Windows. A name whose last label is a
/// number is refused: resolvers read `127.1` and `0x7f000001` as addresses.
fn parse_name(text: &str) -> Option<HostAddr> {
    let name = text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase();
    let label_ok = |label: &str| {
        (1..=63).contains(&label.len())
            && label
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let last = name.rsplit('.').next()?;
    let hex = last
        .strip_prefix("0x")
        .is_some_and(|h| h.bytes().all(|b| b.is_ascii_hexdigit()));
    let numeric = hex || last.bytes().all(|b| b.is_ascii_digit());
    (name.split('.').all(label_ok) && !numeric).then_some(HostAddr::Name(name))
}
