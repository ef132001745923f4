//! Keys and signatures (RFC 7515, 7517, 7518, 8037).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents, UnparsedPublicKey,
};
use serde::Deserialize;

/// How a token may be signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Algorithm {
    Hs256,
    Rs256,
    Es256,
    EdDsa,
}

impl Algorithm {
    /// The algorithm of this name; `none` is none of them.
    pub(super) fn of_word(word: &str) -> Option<Self> {
        match word {
            "HS256" => Some(Self::Hs256),
            "RS256" => Some(Self::Rs256),
            "ES256" => Some(Self::Es256),
            // RFC 9864 gives it the second name.
            "EdDSA" | "Ed25519" => Some(Self::EdDsa),
            _ => None,
        }
    }
}

/// The keys that may have signed a token.
#[derive(Default)]
pub(super) struct Keys {
    pub(super) secret: Option<hmac::Key>,
    pub(super) public: Vec<PublicKey>,
}

/// A key of a JWK set; it verifies one algorithm only.
pub(super) struct PublicKey {
    id: Option<String>,
    material: Material,
}

enum Material {
    Rsa { n: Vec<u8>, e: Vec<u8> },
    P256(Vec<u8>),
    Ed25519(Vec<u8>),
}

impl Keys {
    /// Whether a key of this algorithm has signed this. A token that names a key is tried with keys of that name only.
    pub(super) fn accept(
        &self,
        algorithm: Algorithm,
        id: Option<&str>,
        message: &[u8],
        signature: &[u8],
    ) -> bool {
        if algorithm == Algorithm::Hs256 {
            let secret = self.secret.as_ref();
            return secret.is_some_and(|key| hmac::verify(key, message, signature).is_ok());
        }
        let named = |key: &&PublicKey| id.is_none() || key.id.as_deref() == id;
        let mut fitting = self
            .public
            .iter()
            .filter(named)
            .filter(|key| key.algorithm() == algorithm);
        fitting.any(|key| key.verifies(message, signature))
    }
}

impl PublicKey {
    fn algorithm(&self) -> Algorithm {
        match self.material {
            Material::Rsa { .. } => Algorithm::Rs256,
            Material::P256(_) => Algorithm::Es256,
            Material::Ed25519(_) => Algorithm::EdDsa,
        }
    }

    fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        let verified = match &self.material {
            Material::Rsa { n, e } => {
                RsaPublicKeyComponents { n, e }.verify(&RSA_PKCS1_2048_8192_SHA256, message, signature)
            }
            Material::P256(point) => {
                UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).verify(message, signature)
            }
            Material::Ed25519(point) => UnparsedPublicKey::new(&ED25519, point).verify(message, signature),
        };
        verified.is_ok()
    }
}

#[derive(Deserialize)]
struct JwkSet {
    keys: Vec<serde_json::Value>,
}

#[derive(Deserialize)]
struct Jwk {
    kty: String,
    kid: Option<String>,
    #[serde(rename = "use")]
    usage: Option<String>,
    alg: Option<String>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
}

/// Reads a JWK set. Keys for other ends and of other kinds are left out, as RFC 7517, section 5, wants it.
///
/// # Errors
/// What is wrong with the set; nothing of it is repeated.
pub(super) fn read_set(text: &[u8]) -> Result<Vec<PublicKey>, &'static str> {
    let set: JwkSet = serde_json::from_slice(text).map_err(|_| "is no JWK set: {\"keys\": [...]}")?;
    let keys: Vec<PublicKey> = set.keys.into_iter().filter_map(public_key).collect();
    if keys.is_empty() {
        return Err("has no public key for RS256 (2048 bits or more), ES256 or EdDSA");
    }
    Ok(keys)
}

fn public_key(value: serde_json::Value) -> Option<PublicKey> {
    let jwk: Jwk = serde_json::from_value(value).ok()?;
    if jwk.usage.as_deref().is_some_and(|usage| usage != "sig") {
        return None;
    }
    let bytes = |part: &Option<String>| URL_SAFE_NO_PAD.decode(part.as_ref()?).ok();
    let material = match (jwk.kty.as_str(), jwk.crv.as_deref()) {
        ("RSA", _) => Material::Rsa {
            n: without_zeros(&bytes(&jwk.n)?),
            e: without_zeros(&bytes(&jwk.e)?),
        },
        ("EC", Some("P-256")) => Material::P256(point(&bytes(&jwk.x)?, &bytes(&jwk.y)?)?),
        ("OKP", Some("Ed25519")) => Material::Ed25519(bytes(&jwk.x)?),
        _ => return None,
    };
    let key = PublicKey {
        id: jwk.kid,
        material,
    };
    match jwk.alg {
        Some(alg) if Algorithm::of_word(&alg) != Some(key.algorithm()) => None,
        _ => Some(key),
    }
}

/// Some programs write a number with a leading zero, which RFC 7518 forbids and the verifier refuses.
fn without_zeros(number: &[u8]) -> Vec<u8> {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    number[zeros..].to_vec()
}

/// The uncompressed form of a point (SEC 1, section 2.3.3).
fn point(x: &[u8], y: &[u8]) -> Option<Vec<u8>> {
    (x.len() == 32 && y.len() == 32).then(|| [&[4], x, y].concat())
}
