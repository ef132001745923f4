//! Text of logins and text requests: `key=value` pairs, each ended by a zero byte (RFC 7143, section 6.1).

use std::fmt;
use std::str::FromStr;

use storage_domain::{Host, IscsiConfig};

/// The longest name of a key (RFC 7143, section 6.1).
const MAX_KEY: usize = 63;
/// The longest value: the longest binary one, 1024 bytes in hexadecimal, fits well.
const MAX_VALUE: usize = 8192;
/// How many targets of one answer are kept.
pub const MAX_TARGETS: usize = 1024;
/// How many addresses of one target are kept.
const MAX_ADDRESSES: usize = 64;

/// Why bytes are no pairs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TextError {
    /// The text is not UTF-8.
    #[error("it is not UTF-8")]
    Encoding,
    /// A pair has no `=`, or no key before it.
    #[error("a part of it is no key=value pair")]
    NoPair,
    /// A key or a value is longer than the standard allows.
    #[error("a key or a value is too long")]
    TooLong,
    /// An address comes before the target that it is of.
    #[error("an address comes before its target")]
    NoTarget,
}

/// The pairs of a text, in their order.
///
/// # Errors
/// [`TextError`].
pub fn pairs(text: &[u8]) -> Result<Vec<(&str, &str)>, TextError> {
    let text = std::str::from_utf8(text).map_err(|_| TextError::Encoding)?;
    // What follows the last zero byte, and zero bytes that fill up, are no pairs.
    text.split('\0')
        .filter(|pair| !pair.is_empty())
        .map(pair)
        .collect()
}

fn pair(text: &str) -> Result<(&str, &str), TextError> {
    let (key, value) = text.split_once('=').ok_or(TextError::NoPair)?;
    if key.is_empty() {
        return Err(TextError::NoPair);
    }
    if key.len() > MAX_KEY || value.len() > MAX_VALUE {
        return Err(TextError::TooLong);
    }
    Ok((key, value))
}

/// A text of these pairs.
pub fn write<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Vec<u8> {
    let mut text = Vec::new();
    for (key, value) in pairs {
        text.extend_from_slice(key.as_bytes());
        text.push(b'=');
        text.extend_from_slice(value.as_bytes());
        text.push(0);
    }
    text
}

/// A target as discovery names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Its name.
    pub name: String,
    /// Its addresses, as they were told.
    pub addresses: Vec<String>,
}

/// The targets in the answer to `SendTargets` (RFC 7143, appendix C).
///
/// # Errors
/// [`TextError`].
pub fn targets(text: &[u8]) -> Result<Vec<Found>, TextError> {
    let mut found: Vec<Found> = Vec::new();
    for (key, value) in pairs(text)? {
        match key {
            "TargetName" if found.len() == MAX_TARGETS => break,
            "TargetName" => found.push(Found {
                name: value.to_owned(),
                addresses: Vec::new(),
            }),
            "TargetAddress" => {
                let target = found.last_mut().ok_or(TextError::NoTarget)?;
                if target.addresses.len() < MAX_ADDRESSES {
                    target.addresses.push(value.to_owned());
                }
            }
            _ => {}
        }
    }
    Ok(found)
}

/// The address of a portal: `host[:port][,group]` (RFC 7143, section 13.8).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// The host.
    pub host: Host,
    /// The port.
    pub port: u16,
}

impl FromStr for Address {
    type Err = storage_domain::Rule;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.split_once(',').map_or(text, |(address, _)| address);
        let after_host = text.rfind(']').map_or(0, |end| end + 1);
        let inner_colons = text.matches(':').count();
        // An IPv6 address without brackets has no port behind it.
        let port_at = text[after_host..]
            .rfind(':')
            .map(|at| at + after_host)
            .filter(|_| after_host > 0 || inner_colons == 1);
        let (host, port) = match port_at {
            Some(at) => (&text[..at], text[at + 1..].parse::<u16>().map_or(-1, i64::from)),
            None => (text, IscsiConfig::DEFAULT_PORT),
        };
        let port = storage_domain::Port::new(port)?.get();
        Ok(Self {
            host: host.parse()?,
            port,
        })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = self.host.bare();
        if host.contains(':') {
            write!(f, "[{host}]:{}", self.port)
        } else {
            write!(f, "{host}:{}", self.port)
        }
    }
}

#[cfg(test)]
mod tests;
