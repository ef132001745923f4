//! CHAP with MD5, in one or both directions (RFC 1994; RFC 7143, section 12.1.3).

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use md5::{Digest as _, Md5};
use subtle::ConstantTimeEq as _;

/// The longest challenge, in bytes (RFC 7143, section 12.1.3).
pub const MAX_CHALLENGE: usize = 1024;
/// The length of the challenges that this initiator sends, in bytes.
const OWN_CHALLENGE: usize = 16;
/// The number of MD5 in `CHAP_A` (RFC 1994, section 3).
pub(crate) const MD5: &str = "5";

/// Why a text is not a binary value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BinaryError {
    /// It begins with neither `0x` nor `0b`.
    #[error("a binary value begins with 0x or 0b")]
    NoPrefix,
    /// It has a character that is not a digit.
    #[error("a binary value has a character that is not a digit")]
    NotADigit,
    /// It is empty or longer than 1024 bytes.
    #[error("a binary value has 1 to {MAX_CHALLENGE} bytes")]
    Length,
}

/// Reads a binary value, in hexadecimal or base64 (RFC 7143, section 6.1).
///
/// # Errors
/// [`BinaryError`].
pub fn decode(text: &str) -> Result<Vec<u8>, BinaryError> {
    let (prefix, digits) = text.split_at_checked(2).ok_or(BinaryError::NoPrefix)?;
    if digits.is_empty() || digits.len() > 2 * MAX_CHALLENGE {
        return Err(BinaryError::Length);
    }
    let bytes = match prefix {
        "0x" | "0X" => hex(digits)?,
        "0b" | "0B" => STANDARD.decode(digits).map_err(|_| BinaryError::NotADigit)?,
        _ => return Err(BinaryError::NoPrefix),
    };
    if bytes.is_empty() || bytes.len() > MAX_CHALLENGE {
        return Err(BinaryError::Length);
    }
    Ok(bytes)
}

/// An odd number of digits lacks a leading zero.
fn hex(digits: &str) -> Result<Vec<u8>, BinaryError> {
    let value = |digit: u8| {
        let value = char::from(digit).to_digit(16).ok_or(BinaryError::NotADigit)?;
        u8::try_from(value).map_err(|_| BinaryError::NotADigit)
    };
    let digits = digits.as_bytes();
    let (first, rest) = digits.split_at(digits.len() % 2);
    let mut bytes = Vec::with_capacity(digits.len().div_ceil(2));
    for digit in first {
        bytes.push(value(*digit)?);
    }
    for pair in rest.chunks_exact(2) {
        bytes.push(value(pair[0])? << 4 | value(pair[1])?);
    }
    Ok(bytes)
}

/// Writes a binary value in hexadecimal.
pub fn encode(bytes: &[u8]) -> String {
    use fmt::Write as _;
    let mut text = String::with_capacity(2 + bytes.len() * 2);
    text.push_str("0x");
    for byte in bytes {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// Computes the response to a challenge: MD5 over identifier, secret and challenge (RFC 1994, section 4.1).
pub fn response(identifier: u8, secret: &str, challenge: &[u8]) -> [u8; 16] {
    Md5::new()
        .chain_update([identifier])
        .chain_update(secret.as_bytes())
        .chain_update(challenge)
        .finalize()
        .into()
}

/// Compares two responses in constant time.
pub(crate) fn is_same(a: &[u8], b: &[u8]) -> bool {
    a.ct_eq(b).into()
}

/// The credentials of a login.
#[derive(Clone, Copy)]
pub struct Chap<'a> {
    /// The name of the initiator (`CHAP_N`).
    pub name: &'a str,
    /// The secret of the initiator.
    pub secret: &'a str,
    /// How the target has to authenticate itself, if it has to.
    pub mutual: Option<Mutual<'a>>,
}

/// The credentials that a target has to prove.
#[derive(Clone, Copy)]
pub struct Mutual<'a> {
    /// The name of the target, if it matters.
    pub name: Option<&'a str>,
    /// The secret of the target. It has to differ from that of the initiator (RFC 7143, section 9.2.1).
    pub secret: &'a str,
}

impl fmt::Debug for Chap<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("Chap");
        debug.field("name", &self.name).field("mutual", &self.mutual);
        debug.finish_non_exhaustive()
    }
}

impl fmt::Debug for Mutual<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mutual")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// A challenge that this initiator sends.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Challenge {
    pub(crate) identifier: u8,
    pub(crate) bytes: [u8; OWN_CHALLENGE],
}

/// The challenges that an initiator has sent. One that comes back as a target's own is a reflection, whose response
/// would be the peer's proof (RFC 7143, section 9.2.1).
#[derive(Default)]
pub(crate) struct Challenges(Mutex<Vec<[u8; OWN_CHALLENGE]>>);

impl Challenges {
    /// Creates and remembers a random challenge.
    pub(crate) fn create(&self) -> Result<Challenge, getrandom::Error> {
        let (mut identifier, mut bytes) = ([0], [0; OWN_CHALLENGE]);
        getrandom::fill(&mut identifier)?;
        getrandom::fill(&mut bytes)?;
        self.sent().push(bytes);
        let [identifier] = identifier;
        Ok(Challenge { identifier, bytes })
    }

    /// Whether the initiator has sent this challenge.
    pub(crate) fn contain(&self, challenge: &[u8]) -> bool {
        self.sent().iter().any(|own| own == challenge)
    }

    fn sent(&self) -> MutexGuard<'_, Vec<[u8; OWN_CHALLENGE]>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Challenges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Challenges")
    }
}

#[cfg(test)]
mod tests;
