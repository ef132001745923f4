//! JSON Web Tokens, really signed.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::time::Instant;

use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256,
    RsaKeyPair, RsaPublicKeyComponents,
};
use ring::{hmac, signature};
use rstest::rstest;
use serde_json::{Value, json};
use storage_domain::Role;
use tempfile::TempDir;
use tokio::runtime::Runtime;

use super::*;

const SECRET: &[u8] = b"a secret of more than thirty-two bytes";
const RSA: &[u8] = include_bytes!("../../../tests/fixtures/jwt/rsa.pk8");

static RANDOM: LazyLock<SystemRandom> = LazyLock::new(SystemRandom::new);

fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Something that signs.
enum Signer {
    Secret(Vec<u8>),
    Rsa(RsaKeyPair),
    P256(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

impl Signer {
    fn rsa() -> Self {
        Self::Rsa(RsaKeyPair::from_pkcs8(RSA).unwrap())
    }

    fn p256() -> Self {
        let key = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &*RANDOM).unwrap();
        let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, key.as_ref(), &*RANDOM);
        Self::P256(key.unwrap())
    }

    fn ed25519() -> Self {
        let key = Ed25519KeyPair::generate_pkcs8(&*RANDOM).unwrap();
        Self::Ed25519(Ed25519KeyPair::from_pkcs8(key.as_ref()).unwrap())
    }

    fn algorithm(&self) -> &'static str {
        match self {
            Self::Secret(_) => "HS256",
            Self::Rsa(_) => "RS256",
            Self::P256(_) => "ES256",
            Self::Ed25519(_) => "EdDSA",
        }
    }

    fn sign(&self, message: &[u8]) -> Vec<u8> {
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

    fn jwk(&self, id: &str) -> Value {
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

    fn token(&self, claims: &Value) -> String {
        self.token_with(&json!({"alg": self.algorithm(), "typ": "JWT"}), claims)
    }

    fn token_with(&self, header: &Value, claims: &Value) -> String {
        let signed = format!(
            "{}.{}",
            encode(header.to_string().as_bytes()),
            encode(claims.to_string().as_bytes())
        );
        let signature = encode(&self.sign(signed.as_bytes()));
        format!("{signed}.{signature}")
    }
}

fn secret() -> Signer {
    Signer::Secret(SECRET.to_vec())
}

struct Files {
    directory: TempDir,
}

impl Files {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        Self { directory }
    }

    fn write(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.directory.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }

    fn secret(&self) -> PathBuf {
        self.write("secret", &[SECRET, b"\n"].concat())
    }

    fn set(&self, signers: &[(&str, &Signer)]) -> PathBuf {
        let keys: Vec<Value> = signers.iter().map(|(id, signer)| signer.jwk(id)).collect();
        self.write("keys.json", json!({ "keys": keys }).to_string().as_bytes())
    }
}

fn settings(secret: Option<&Path>, set: Option<&Path>) -> JwtSettings {
    JwtSettings {
        hs256_secret_file: secret.map(Path::to_owned),
        jwks_file: set.map(Path::to_owned),
        issuer: Some("https://control.lab".to_owned()),
        audience: Some("storage".to_owned()),
        role_claim: "role".to_owned(),
        roles: Role::ALL.iter().map(|r| (r.to_string(), *r)).collect(),
    }
}

fn now() -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(1_800_000_000).unwrap()
}

/// Claims that are right.
fn claims() -> Value {
    json!({
        "iss": "https://control.lab", "aud": "storage", "sub": "alice",
        "exp": 1_800_000_300, "nbf": 1_799_999_700, "role": "operator",
    })
}

fn claims_with(name: &str, value: Value) -> Value {
    let mut claims = claims();
    claims[name] = value;
    claims
}

/// Background work runs on a runtime that all tests share.
static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().unwrap());

fn jwt(settings: JwtSettings) -> Result<Jwt, KeyFileError> {
    Jwt::new(settings, RUNTIME.handle().clone())
}

fn by_secret() -> (Files, Jwt) {
    let files = Files::new();
    let jwt = jwt(settings(Some(&files.secret()), None)).unwrap();
    (files, jwt)
}

/// Has the files looked at now.
fn look(jwt: &Jwt) {
    jwt.files.look_next();
    RUNTIME.block_on(jwt.refresh());
}

#[test]
fn each_algorithm_is_accepted_with_its_own_key() {
    let files = Files::new();
    let (rsa, p256, ed25519) = (Signer::rsa(), Signer::p256(), Signer::ed25519());
    let set = files.set(&[("r", &rsa), ("p", &p256), ("e", &ed25519)]);
    let jwt = jwt(settings(Some(&files.secret()), Some(&set))).unwrap();
    for signer in [&secret(), &rsa, &p256, &ed25519] {
        let actor = jwt.verify_now(&signer.token(&claims()), now()).unwrap();
        assert_eq!(
            (actor.name.as_str(), actor.role),
            ("alice", Role::Operator),
            "{}",
            signer.algorithm()
        );
    }
    // By its name, and by another key's.
    for (id, known) in [("p", true), ("r", false), ("x", false)] {
        let token = p256.token_with(&json!({"alg": "ES256", "kid": id}), &claims());
        assert_eq!(jwt.verify_now(&token, now()).is_ok(), known, "{id}");
    }
    // Keys of the same kinds that are not in the set.
    for signer in [Signer::p256(), Signer::ed25519(), Signer::Secret(vec![b'x'; 40])] {
        let refused = jwt.verify_now(&signer.token(&claims()), now());
        assert_eq!(refused, Err(Refusal::Signature), "{}", signer.algorithm());
    }
}

/// The public key as the secret of HS256, the algorithm `none`, and others that nobody offered.
#[test]
fn algorithms_are_not_confused() {
    let files = Files::new();
    let rsa = Signer::rsa();
    let set = files.set(&[("r", &rsa), ("s", &secret())]);
    let jwt = jwt(settings(None, Some(&set))).unwrap();
    let public = rsa.jwk("r")["n"].as_str().unwrap().to_owned();
    for bytes in [
        URL_SAFE_NO_PAD.decode(&public).unwrap(),
        public.into_bytes(),
        std::fs::read(&set).unwrap(),
        SECRET.to_vec(),
    ] {
        let forged = Signer::Secret(bytes).token(&claims());
        assert_eq!(jwt.verify_now(&forged, now()), Err(Refusal::Signature));
    }
    for word in ["none", "None", "NONE", "", "HS384", "RS512", "PS256", "hs256"] {
        let signed = rsa.token_with(&json!({"alg": word}), &claims());
        assert_eq!(jwt.verify_now(&signed, now()), Err(Refusal::Algorithm), "{word}");
        let bare = format!("{}.", signed.rsplit_once('.').unwrap().0);
        assert!(jwt.verify_now(&bare, now()).is_err());
    }
    for word in ["ES256", "EdDSA", "HS256"] {
        let other = rsa.token_with(&json!({"alg": word}), &claims());
        assert_eq!(jwt.verify_now(&other, now()), Err(Refusal::Signature), "{word}");
    }
    let critical = rsa.token_with(&json!({"alg": "RS256", "crit": ["b64"], "b64": false}), &claims());
    assert_eq!(jwt.verify_now(&critical, now()), Err(Refusal::Algorithm));
}

#[rstest]
#[case("")]
#[case(".")]
#[case("..")]
#[case("a.b")]
#[case("e30.e30.")]
#[case("bnVsbA.e30.e30")]
#[case("a.b.c.d")]
#[case("ü.ü.ü")]
fn what_is_no_token_is_refused(#[case] text: &str) {
    let (_files, jwt) = by_secret();
    assert!(jwt.verify_now(text, now()).is_err());
    let padded = format!("{}=", secret().token(&claims()));
    assert_eq!(jwt.verify_now(&padded, now()), Err(Refusal::Malformed));
    let long = secret().token(&claims_with("more", "x".repeat(MAX_BYTES).into()));
    assert_eq!(jwt.verify_now(&long, now()), Err(Refusal::Malformed));
}

#[test]
fn a_changed_byte_is_noticed() {
    let (_files, jwt) = by_secret();
    let token = secret().token(&claims());
    assert!(jwt.verify_now(&token, now()).is_ok());
    let admin = encode(claims_with("role", "admin".into()).to_string().as_bytes());
    let parts: Vec<&str> = token.split('.').collect();
    let forged = format!("{}.{admin}.{}", parts[0], parts[2]);
    assert_eq!(jwt.verify_now(&forged, now()), Err(Refusal::Signature));
}

#[rstest]
#[case("exp", json!(1_800_000_000 - 59), None)]
#[case("exp", json!(1_800_000_000 - 60), Some(Refusal::Expired))]
#[case("exp", json!(1_799_999_940.5), None)]
#[case("exp", Value::Null, Some(Refusal::Claims("exp")))]
#[case("exp", json!("1800000300"), Some(Refusal::Malformed))]
#[case("exp", json!(1e300), None)]
#[case("nbf", json!(1_800_000_060), None)]
#[case("nbf", json!(1_800_000_061), Some(Refusal::Claims("not valid yet")))]
#[case("nbf", Value::Null, None)]
#[case("iss", json!("https://other.lab"), Some(Refusal::Claims("jwt_issuer")))]
#[case("iss", Value::Null, Some(Refusal::Claims("jwt_issuer")))]
#[case("aud", json!(["other", "storage"]), None)]
#[case("aud", json!("other"), Some(Refusal::Claims("jwt_audience")))]
#[case("aud", json!([]), Some(Refusal::Claims("jwt_audience")))]
#[case("aud", Value::Null, Some(Refusal::Claims("jwt_audience")))]
#[case("sub", json!(""), Some(Refusal::Claims("sub")))]
#[case("sub", json!("a\nb"), Some(Refusal::Claims("sub")))]
#[case("sub", json!(5), Some(Refusal::Claims("sub")))]
#[case("role", json!("root"), Some(Refusal::NoRole("role".to_owned())))]
#[case("role", Value::Null, Some(Refusal::NoRole("role".to_owned())))]
#[case("role", json!(["x", "viewer", "admin", "operator"]), None)]
#[case("role", json!("openid viewer"), None)]
fn claims_are_checked(#[case] name: &str, #[case] value: Value, #[case] wanted: Option<Refusal>) {
    let (_files, jwt) = by_secret();
    let found = jwt.verify_now(&secret().token(&claims_with(name, value.clone())), now());
    match (found, wanted) {
        (Ok(actor), None) => {
            let highest = match &value {
                Value::Array(_) if name == "role" => Role::Admin,
                Value::String(_) if name == "role" => Role::Viewer,
                _ => Role::Operator,
            };
            assert_eq!(actor.role, highest);
        }
        (Err(Refusal::Claims(told)), Some(Refusal::Claims(part))) => assert!(told.contains(part), "{told}"),
        (found, wanted) => assert_eq!(found.err(), wanted, "{name}: {value}"),
    }
}

#[test]
fn a_claim_may_lie_deeper_and_have_other_words() {
    let files = Files::new();
    let settings = JwtSettings {
        role_claim: "/realm_access/roles".to_owned(),
        roles: vec![("pureboot ops".to_owned(), Role::Operator)],
        ..settings(Some(&files.secret()), None)
    };
    let jwt = jwt(settings).unwrap();
    let with = |roles: Value| secret().token(&claims_with("realm_access", json!({ "roles": roles })));
    assert_eq!(
        jwt.verify_now(&with(json!(["pureboot ops"])), now())
            .unwrap()
            .role,
        Role::Operator
    );
    assert!(jwt.verify_now(&with(json!(["admin"])), now()).is_err());
}

/// What was found good once is good until it ends, and no longer.
#[test]
fn a_cached_token_ends_all_the_same() {
    let (_files, jwt) = by_secret();
    let token = secret().token(&claims());
    assert!(jwt.verify_now(&token, now()).is_ok());
    assert!(
        jwt.verify_now(&token, now() + time::Duration::seconds(359))
            .is_ok()
    );
    assert_eq!(
        jwt.verify_now(&token, now() + time::Duration::seconds(360)),
        Err(Refusal::Expired)
    );
}

#[test]
fn keys_are_read_again_when_their_file_changes() {
    let files = Files::new();
    let (first, second) = (Signer::p256(), Signer::p256());
    let set = files.set(&[("1", &first)]);
    let jwt = jwt(settings(None, Some(&set))).unwrap();
    let (old, new) = (first.token(&claims()), second.token(&claims()));
    assert!(jwt.verify_now(&old, now()).is_ok() && jwt.verify_now(&new, now()).is_err());
    // A file that is half written changes nothing.
    files.write("keys.json", b"{\"keys\": [");
    look(&jwt);
    assert!(jwt.verify_now(&old, now()).is_ok());
    files.set(&[("2", &second)]);
    // They are looked at by themselves, now and then.
    let end = Instant::now() + Duration::from_secs(20);
    while RUNTIME.block_on(jwt.verify(&new, now())).is_err() {
        assert!(Instant::now() < end, "the new key");
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(jwt.verify_now(&old, now()), Err(Refusal::Signature));
}

/// A tool that keeps times, such as `cp -p`, shows a mended file by its change time only.
#[test]
fn keys_that_could_not_be_read_at_first_are_tried_again() {
    let files = Files::new();
    let (first, second) = (Signer::p256(), Signer::p256());
    let set = files.set(&[("1", &first)]);
    let jwt = jwt(settings(None, Some(&set))).unwrap();
    let new = second.token(&claims());
    files.set(&[("2", &second)]);
    let good = std::fs::read(&set).unwrap();
    let then = std::time::SystemTime::now() - Duration::from_hours(1);
    let write = |bytes: &[u8]| {
        files.write("keys.json", bytes);
        std::fs::File::options()
            .write(true)
            .open(&set)
            .unwrap()
            .set_modified(then)
            .unwrap();
    };
    write(&vec![b'x'; good.len()]);
    look(&jwt);
    assert!(jwt.verify_now(&new, now()).is_err());
    write(&good);
    look(&jwt);
    assert!(jwt.verify_now(&new, now()).is_ok());
}

/// The file system of the keys may hang: that costs one request a second, and no other one anything.
#[test]
fn a_file_system_that_hangs_holds_up_one_request_for_a_second() {
    let files = Files::new();
    let (first, second) = (Signer::p256(), Signer::p256());
    let set = files.set(&[("1", &first)]);
    let jwt = jwt(settings(None, Some(&set))).unwrap();
    let (old, new) = (first.token(&claims()), second.token(&claims()));
    files.set(&[("2", &second)]);
    let verify = |token: &str| {
        jwt.files.look_next();
        let begun = Instant::now();
        let known = RUNTIME.block_on(jwt.verify(token, now())).is_ok();
        (known, begun.elapsed())
    };
    let hung = jwt.files.hang();
    let (known, took) = verify(&old);
    assert!(
        known && took >= LOOK_DEADLINE && took < LOOK_DEADLINE * 5,
        "{took:?}"
    );
    // No second look begins beside the one that hangs.
    for _ in 0..3 {
        let (known, took) = verify(&old);
        assert!(known && took < LOOK_DEADLINE, "{took:?}");
    }
    drop(hung);
    let end = Instant::now() + Duration::from_secs(20);
    while jwt.verify_now(&new, now()).is_err() {
        assert!(Instant::now() < end, "the look that hung goes on to its end");
        std::thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(jwt.verify_now(&old, now()), Err(Refusal::Signature));
}

#[test]
fn what_is_no_file_is_refused() {
    let files = Files::new();
    let error = jwt(settings(None, Some(files.directory.path()))).unwrap_err();
    assert!(error.to_string().ends_with(" is no file"), "{error}");
}

/// A request that began with the old keys leaves nothing behind that outlives them.
#[test]
fn what_old_keys_signed_is_not_remembered_past_them() {
    let files = Files::new();
    let (first, second) = (Signer::p256(), Signer::p256());
    let set = files.set(&[("1", &first)]);
    let jwt = jwt(settings(None, Some(&set))).unwrap();
    let old = first.token(&claims());
    let before = jwt.files.keys();
    files.set(&[("2", &second)]);
    look(&jwt);
    assert_eq!(jwt.verify_now(&old, now()), Err(Refusal::Signature));
    assert!(jwt.verify_by(&before, &old, now()).is_ok());
    assert_eq!(jwt.verify_now(&old, now()), Err(Refusal::Signature));
}

#[rstest]
#[case(b"", "at least 32 bytes")]
#[case(b"secret-canary\n", "at least 32 bytes")]
fn secrets_that_are_too_short_are_refused(#[case] bytes: &[u8], #[case] wanted: &str) {
    let files = Files::new();
    let path = files.write("secret", bytes);
    let error = jwt(settings(Some(&path), None)).unwrap_err().to_string();
    assert!(error.contains(wanted) && !error.contains("canary"), "{error}");
}

#[rstest]
#[case(b"nonsense", "is no JWK set")]
#[case(b"{\"keys\": []}", "has no public key")]
#[case(b"{\"keys\": [{\"kty\": \"oct\", \"k\": \"c2VjcmV0\"}]}", "has no public key")]
#[case(
    b"{\"keys\": [{\"kty\": \"RSA\", \"use\": \"enc\", \"n\": \"AQAB\", \"e\": \"AQAB\"}]}",
    "has no public key"
)]
#[case(
    b"{\"keys\": [{\"kty\": \"EC\", \"crv\": \"P-256\", \"x\": \"AQAB\", \"y\": \"AQAB\"}]}",
    "has no public key"
)]
fn sets_without_a_key_are_refused(#[case] bytes: &[u8], #[case] wanted: &str) {
    let files = Files::new();
    let path = files.write("keys.json", bytes);
    let error = jwt(settings(None, Some(&path))).unwrap_err().to_string();
    assert!(error.contains(wanted), "{error}");
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let error = jwt(settings(Some(Path::new("/nowhere/secret")), None)).unwrap_err();
    assert_eq!(error.to_string(), "/nowhere/secret can't be read");
}
