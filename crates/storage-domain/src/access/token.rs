//! Access tokens: the client's text, and the stored record.

use std::fmt;
use std::str::FromStr;

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use time::OffsetDateTime;
use zeroize::Zeroizing;

use super::Role;
use crate::invalid::Rule;
use crate::text::text;

/// The beginning of every token, by which people and secret scanners recognize it.
const PREFIX: &str = "pbs";
const ID_BYTES: usize = 6;
const SECRET_BYTES: usize = 32;

/// A token as the client has it: `pbs_<id>_<secret>`, in lower-case hexadecimal digits.
///
/// The id finds the row; of the secret, 256 random bits, only a hash is stored. It has no `Display`, its `Debug` shows
/// the id only, and its memory is wiped when it is dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct Token {
    id: TokenId,
    secret: Zeroizing<[u8; SECRET_BYTES]>,
}

/// The operating system gives no random numbers.
#[derive(Debug, thiserror::Error)]
#[error("the operating system gives no random numbers: {0}")]
pub struct TokenProblem(getrandom::Error);

impl Token {
    /// Makes a new token.
    ///
    /// # Errors
    /// [`TokenProblem`].
    pub fn generate() -> Result<Self, TokenProblem> {
        let mut id = [0; ID_BYTES];
        let mut secret = Zeroizing::new([0; SECRET_BYTES]);
        getrandom::fill(&mut id).map_err(TokenProblem)?;
        getrandom::fill(&mut *secret).map_err(TokenProblem)?;
        Ok(Self {
            id: TokenId(hex(&id)),
            secret,
        })
    }

    /// Reads a token; `None` if it is malformed. It never says why: the text may be a secret with a typo.
    pub fn parse(text: &str) -> Option<Self> {
        let (id, secret) = text.strip_prefix(PREFIX)?.strip_prefix('_')?.split_once('_')?;
        Some(Self {
            id: id.parse().ok()?,
            secret: Zeroizing::new(unhex(secret)?),
        })
    }

    /// Returns whether a text begins like a token of this service.
    pub fn is_meant(text: &str) -> bool {
        text.strip_prefix(PREFIX)
            .is_some_and(|rest| rest.starts_with('_'))
    }

    /// Returns the id, which finds its row.
    pub fn id(&self) -> &TokenId {
        &self.id
    }

    /// Returns the hash of its secret, which is stored.
    pub fn hash(&self) -> TokenHash {
        TokenHash(Sha256::digest(*self.secret).into())
    }

    /// Returns the token itself, for the one place that shows it to its maker.
    pub fn expose(&self) -> Zeroizing<String> {
        let secret = Zeroizing::new(hex(&*self.secret));
        Zeroizing::new([PREFIX, self.id.as_str(), &secret].join("_"))
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Token({}, [redacted])", self.id)
    }
}

/// The part of a token that is not secret: 12 lower-case hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TokenId(String);

text!(TokenId, "Returns the id.");

impl FromStr for TokenId {
    type Err = Rule;

    fn from_str(text: &str) -> Result<Self, Rule> {
        match unhex::<ID_BYTES>(text) {
            Some(_) => Ok(Self(text.to_owned())),
            None => Err(Rule::new("must be 12 lower-case hexadecimal digits")),
        }
    }
}

/// The SHA-256 hash of a token's secret. A secret of 256 random bits can't be guessed, so it needs no slower hash.
#[derive(Clone, Copy)]
pub struct TokenHash([u8; 32]);

impl TokenHash {
    /// Compares two hashes in constant time.
    pub fn matches(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }

    /// Returns its stored form.
    pub fn stored(&self) -> String {
        hex(&self.0)
    }

    /// Reads the stored form.
    pub fn from_stored(text: &str) -> Option<Self> {
        unhex(text).map(Self)
    }
}

impl fmt::Debug for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenHash([redacted])")
    }
}

/// A token's name: 1 to [`TokenName::MAX_CHARS`] characters, not blank, without control characters.
///
/// It does not look like an id, so that either may name a token.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TokenName(String);

text!(TokenName, "Returns the name.");

impl TokenName {
    /// The longest name, in Unicode scalar values.
    pub const MAX_CHARS: usize = 64;
}

impl FromStr for TokenName {
    type Err = Rule;

    fn from_str(text: &str) -> Result<Self, Rule> {
        if text.trim().is_empty() {
            return Err(Rule::new("must not be blank"));
        }
        if text.chars().count() > Self::MAX_CHARS {
            return Err(Rule::new(format!(
                "must be at most {} characters long",
                Self::MAX_CHARS
            )));
        }
        if text.chars().any(char::is_control) {
            return Err(Rule::new("must not contain control characters"));
        }
        if text.parse::<TokenId>().is_ok() || Token::is_meant(text) {
            return Err(Rule::new("must not look like a token or its id"));
        }
        Ok(Self(text.to_owned()))
    }
}

/// Whether a token is valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenState {
    /// It is valid.
    Valid,
    /// Its lifetime is over.
    Expired,
    /// It was revoked.
    Revoked,
}

impl TokenState {
    /// Returns its stable string.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Valid => "valid",
            Self::Expired => "expired",
            Self::Revoked => "revoked",
        }
    }
}

/// A stored token. Times are in UTC, to the millisecond.
#[derive(Debug, Clone)]
pub struct AccessToken {
    /// Its id.
    pub id: TokenId,
    /// Its name; unique among those that are not revoked.
    pub name: TokenName,
    /// The role of its holder.
    pub role: Role,
    /// The hash of its secret.
    pub hash: TokenHash,
    /// When it was made.
    pub created_at: OffsetDateTime,
    /// When it expires; `None` is never.
    pub expires_at: Option<OffsetDateTime>,
    /// When it was revoked.
    pub revoked_at: Option<OffsetDateTime>,
    /// When it was last used, to within a few minutes.
    pub last_used_at: Option<OffsetDateTime>,
}

impl AccessToken {
    /// Returns whether it is valid at this time.
    pub fn state(&self, now: OffsetDateTime) -> TokenState {
        if self.revoked_at.is_some() {
            TokenState::Revoked
        } else if self.expires_at.is_some_and(|at| at <= now) {
            TokenState::Expired
        } else {
            TokenState::Valid
        }
    }
}

const DIGITS: &[u8; 16] = b"0123456789abcdef";

fn hex(bytes: &[u8]) -> String {
    let digits = bytes.iter().flat_map(|b| [b >> 4, b & 0xf]);
    digits.map(|d| char::from(DIGITS[usize::from(d)])).collect()
}

fn unhex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digit = |d: u8| match d {
        b'0'..=b'9' => Some(d - b'0'),
        b'a'..=b'f' => Some(d - b'a' + 10),
        _ => None,
    };
    let digits = text.as_bytes();
    if digits.len() != 2 * N {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(bytes)
}
