//! The keys that secrets are sealed with, and where they come from.

mod error;
mod file;
mod source;

use std::fmt;
use std::str::FromStr;

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

pub use self::error::{KeyError, Malformed};
pub use self::source::KeySource;

/// The bytes of a key (XChaCha20-Poly1305).
pub(crate) const KEY_BYTES: usize = 32;
/// The bytes of a digest that make a key's name.
const ID_BYTES: usize = 8;
/// Parts the digest from every other use of a key.
const ID_CONTEXT: &[u8] = b"pureboot-storage secret key id v1\0";
/// Separates the key of links from every other use of a key.
const LINK_CONTEXT: &[u8] = b"pureboot-storage link key v1\0";
/// How keys are written; read with or without padding.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The name of a key: a digest, which reveals nothing of the key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(String);

impl KeyId {
    /// The name, 16 hexadecimal digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn of(bytes: &[u8; KEY_BYTES]) -> Self {
        let digest = Sha256::new()
            .chain_update(ID_CONTEXT)
            .chain_update(bytes)
            .finalize();
        let hex = digest.iter().take(ID_BYTES).map(|byte| format!("{byte:02x}"));
        Self(hex.collect())
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// As the database has it; one that is no key's name matches none.
impl From<String> for KeyId {
    fn from(text: String) -> Self {
        Self(text)
    }
}

/// A key. Its `Debug` shows its name only, and its memory is wiped when it is dropped.
#[derive(Clone)]
pub(crate) struct SecretKey {
    pub(crate) id: KeyId,
    pub(crate) bytes: Zeroizing<[u8; KEY_BYTES]>,
}

impl SecretKey {
    fn new(bytes: Zeroizing<[u8; KEY_BYTES]>) -> Self {
        Self {
            id: KeyId::of(&bytes),
            bytes,
        }
    }

    /// Returns the key of signed links that comes of this one; it opens no secret.
    fn of_links(&self) -> Zeroizing<[u8; KEY_BYTES]> {
        let digest = Sha256::new().chain_update(LINK_CONTEXT).chain_update(*self.bytes);
        Zeroizing::new(digest.finalize().into())
    }

    /// A new key of the system's randomness.
    fn generate() -> Result<Self, KeyError> {
        let mut bytes = Zeroizing::new([0; KEY_BYTES]);
        getrandom::fill(bytes.as_mut()).map_err(|_| KeyError::NoRandomness)?;
        Ok(Self::new(bytes))
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretKey({})", self.id)
    }
}

/// A few keys, the newest first; never empty.
#[derive(Debug, Clone)]
pub struct KeyRing {
    keys: Vec<SecretKey>,
}

impl KeyRing {
    /// The most keys that are read from one place.
    pub const MAX_KEYS: usize = 16;

    /// One new key.
    ///
    /// # Errors
    /// [`KeyError::NoRandomness`].
    pub fn generate() -> Result<Self, KeyError> {
        Ok(Self {
            keys: vec![SecretKey::generate()?],
        })
    }

    /// The names of the keys, the newest first.
    pub fn ids(&self) -> impl Iterator<Item = &KeyId> {
        self.keys.iter().map(|key| &key.id)
    }

    pub(crate) fn newest(&self) -> &KeyId {
        &self.keys[0].id
    }

    pub(crate) fn get(&self, id: &str) -> Option<&SecretKey> {
        self.keys.iter().find(|key| key.id.0 == id)
    }

    pub(crate) fn has(&self, id: &KeyId) -> bool {
        self.get(&id.0).is_some()
    }

    /// Returns the keys of signed links, that of the key `first` first.
    pub(crate) fn of_links(&self, first: &KeyId) -> Vec<Zeroizing<[u8; KEY_BYTES]>> {
        let (present, others): (Vec<_>, Vec<_>) = self.keys.iter().partition(|key| key.id == *first);
        present
            .into_iter()
            .chain(others)
            .map(SecretKey::of_links)
            .collect()
    }

    /// The same keys behind a new one.
    pub(crate) fn with_new(&self) -> Result<Self, KeyError> {
        let mut keys = vec![SecretKey::generate()?];
        keys.extend(self.keys.iter().cloned());
        Ok(Self { keys })
    }

    /// The keys with these names; `None` where it has none of them.
    pub(crate) fn only(&self, ids: &[KeyId]) -> Option<Self> {
        let keys: Vec<_> = self
            .keys
            .iter()
            .filter(|k| ids.contains(&k.id))
            .cloned()
            .collect();
        (!keys.is_empty()).then_some(Self { keys })
    }

    /// The names, for people.
    pub(crate) fn listed(&self) -> String {
        let ids: Vec<&str> = self.ids().map(KeyId::as_str).collect();
        ids.join(", ")
    }

    /// The keys as a file holds them.
    fn text(&self) -> Zeroizing<String> {
        // Room for all of it at once: a text that grows leaves copies behind.
        let mut text = Zeroizing::new(String::with_capacity(HEAD.len() + self.keys.len() * 64));
        text.push_str(HEAD);
        for key in &self.keys {
            BASE64.encode_string(key.bytes.as_ref(), &mut text);
            text.push('\n');
        }
        text
    }
}

/// What stands above the keys in a file.
const HEAD: &str = "# The keys of the secrets in PureBoot Storage's database, the newest first.\n\
                    # Keep a copy of this file, and not beside copies of the database.\n";

/// Reads keys, the newest first, parted by line ends, blanks or commas; `#` begins a comment.
impl FromStr for KeyRing {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        let lines = text
            .lines()
            .map(|line| line.split('#').next().unwrap_or_default());
        let words = lines
            .flat_map(|line| line.split([',', ' ', '\t']))
            .filter(|word| !word.is_empty());
        let mut keys: Vec<SecretKey> = Vec::new();
        for (index, word) in words.enumerate() {
            let key = key(word).ok_or(Malformed::NoKey { number: index + 1 })?;
            if keys.iter().all(|known| known.id != key.id) {
                keys.push(key);
            }
        }
        match keys.len() {
            0 => Err(Malformed::Empty),
            1..=Self::MAX_KEYS => Ok(Self { keys }),
            _ => Err(Malformed::TooMany),
        }
    }
}

fn key(word: &str) -> Option<SecretKey> {
    let mut bytes = Zeroizing::new([0; KEY_BYTES]);
    // A little more than a key needs, as the decoder wants it.
    let mut decoded = Zeroizing::new([0; KEY_BYTES + 4]);
    let length = BASE64.decode_slice(word, decoded.as_mut()).ok()?;
    if length != KEY_BYTES {
        return None;
    }
    bytes.copy_from_slice(&decoded[..KEY_BYTES]);
    let is_key = bytes.iter().any(|byte| *byte != bytes[0]);
    is_key.then(|| SecretKey::new(bytes))
}

#[cfg(test)]
mod tests;
