use rstest::rstest;

use super::*;

const ID: &str = "01a204fe-f448-7540-918d-1ef24b00ec0b";
const OTHER: &str = "01a204fe-f448-7540-918d-1ef24b00ec0c";

fn sealed(ring: &KeyRing, secret: &str) -> Value {
    seal(ring.get(ring.newest().as_str()).unwrap(), ID, "password", secret).unwrap()
}

fn opened(value: &Value, ring: &KeyRing, id: &str, field: &str) -> Result<String, Unopened> {
    let sealed = Sealed::parse(value).ok_or(Unopened::Malformed)?;
    sealed.open(ring, id, field).map(|secret| (*secret).clone())
}

#[rstest]
#[case("x")]
#[case("quote\" comma, {brace} \\ back")]
#[case("ключ 🔑")]
#[case(&"k".repeat(4096))]
fn what_was_sealed_comes_back(#[case] secret: &str) {
    let ring = KeyRing::generate().unwrap();
    let value = sealed(&ring, secret);
    assert_eq!(opened(&value, &ring, ID, "password").as_deref(), Ok(secret));
    assert_ne!(value, sealed(&ring, secret), "each has a nonce of its own");
    assert!(secret.len() < 4 || !value.to_string().contains(secret));
}

#[test]
fn it_belongs_to_one_backend_and_one_field() {
    let ring = KeyRing::generate().unwrap();
    let value = sealed(&ring, "hunter2");
    assert_eq!(opened(&value, &ring, OTHER, "password"), Err(Unopened::Forged));
    assert_eq!(opened(&value, &ring, ID, "chap_password"), Err(Unopened::Forged));
}

#[test]
fn another_key_does_not_open_it() {
    let (ring, other) = (KeyRing::generate().unwrap(), KeyRing::generate().unwrap());
    let value = sealed(&ring, "hunter2");
    assert_eq!(opened(&value, &other, ID, "password"), Err(Unopened::NoKey));
    let renamed = value
        .to_string()
        .replace(ring.newest().as_str(), other.newest().as_str());
    let renamed = serde_json::from_str(&renamed).unwrap();
    assert_eq!(opened(&renamed, &other, ID, "password"), Err(Unopened::Forged));
    let newer = ring.with_new().unwrap();
    assert_eq!(opened(&value, &newer, ID, "password").as_deref(), Ok("hunter2"));
}

/// Whichever character is changed, nothing is opened.
#[test]
fn a_changed_record_is_not_opened() {
    let ring = KeyRing::generate().unwrap();
    let value = sealed(&ring, "hunter2");
    let text = value[MEMBER].as_str().unwrap();
    for at in 0..text.len() {
        let mut changed = text.to_owned().into_bytes();
        changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
        let changed = serde_json::json!({ MEMBER: String::from_utf8(changed).unwrap() });
        assert!(opened(&changed, &ring, ID, "password").is_err(), "{changed}");
    }
    for cut in [0, 1, 20, text.len() - 1] {
        let cut = serde_json::json!({ MEMBER: &text[..cut] });
        assert!(opened(&cut, &ring, ID, "password").is_err(), "{cut}");
    }
}

#[rstest]
#[case(r#""1.0011223344556677.AAAA""#)]
#[case(r#"{"$sealed":7}"#)]
#[case(r#"{"$sealed":"2.0011223344556677.AAAA"}"#)]
#[case(r#"{"$sealed":"1.0011223344556677.AAAA","more":1}"#)]
#[case("null")]
fn what_has_another_form_is_no_sealed_secret(#[case] text: &str) {
    assert!(Sealed::parse(&serde_json::from_str(text).unwrap()).is_none());
}
