//! Text of logins and text requests: `key=value` pairs, each ended by a zero byte (RFC 7143, section 6.1).

/// The longest name of a key (RFC 7143, section 6.1).
const MAX_KEY: usize = 63;
/// The longest value: the longest binary one, 1024 bytes in hexadecimal, fits well.
const MAX_VALUE: usize = 8192;
/// How many addresses of one target are kept.
const MAX_ADDRESSES: usize = 64;

/// Why a text is not valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TextError {
    /// The text is not UTF-8.
    #[error("it is not UTF-8")]
    Encoding,
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
/// # Errors
/// [`TextError`].
pub fn pairs(text: &[u8]) -> Result<Vec<(&str, &str)>, TextError> {
    let text = std::str::from_utf8(text).map_err(|_| TextError::Encoding)?;
    // Zero bytes may pad the text.
    text.split('\0')
        .filter(|pair| !pair.is_empty())
        .map(pair)
        .collect()
}

fn pair(text: &str) -> Result<(&str, &str), TextError> {
    let (key, value) = text.split_once('=').ok_or(TextError::NotAPair)?;
    if key.is_empty() {
        return Err(TextError::NotAPair);
    }
    if key.len() > MAX_KEY || value.len() > MAX_VALUE {
        return Err(TextError::TooLong);
    }
    Ok((key, value))
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
/// # Errors
/// [`TextError`].
pub fn targets(text: &[u8], max: usize) -> Result<Vec<Target>, TextError> {
    let mut found: Vec<Target> = Vec::new();
    for (key, value) in pairs(text)? {
        match key {
            "TargetName" if found.len() == max => break,
            "TargetName" => found.push(Target {
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

#[cfg(test)]
mod tests;
