//! Secrets as the database holds them.
//!
//! A sealed secret is an object of one member, `{"$sealed": "1.KEY.DATA"}`: the version, the key's name, and the nonce and
//! the ciphertext in base64. A secret that an operator sends is a text, never an object, so neither can be taken for the other.

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{Key, KeyInit, XChaCha20Poly1305, XNonce};
use serde_json::{Map, Value};
use zeroize::Zeroizing;

use crate::keys::{KeyError, KeyRing, SecretKey};

/// The member of a sealed secret.
const MEMBER: &str = "$sealed";
/// The form that this program writes, and the only one that it reads.
const VERSION: &str = "1";
/// Parts the associated data from every other use of a key.
const CONTEXT: &str = "pureboot-storage secret";
/// A key's name is as long.
const SHOWN_DIGITS: usize = 16;
const NONCE_BYTES: usize = 24;

/// Why a sealed secret can't be opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unopened {
    /// It has another form.
    Malformed,
    /// The ring lacks its key.
    NoKey,
    /// It was not sealed with this key for this place, or it was changed.
    Forged,
}

/// A sealed secret's parts.
pub(crate) struct Sealed<'a> {
    pub(crate) key: &'a str,
    data: &'a str,
}

impl<'a> Sealed<'a> {
    /// Reads the parts.
    pub(crate) fn parse(value: &'a Value) -> Option<Self> {
        let members = value.as_object().filter(|members| members.len() == 1)?;
        let mut parts = members.get(MEMBER)?.as_str()?.splitn(3, '.');
        let version = parts.next()?;
        let (key, data) = (parts.next()?, parts.next()?);
        (version == VERSION).then_some(Self { key, data })
    }

    /// The key's name for people; that of a record which somebody made up may be anything.
    pub(crate) fn shown_key(&self) -> String {
        let plain = |c: &char| c.is_ascii_hexdigit();
        self.key.chars().filter(plain).take(SHOWN_DIGITS).collect()
    }

    /// Opens it; `id` is the backend's, `field` the config's.
    pub(crate) fn open(&self, ring: &KeyRing, id: &str, field: &str) -> Result<Zeroizing<String>, Unopened> {
        let key = ring.get(self.key).ok_or(Unopened::NoKey)?;
        let bytes = STANDARD_NO_PAD
            .decode(self.data)
            .map_err(|_| Unopened::Malformed)?;
        let (nonce, text) = bytes.split_at_checked(NONCE_BYTES).ok_or(Unopened::Malformed)?;
        let nonce = XNonce::try_from(nonce).map_err(|_| Unopened::Malformed)?;
        let aad = associated(key, id, field);
        let payload = Payload {
            msg: text,
            aad: aad.as_bytes(),
        };
        let plain = cipher(key)
            .decrypt(&nonce, payload)
            .map_err(|_| Unopened::Forged)?;
        String::from_utf8(plain)
            .map(Zeroizing::new)
            .map_err(|_| Unopened::Malformed)
    }
}

/// Seals a secret of the field `field` of the backend `id`.
pub(crate) fn seal(key: &SecretKey, id: &str, field: &str, secret: &str) -> Result<Value, KeyError> {
    let mut nonce = [0; NONCE_BYTES];
    getrandom::fill(&mut nonce).map_err(|_| KeyError::NoRandomness)?;
    let aad = associated(key, id, field);
    let payload = Payload {
        msg: secret.as_bytes(),
        aad: aad.as_bytes(),
    };
    let sealed = cipher(key).encrypt(&XNonce::from(nonce), payload);
    // It fails for texts of many gigabytes only.
    let sealed = sealed.map_err(|_| KeyError::NoRandomness)?;
    let mut data = format!("{VERSION}.{}.", key.id);
    STANDARD_NO_PAD.encode_string([&nonce[..], &sealed].concat(), &mut data);
    let members = Map::from_iter([(MEMBER.to_owned(), Value::String(data))]);
    Ok(Value::Object(members))
}

fn cipher(key: &SecretKey) -> XChaCha20Poly1305 {
    XChaCha20Poly1305::new(<&Key>::from(&*key.bytes))
}

/// What a sealed secret belongs to. No part can hold the character that parts them.
fn associated(key: &SecretKey, id: &str, field: &str) -> String {
    format!("{CONTEXT}\0{VERSION}\0{}\0{id}\0{field}", key.id)
}

#[cfg(test)]
mod tests;
