//! Text of logins and text requests: `key=value` pairs, each ended by a zero byte (RFC 7143, section 6.1).

use std::borrow::Cow;
use std::collections::HashMap;

/// The longest name of a key (RFC 7143, section 6.1).
const MAX_KEY: usize = 63;
/// The longest value: the longest binary one, 1024 bytes in hexadecimal, fits well.
const MAX_VALUE: usize = 8192;
/// How many addresses of one target are kept.
const MAX_ADDRESSES: usize = 64;

/// Why a text is not valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TextError {
    /// A pair has no `=`, or no key before it.
    #[error("a part of it is not a key=value pair")]
    NotAPair,
    /// A key or a value is longer than the standard allows.
    #[error("a key or a value is too long")]
    TooLong,
    /// An address comes before the first target.
    #[error("an address comes before its target")]
    NoTarget,
    /// A value that is to be sent has a zero byte, which ends a pair.
    #[error("a value has a zero byte")]
    ZeroByte,
}

/// Reads the pairs of a text, in their order.
///
/// A value that is not UTF-8 is read with replacement characters: most values, such as `TargetAlias`, decide nothing.
///
/// # Errors
/// [`TextError`].
pub fn pairs(text: &[u8]) -> Result<Vec<(&str, Cow<'_, str>)>, TextError> {
    // Zero bytes may pad the text.
    text.split(|byte| *byte == 0)
        .filter(|pair| !pair.is_empty())
        .map(pair)
        .collect()
}

fn pair(text: &[u8]) -> Result<(&str, Cow<'_, str>), TextError> {
    let equals = text.iter().position(|byte| *byte == b'=');
    let (key, value) = text.split_at(equals.ok_or(TextError::NotAPair)?);
    let key = std::str::from_utf8(key).map_err(|_| TextError::NotAPair)?;
    if key.is_empty() {
        return Err(TextError::NotAPair);
    }
    if key.len() > MAX_KEY || value.len() > MAX_VALUE + 1 {
        return Err(TextError::TooLong);
    }
    Ok((key, String::from_utf8_lossy(&value[1..])))
}

/// Writes a text of these pairs. Values must not have zero bytes.
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

/// A target, as its portal describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Its name.
    pub name: String,
    /// Its addresses, as the portal wrote them: `host[:port][,group]`.
    pub addresses: Vec<String>,
}

/// Reads the first `max` targets in the answer to `SendTargets` (RFC 7143, appendix C).
///
/// A portal may repeat the name of a target before each of its addresses: it is one target. Names have no case.
///
/// # Errors
/// [`TextError`].
pub fn targets(text: &[u8], max: usize) -> Result<Vec<Target>, TextError> {
    let mut found: Vec<Target> = Vec::new();
    let mut places: HashMap<String, usize> = HashMap::new();
    // The target that the next address belongs to; a target beyond `max` has none.
    let mut current = Err(TextError::NoTarget);
    for (key, value) in pairs(text)? {
        match key {
            "TargetName" => {
                let place = *places.entry(value.to_ascii_lowercase()).or_insert(found.len());
                if place == found.len() && place < max {
                    found.push(Target {
                        name: value.into_owned(),
                        addresses: Vec::new(),
                    });
                }
                current = Ok(place);
            }
            "TargetAddress" => {
                if let Some(target) = found.get_mut(current?) {
                    target.add(&value);
                }
            }
            _ => {}
        }
    }
    Ok(found)
}

impl Target {
    fn add(&mut self, address: &str) {
        if self.addresses.len() < MAX_ADDRESSES && !self.addresses.iter().any(|known| known == address) {
            self.addresses.push(address.to_owned());
        }
    }
}

#[cfg(test)]
mod tests;
