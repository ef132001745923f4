//! Keys that sign, the files that list them, and claims that are right.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256,
    RsaKeyPair, RsaPublicKeyComponents,
};
use ring::{hmac, signature};
use serde_json::{Value, json};
use storage_domain::Role;
use tempfile::TempDir;
use time::OffsetDateTime;

use crate::auth::jwt::{Jwt, JwtSettings, KeyFileError};

pub(super) const SECRET: &[u8] = b"a secret of more than thirty-two bytes";
pub(super) const RSA: &[u8] = include_bytes!("../../../../tests/fixtures/jwt/rsa.pk8");

pub(super) static RANDOM: LazyLock<SystemRandom> = LazyLock::new(SystemRandom::new);

pub(super) fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Something that signs.
pub(super) enum Signer {
    Secret(Vec<u8>),
    Rsa(RsaKeyPair),
    P256(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

impl Signer {
    pub(super) fn rsa() -> Self {
        Self::Rsa(RsaKeyPair::from_pkcs8(RSA).unwrap())
    }

    pub(super) fn p256() -> Self {
        let key = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &*RANDOM).unwrap();
        let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, key.as_ref(), &*RANDOM);
        Self::P256(key.unwrap())
    }

    pub(super) fn ed25519() -> Self {
        let key = Ed25519KeyPair::generate_pkcs8(&*RANDOM).unwrap();
        Self::Ed25519(Ed25519KeyPair::from_pkcs8(key.as_ref()).unwrap())
    }

    pub(super) fn algorithm(&self) -> &'static str {
        match self {
            Self::Secret(_) => "HS256",
            Self::Rsa(_) => "RS256",
            Self::P256(_) => "ES256",
            Self::Ed25519(_) => "EdDSA",
        }
    }

    pub(super) fn sign(&self, message: &[u8]) -> Vec<u8> {
        match self {
            Self::Secret(secret) => {
                let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
                hmac::sign(&key, message).as_ref().to_vec()
            }
            Self::Rsa(key) => {
                let mut out = vec![0; key.public().modulus_len()];
                key.sign(&RSA_PKCS1_SHA256, &*RANDOM, message, &mut out).unwrap();
                out
            }
            Self::P256(key) => signature::Signature::as_ref(&key.sign(&*RANDOM, message).unwrap()).to_vec(),
            Self::Ed25519(key) => key.sign(message).as_ref().to_vec(),
        }
    }

    pub(super) fn jwk(&self, id: &str) -> Value {
        match self {
            Self::Secret(secret) => json!({"kty": "oct", "kid": id, "k": encode(secret)}),
            Self::Rsa(key) => {
                let public = RsaPublicKeyComponents::<Vec<u8>>::from(key.public());
                json!({"kty": "RSA", "kid": id, "n": encode(&public.n), "e": encode(&public.e)})
            }
            Self::P256(key) => {
                let point = key.public_key().as_ref();
                json!({"kty": "EC", "crv": "P-256", "kid": id, "x": encode(&point[1..33]), "y": encode(&point[33..])})
            }
            Self::Ed25519(key) => {
                json!({"kty": "OKP", "crv": "Ed25519", "kid": id, "x": encode(key.public_key().as_ref())})
            }
        }
    }

    pub(super) fn token(&self, claims: &Value) -> String {
        self.token_with(&json!({"alg": self.algorithm(), "typ": "JWT"}), claims)
    }

    pub(super) fn token_with(&self, header: &Value, claims: &Value) -> String {
        let signed = format!(
            "{}.{}",
            encode(header.to_string().as_bytes()),
            encode(claims.to_string().as_bytes())
        );
        let signature = encode(&self.sign(signed.as_bytes()));
        format!("{signed}.{signature}")
    }
}

pub(super) fn secret() -> Signer {
    Signer::Secret(SECRET.to_vec())
}

pub(super) struct Files {
    pub(super) directory: TempDir,
}

impl Files {
    pub(super) fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        Self { directory }
    }

    pub(super) fn write(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.directory.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        chmod(&path, 0o600);
        path
    }

    pub(super) fn secret(&self) -> PathBuf {
        self.write("secret", &[SECRET, b"\n"].concat())
    }

    pub(super) fn set(&self, signers: &[(&str, &Signer)]) -> PathBuf {
        let keys: Vec<Value> = signers.iter().map(|(id, signer)| signer.jwk(id)).collect();
        self.write("keys.json", json!({ "keys": keys }).to_string().as_bytes())
    }
}

/// Whatever the umask is.
pub(super) fn chmod(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

pub(super) fn settings(secret: Option<&Path>, set: Option<&Path>) -> JwtSettings {
    JwtSettings {
        hs256_secret_file: secret.map(Path::to_owned),
        jwks_file: set.map(Path::to_owned),
        issuer: Some("https://control.lab".to_owned()),
        audience: Some("storage".to_owned()),
        role_claim: "role".to_owned(),
        roles: Role::ALL.iter().map(|r| (r.to_string(), *r)).collect(),
    }
}

pub(super) fn now() -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(1_800_000_000).unwrap()
}

/// Claims that are right.
pub(super) fn claims() -> Value {
    json!({
        "iss": "https://control.lab", "aud": "storage", "sub": "alice",
        "exp": 1_800_000_300, "nbf": 1_799_999_700, "role": "operator",
    })
}

pub(super) fn claims_with(name: &str, value: Value) -> Value {
    let mut claims = claims();
    claims[name] = value;
    claims
}

pub(super) fn jwt(settings: JwtSettings) -> Result<Jwt, KeyFileError> {
    Jwt::new(settings)
}

pub(super) fn by_secret() -> (Files, Jwt) {
    let files = Files::new();
    let jwt = jwt(settings(Some(&files.secret()), None)).unwrap();
    (files, jwt)
}

/// Has the files looked at now.
pub(super) fn look(jwt: &Jwt) {
    jwt.key_files().reload(false);
}
