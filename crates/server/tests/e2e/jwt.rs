//! JSON Web Tokens, signed here as the control plane signs them, at the built binary.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac;
use ring::rand::SystemRandom;
use ring::signature::{Ed25519KeyPair, KeyPair as _};
use serde_json::{Value, json};

use crate::service::{Service, directory, until};

const BACKENDS: &str = "/api/v1/storage/backends";
const SECRET: &str = "a secret of the control plane, long enough";

fn part(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}

/// Whose it is, and the word for the role.
fn claims(subject: &str, role: &str) -> Value {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
    json!({
        "iss": "https://control.lab", "aud": "storage", "sub": subject,
        "exp": now.as_secs() + 600, "groups": ["staff", role],
    })
}

fn signed(header: &Value, claims: &Value, sign: impl Fn(&[u8]) -> Vec<u8>) -> String {
    let message = format!("{}.{}", part(header), part(claims));
    let signature = sign(message.as_bytes());
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
}

fn hs256(secret: &str, claims: &Value) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    signed(&json!({"alg": "HS256", "typ": "JWT"}), claims, |message| {
        hmac::sign(&key, message).as_ref().to_vec()
    })
}

fn key_pair() -> Ed25519KeyPair {
    let key = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).expect("a key");
    Ed25519KeyPair::from_pkcs8(key.as_ref()).expect("a key")
}

fn ed25519(key: &Ed25519KeyPair, claims: &Value) -> String {
    let header = json!({"alg": "EdDSA", "kid": "one"});
    signed(&header, claims, |message| key.sign(message).as_ref().to_vec())
}

/// Puts a key set in place as a whole, as its issuer's timer would.
fn publish(file: &Path, key: &Ed25519KeyPair) {
    let x = URL_SAFE_NO_PAD.encode(key.public_key());
    let set = json!({"keys": [{"kty": "OKP", "crv": "Ed25519", "kid": "one", "x": x}]});
    let new = file.with_extension("new");
    fs::write(&new, set.to_string()).expect("it can be written");
    fs::set_permissions(&new, fs::Permissions::from_mode(0o644)).expect("its mode can be set");
    fs::rename(&new, file).expect("it can be put in place");
}

/// A service that takes tokens signed with a secret and with the keys of a set, for roles of the lab.
fn serve(home: &Path, key: &Ed25519KeyPair) -> Service {
    serve_with(home, key, &["--jwt-roles=lab-admin=admin,lab-view=viewer"])
}

fn serve_with(home: &Path, key: &Ed25519KeyPair, more: &[&str]) -> Service {
    let (secret, set) = (home.join("jwt-secret"), home.join("jwks.json"));
    fs::write(&secret, SECRET).expect("it can be written");
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o600)).expect("its mode can be set");
    publish(&set, key);
    let (secret, set) = (secret.to_str().expect("UTF-8"), set.to_str().expect("UTF-8"));
    let mut settings = vec![
        "--jwt-hs256-secret-file",
        secret,
        "--jwt-jwks-file",
        set,
        "--jwt-issuer=https://control.lab",
        "--jwt-audience=storage",
        "--jwt-role-claim=groups",
        "--log-level=trace",
    ];
    settings.extend(more);
    Service::start_in(&home.join("state"), &settings)
}

#[test]
fn signed_tokens_have_the_role_that_their_issuer_says() {
    let home = directory();
    let key = key_pair();
    let service = serve(home.path(), &key);
    assert_eq!(service.ask("GET", BACKENDS, "").status, 401);
    let body = r#"{"name":"web","type":"http","config":{"base_url":"http://127.0.0.1:9"}}"#;
    let admin = hs256(SECRET, &claims("alice", "lab-admin"));
    let viewer = ed25519(&key, &claims("bob", "lab-view"));
    let cases = [
        (admin.clone(), 201),
        (viewer.clone(), 403),
        (hs256(SECRET, &claims("carol", "staff")), 403),
        (
            hs256(
                "another secret, and as long as the other",
                &claims("eve", "lab-admin"),
            ),
            401,
        ),
        (ed25519(&key_pair(), &claims("eve", "lab-admin")), 401),
        (
            signed(&json!({"alg": "none"}), &claims("eve", "lab-admin"), |_| {
                Vec::new()
            }),
            401,
        ),
    ];
    for (token, status) in &cases {
        let answer = service.ask_as(token, "POST", BACKENDS, body);
        assert_eq!(answer.status, *status, "{}", answer.body);
    }
    assert_eq!(service.ask_as(&viewer, "GET", BACKENDS, "").status, 200);

    let trail = service.ask_as(&admin, "GET", "/api/v1/storage/audit", "").json();
    let records = trail["data"].as_array().expect("a list");
    let created = records.iter().find(|r| r["status"] == 201);
    assert_eq!(created.expect("a record")["actor"], "alice", "{trail}");
    let log = service.log();
    for (token, _) in &cases {
        let signature = token.rsplit('.').next().filter(|s| !s.is_empty());
        assert!(
            signature.is_none_or(|s| !log.contains(s)),
            "the log shows a token"
        );
    }
    assert!(!log.contains(SECRET));
}

#[test]
fn the_roles_of_the_control_plane_are_known_without_a_setting() {
    let home = directory();
    let service = serve_with(home.path(), &key_pair(), &[]);
    let body = r#"{"name":"web","type":"http","config":{"base_url":"http://127.0.0.1:9"}}"#;
    for (role, reads, creates) in [
        ("viewer", 200, 403),
        ("approver", 200, 403),
        ("operator", 200, 403),
        ("admin", 200, 201),
        ("stranger", 403, 403),
    ] {
        let token = hs256(SECRET, &claims("dave", role));
        let status = |method, body| service.ask_as(&token, method, BACKENDS, body).status;
        assert_eq!(
            (status("GET", ""), status("POST", body)),
            (reads, creates),
            "{role}"
        );
    }
}

#[test]
fn a_key_that_its_issuer_withdraws_is_good_for_nothing() {
    let home = directory();
    let (old, new) = (key_pair(), key_pair());
    let service = serve(home.path(), &old);
    let (before, after) = (
        ed25519(&old, &claims("bob", "lab-view")),
        ed25519(&new, &claims("bob", "lab-view")),
    );
    assert_eq!(service.ask_as(&before, "GET", BACKENDS, "").status, 200);
    assert_eq!(service.ask_as(&after, "GET", BACKENDS, "").status, 401);
    publish(&home.path().join("jwks.json"), &new);
    until("the old key is withdrawn", || {
        (service.ask_as(&before, "GET", BACKENDS, "").status == 401).then_some(())
    });
    assert_eq!(service.ask_as(&after, "GET", BACKENDS, "").status, 200);
}
