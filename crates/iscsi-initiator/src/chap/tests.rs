use proptest::prelude::*;
use rstest::rstest;

use super::*;

/// As computed by `printf '\001passwordABC' | md5sum`.
#[test]
fn the_response_is_the_md5_of_identifier_secret_and_challenge() {
    let response = encode(&response(1, "password", b"ABC"));
    assert_eq!(response, "0x04a061bb7ae724e126d0b4595c089deb");
}

#[rstest]
#[case("0x0a0B", &[10, 11])]
#[case("0Xff", &[255])]
#[case("0xabc", &[0x0a, 0xbc])]
#[case("0bAAEC", &[0, 1, 2])]
#[case("0B/w==", &[255])]
fn both_encodings_are_read(#[case] text: &str, #[case] bytes: &[u8]) {
    assert_eq!(decode(text).unwrap(), bytes);
}

#[rstest]
#[case("", BinaryError::NoPrefix)]
#[case("0", BinaryError::NoPrefix)]
#[case("ab", BinaryError::Length)]
#[case("abcd", BinaryError::NoPrefix)]
#[case("0x", BinaryError::Length)]
#[case("0xzz", BinaryError::NotADigit)]
#[case("0x1é", BinaryError::NotADigit)]
#[case("0b====", BinaryError::NotADigit)]
#[case("é€€", BinaryError::NoPrefix)]
fn invalid_values_are_refused(#[case] text: &str, #[case] error: BinaryError) {
    assert_eq!(decode(text), Err(error));
}

#[test]
fn sent_challenges_are_remembered() {
    let challenges = Challenges::default();
    let (first, second) = (
        challenges.create().unwrap().bytes,
        challenges.create().unwrap().bytes,
    );
    assert_ne!(first, second);
    assert!(challenges.contain(&first) && challenges.contain(&second) && !challenges.contain(b"another"));
}

proptest! {
    #[test]
    fn hexadecimal_is_read_back(bytes in prop::collection::vec(any::<u8>(), 1..=MAX_CHALLENGE)) {
        prop_assert_eq!(decode(&encode(&bytes)), Ok(bytes.clone()));
        prop_assert_eq!(decode(&encode(&bytes).to_ascii_uppercase()), Ok(bytes));
    }

    #[test]
    fn base64_is_read_back(bytes in prop::collection::vec(any::<u8>(), 1..=MAX_CHALLENGE)) {
        prop_assert_eq!(decode(&format!("0b{}", STANDARD.encode(&bytes))), Ok(bytes));
    }

    #[test]
    fn longer_ones_are_refused(bytes in prop::collection::vec(any::<u8>(), MAX_CHALLENGE + 1..MAX_CHALLENGE + 500)) {
        prop_assert_eq!(decode(&encode(&bytes)), Err(BinaryError::Length));
        prop_assert_eq!(decode(&format!("0b{}", STANDARD.encode(&bytes))), Err(BinaryError::Length));
    }

    #[test]
    fn nothing_panics(text in "(0[xXbB])?\\PC{0,40}") {
        let _ = decode(&text);
    }

    #[test]
    fn responses_are_compared_whole(a: [u8; 16], b: [u8; 16], at in 0..16_usize) {
        let mut other = a;
        other[at] ^= 1;
        prop_assert!(is_same(&a, &a) && !is_same(&a, &other) && !is_same(&a, &a[..15]));
        prop_assert_eq!(is_same(&a, &b), a == b);
    }
}

#[test]
fn secrets_are_not_shown() {
    let mutual = Some(Mutual {
        name: Some("nas"),
        secret: "hush-theirs",
    });
    let shown = format!(
        "{:?}",
        Chap {
            name: "ops",
            secret: "hush-own",
            mutual
        }
    );
    assert!(
        shown.contains("ops") && shown.contains("nas") && !shown.contains("hush"),
        "{shown}"
    );
}
