//! JSON Web Tokens, really signed.

mod files;
mod signer;

use rstest::rstest;
use serde_json::{Value, json};
use storage_domain::Role;

use self::signer::*;
use super::*;

#[test]
fn each_algorithm_is_accepted_with_its_own_key() {
    let files = Files::new();
    let (rsa, p256, ed25519) = (Signer::rsa(), Signer::p256(), Signer::ed25519());
    let set = files.set(&[("r", &rsa), ("p", &p256), ("e", &ed25519)]);
    let jwt = jwt(settings(Some(&files.secret()), Some(&set))).unwrap();
    for signer in [&secret(), &rsa, &p256, &ed25519] {
        let actor = jwt.verify(&signer.token(&claims()), now()).unwrap();
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
        assert_eq!(jwt.verify(&token, now()).is_ok(), known, "{id}");
    }
    // Keys of the same kinds that are not in the set.
    for signer in [Signer::p256(), Signer::ed25519(), Signer::Secret(vec![b'x'; 40])] {
        let refused = jwt.verify(&signer.token(&claims()), now());
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
        assert_eq!(jwt.verify(&forged, now()), Err(Refusal::Signature));
    }
    for word in ["none", "None", "NONE", "", "HS384", "RS512", "PS256", "hs256"] {
        let signed = rsa.token_with(&json!({"alg": word}), &claims());
        assert_eq!(jwt.verify(&signed, now()), Err(Refusal::Algorithm), "{word}");
        let bare = format!("{}.", signed.rsplit_once('.').unwrap().0);
        assert!(jwt.verify(&bare, now()).is_err());
    }
    for word in ["ES256", "EdDSA", "HS256"] {
        let other = rsa.token_with(&json!({"alg": word}), &claims());
        assert_eq!(jwt.verify(&other, now()), Err(Refusal::Signature), "{word}");
    }
    let critical = rsa.token_with(&json!({"alg": "RS256", "crit": ["b64"], "b64": false}), &claims());
    assert_eq!(jwt.verify(&critical, now()), Err(Refusal::Algorithm));
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
    assert!(jwt.verify(text, now()).is_err());
    let padded = format!("{}=", secret().token(&claims()));
    assert_eq!(jwt.verify(&padded, now()), Err(Refusal::Malformed));
    let long = secret().token(&claims_with("more", "x".repeat(MAX_BYTES).into()));
    assert_eq!(jwt.verify(&long, now()), Err(Refusal::Malformed));
}

#[test]
fn a_changed_byte_is_noticed() {
    let (_files, jwt) = by_secret();
    let token = secret().token(&claims());
    assert!(jwt.verify(&token, now()).is_ok());
    let admin = encode(claims_with("role", "admin".into()).to_string().as_bytes());
    let parts: Vec<&str> = token.split('.').collect();
    let forged = format!("{}.{admin}.{}", parts[0], parts[2]);
    assert_eq!(jwt.verify(&forged, now()), Err(Refusal::Signature));
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
    let found = jwt.verify(&secret().token(&claims_with(name, value.clone())), now());
    match (found, wanted) {
        (Ok(actor), None) => {
            let highest = match &value {
                Value::Array(_) if name == "role" => Role::Admin,
                Value::String(_) if name == "role" => Role::Viewer,
                _ => Role::Operator,
            };
            assert_eq!(actor.role, highest);
        }
        (Err(Refusal::Claims(claim)), Some(Refusal::Claims(part))) => {
            assert!(claim.contains(part), "{claim}");
        }
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
        jwt.verify(&with(json!(["pureboot ops"])), now()).unwrap().role,
        Role::Operator
    );
    assert!(jwt.verify(&with(json!(["admin"])), now()).is_err());
}

/// What was found good once is good until it ends, and no longer.
#[test]
fn a_cached_token_ends_all_the_same() {
    let (_files, jwt) = by_secret();
    let token = secret().token(&claims());
    assert!(jwt.verify(&token, now()).is_ok());
    assert!(jwt.verify(&token, now() + time::Duration::seconds(359)).is_ok());
    assert_eq!(
        jwt.verify(&token, now() + time::Duration::seconds(360)),
        Err(Refusal::Expired)
    );
}
