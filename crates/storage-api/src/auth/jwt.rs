//! JSON Web Tokens (RFC 7519) of another issuer, such as the PureBoot control plane.
//!
//! The algorithm never comes from the token alone: HS256 is tried with the secret of the file only, RS256, ES256 and EdDSA
//! with keys of their own kind from the JWKS file only, and everything else, `none` first of all, is refused.

mod cache;
mod claims;
mod files;
mod keys;

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use storage_domain::Role;
use storage_domain::access::Actor;
use time::OffsetDateTime;

use self::cache::{Cache, Entry};
pub use self::files::KeyFileError;
use self::keys::{Algorithm, Keys};
use super::bearer;
use crate::error::ApiError;
use crate::problem::Code;
use crate::watched::{Reload, Watched};

/// The longest JSON Web Token.
const MAX_BYTES: usize = 8 * 1024;

/// How JSON Web Tokens are checked.
#[derive(Debug, Clone)]
pub struct JwtSettings {
    /// File with the secret of HS256.
    pub hs256_secret_file: Option<PathBuf>,
    /// File with the public keys of RS256, ES256 and EdDSA, as a JWK set (RFC 7517).
    pub jwks_file: Option<PathBuf>,
    /// Required `iss` claim.
    pub issuer: Option<String>,
    /// Required `aud` claim, or a member of it.
    pub audience: Option<String>,
    /// Claim with the role: its name, or a JSON Pointer that begins with `/`.
    pub role_claim: String,
    /// Words of that claim, and the role of each.
    pub roles: Vec<(String, Role)>,
}

impl JwtSettings {
    /// Largest difference from the issuer's clock.
    pub const LEEWAY: Duration = Duration::from_mins(1);
    /// The shortest secret of HS256 (RFC 7518, section 3.2), in bytes.
    pub const MIN_SECRET_BYTES: usize = 32;
}

/// Checks JSON Web Tokens.
pub(crate) struct Jwt {
    settings: JwtSettings,
    verifier: Arc<Watched<Verifier>>,
}

/// Keys, and the tokens that they have verified. Other keys begin with none.
pub(super) struct Verifier {
    keys: Keys,
    verified: Cache,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    /// Extensions that have to be understood (RFC 7515, section 4.1.11); none is.
    crit: Option<serde_json::Value>,
}

/// Why a JSON Web Token is refused. Nothing of it repeats a part of the token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// It is none.
    Malformed,
    /// The algorithm is none that is accepted here.
    Algorithm,
    /// No key fits, or the signature is not that key's.
    Signature,
    /// Its time is over.
    Expired,
    /// Its claims don't fit; the text says which.
    Claims(&'static str),
    /// It has no role here; the text is the claim that would name one.
    NoRole(String),
}

impl Jwt {
    /// Reads the keys.
    ///
    /// # Errors
    /// [`KeyFileError`].
    pub(crate) fn new(settings: JwtSettings) -> Result<Self, KeyFileError> {
        let verifier = Arc::new(files::open(&settings)?);
        Ok(Self { settings, verifier })
    }

    /// Returns the files of keys, to be watched.
    pub(crate) fn key_files(&self) -> Arc<dyn Reload> {
        Arc::clone(&self.verifier) as _
    }

    /// Returns whose token this is.
    pub(crate) fn verify(&self, text: &str, now: OffsetDateTime) -> Result<Actor, Refusal> {
        self.verify_by(&self.verifier.current(), text, now)
    }

    fn verify_by(&self, verifier: &Verifier, text: &str, now: OffsetDateTime) -> Result<Actor, Refusal> {
        let hash: [u8; 32] = Sha256::digest(text.as_bytes()).into();
        if let Some(actor) = verifier.verified.get(&hash, now) {
            return Ok(actor);
        }
        let payload = signed_payload(text, &verifier.keys)?;
        let (actor, until) = claims::judge(&payload, &self.settings, now)?;
        let entry = Entry {
            actor: actor.clone(),
            until,
        };
        verifier.verified.put(hash, entry, now);
        Ok(actor)
    }
}

impl Verifier {
    fn new(keys: Keys) -> Self {
        Self {
            keys,
            verified: Cache::default(),
        }
    }
}

impl Reload for Watched<Verifier> {
    fn reload(&self, asked: bool) {
        if Watched::reload(self, asked) {
            tracing::info!("the keys of JSON Web Tokens were read again");
        }
    }
}

/// The payload of a token whose signature is right.
fn signed_payload(text: &str, keys: &Keys) -> Result<Vec<u8>, Refusal> {
    if text.len() > MAX_BYTES {
        return Err(Refusal::Malformed);
    }
    let (signed, signature) = text.rsplit_once('.').ok_or(Refusal::Malformed)?;
    let (header, payload) = signed.split_once('.').ok_or(Refusal::Malformed)?;
    let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).map_err(|_| Refusal::Malformed);
    let header: Header = serde_json::from_slice(&decode(header)?).map_err(|_| Refusal::Malformed)?;
    if header.crit.is_some() {
        return Err(Refusal::Algorithm);
    }
    let algorithm = Algorithm::of_word(&header.alg).ok_or(Refusal::Algorithm)?;
    let signature = decode(signature)?;
    if keys.accept(algorithm, header.kid.as_deref(), signed.as_bytes(), &signature) {
        decode(payload)
    } else {
        Err(Refusal::Signature)
    }
}

impl From<Refusal> for ApiError {
    fn from(refusal: Refusal) -> Self {
        let invalid = |detail: &str| bearer::refused(Code::InvalidToken, detail);
        match refusal {
            Refusal::Malformed => bearer::invalid(),
            Refusal::Algorithm => invalid(
                "The JSON Web Token is signed in a way that is not accepted here; ask its issuer for another one",
            ),
            Refusal::Signature => invalid(
                "No key that is configured here has signed the JSON Web Token; ask its issuer for a new one",
            ),
            Refusal::Expired => bearer::refused(
                Code::TokenExpired,
                "The JSON Web Token has expired; ask its issuer for a new one",
            ),
            Refusal::Claims(why) => invalid(why),
            Refusal::NoRole(claim) => bearer::without_role(&claim),
        }
    }
}

impl fmt::Debug for Jwt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Jwt")
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
