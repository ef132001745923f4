//! CHAP with MD5 (RFC 1994; RFC 7143, section 12.1.3): proving who we are, and letting the target prove itself.

use std::fmt;
use std::sync::{Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use md5::{Digest as _, Md5};
use storage_domain::Secret;

/// The longest challenge, in bytes (RFC 7143, section 12.1.3).
pub const MAX_CHALLENGE: usize = 1024;
/// How long our own challenges are.
const OWN_CHALLENGE: usize = 16;
/// The number of MD5 in `CHAP_A` (RFC 1994, section 3).
pub(crate) const MD5: &str = "5";

/// Why a text is no binary value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BinaryError {
    /// It begins with neither `0x` nor `0b`.
    #[error("a binary value has to begin with 0x or 0b")]
    NoPrefix,
    /// It holds what is no digit.
    #[error("a binary value has a digit that is none")]
    NoDigit,
    /// It is empty or longer than 1024 bytes.
    #[error("a binary value has to have 1 to {MAX_CHALLENGE} bytes")]
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
        "0b" | "0B" => STANDARD.decode(digits).map_err(|_| BinaryError::NoDigit)?,
        _ => return Err(BinaryError::NoPrefix),
    };
    if bytes.is_empty() || bytes.len() > MAX_CHALLENGE {
        return Err(BinaryError::Length);
    }
    Ok(bytes)
}

/// An odd number of digits is a number whose first digit is a zero that was left out.
fn hex(digits: &str) -> Result<Vec<u8>, BinaryError> {
    let value = |digit: u8| {
        let value = char::from(digit).to_digit(16).ok_or(BinaryError::NoDigit)?;
        u8::try_from(value).map_err(|_| BinaryError::NoDigit)
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

/// The response to a challenge: MD5 over identifier, secret and challenge (RFC 1994, section 4.1).
pub fn response(identifier: u8, secret: &Secret, challenge: &[u8]) -> [u8; 16] {
    Md5::new()
        .chain_update([identifier])
        .chain_update(secret.expose().as_bytes())
        .chain_update(challenge)
        .finalize()
        .into()
}

/// Whether two responses are the same, in a time that does not depend on where they differ.
pub(crate) fn same(a: &[u8], b: &[u8]) -> bool {
    let differing = a.iter().zip(b).fold(0, |seen, (a, b)| seen | (a ^ b));
    a.len() == b.len() && std::hint::black_box(differing) == 0
}

/// A name and a secret that are both there.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Credentials<'a> {
    pub(crate) name: &'a str,
    pub(crate) secret: &'a Secret,
}

/// How a login proves itself, and what the target has to prove.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Chap<'a> {
    /// What we log in with.
    pub(crate) own: Credentials<'a>,
    /// The target's name, where it has to have one, and its secret.
    pub(crate) target: Option<(Option<&'a str>, &'a Secret)>,
}

/// The challenges that one probe has sent. One that comes back as a target's own is a reflection: whoever sends it wants
/// us to answer it in its place (RFC 7143, section 9.2.1).
#[derive(Default)]
pub(crate) struct Challenges(Mutex<Vec<[u8; OWN_CHALLENGE]>>);

impl Challenges {
    /// A new random challenge with its identifier.
    pub(crate) fn make(&self) -> Result<(u8, [u8; OWN_CHALLENGE]), getrandom::Error> {
        let (mut identifier, mut challenge) = ([0], [0; OWN_CHALLENGE]);
        getrandom::fill(&mut identifier)?;
        getrandom::fill(&mut challenge)?;
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(challenge);
        Ok((identifier[0], challenge))
    }

    /// Whether we sent this challenge ourselves.
    pub(crate) fn has(&self, challenge: &[u8]) -> bool {
        let sent = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        sent.iter().any(|own| own == challenge)
    }
}

impl fmt::Debug for Challenges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Challenges")
    }
}

#[cfg(test)]
mod tests;
