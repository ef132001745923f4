use proptest::prelude::*;
use rstest::rstest;

use super::*;

#[test]
fn pairs_are_read_in_order() {
    let read = pairs(b"AuthMethod=CHAP,None\0TargetAlias=\0Equal=a=b\0\0\0").unwrap();
    assert_eq!(
        read,
        [("AuthMethod", "CHAP,None"), ("TargetAlias", ""), ("Equal", "a=b")]
    );
}

#[rstest]
#[case::no_pair(b"AuthMethod\0", TextError::NoPair)]
#[case::no_key(b"=value\0", TextError::NoPair)]
#[case::encoding(b"Key=\xff\0", TextError::Encoding)]
fn what_is_none_is_told(#[case] text: &[u8], #[case] error: TextError) {
    assert_eq!(pairs(text), Err(error));
}

#[test]
fn lengths_have_their_bounds() {
    let text = |key: usize, value: usize| format!("{}={}\0", "k".repeat(key), "v".repeat(value));
    assert!(pairs(text(MAX_KEY, MAX_VALUE).as_bytes()).is_ok());
    assert_eq!(pairs(text(MAX_KEY + 1, 1).as_bytes()), Err(TextError::TooLong));
    assert_eq!(pairs(text(1, MAX_VALUE + 1).as_bytes()), Err(TextError::TooLong));
}

#[test]
fn targets_have_their_addresses() {
    let text = b"TargetName=iqn.a\0TargetAddress=10.0.0.1:3260,1\0TargetAddress=[fd00::1]:3260,2\0TargetName=iqn.b\0";
    let found = targets(text).unwrap();
    assert_eq!(found[0].addresses, ["10.0.0.1:3260,1", "[fd00::1]:3260,2"]);
    assert_eq!((found[1].name.as_str(), found[1].addresses.len()), ("iqn.b", 0));
    assert_eq!(targets(b"TargetAddress=10.0.0.1\0"), Err(TextError::NoTarget));
}

#[test]
fn no_more_targets_are_kept_than_the_bound() {
    let text = "TargetName=iqn.x\0".repeat(MAX_TARGETS + 5);
    assert_eq!(targets(text.as_bytes()).unwrap().len(), MAX_TARGETS);
}

#[rstest]
#[case("10.0.0.1:3261,1", "10.0.0.1:3261")]
#[case("10.0.0.1", "10.0.0.1:3260")]
#[case("nas.lab:860,2", "nas.lab:860")]
#[case("[fd00::1]:3260,1", "[fd00::1]:3260")]
#[case("[fd00::1]", "[fd00::1]:3260")]
#[case("fd00::1", "[fd00::1]:3260")]
#[case("[fe80::1%eth0]:3260", "[fe80::1%eth0]:3260")]
fn addresses_are_read(#[case] text: &str, #[case] shown: &str) {
    assert_eq!(text.parse::<Address>().unwrap().to_string(), shown);
}

#[rstest]
#[case("")]
#[case("10.0.0.1:0")]
#[case("10.0.0.1:65536")]
#[case("10.0.0.1:x")]
#[case("[fd00::1]x:1")]
#[case("-host:1")]
#[case("a b:1")]
fn what_is_no_address_is_refused(#[case] text: &str) {
    assert!(text.parse::<Address>().is_err());
}

proptest! {
    #[test]
    fn what_is_written_is_read_back(list in prop::collection::vec(("[A-Za-z0-9]{1,63}", "[^\\x00]{0,40}"), 0..8)) {
        let text = write(list.iter().map(|(key, value)| (key.as_str(), value.as_str())));
        let read = pairs(&text).unwrap();
        prop_assert!(read.iter().map(|(k, v)| (*k, *v)).eq(list.iter().map(|(k, v)| (k.as_str(), v.as_str()))));
    }

    #[test]
    fn nothing_panics(bytes in prop::collection::vec(any::<u8>(), 0..400), text in "\\PC{0,40}") {
        let _ = (targets(&bytes), text.parse::<Address>());
    }

    #[test]
    fn an_address_is_read_back(host in "[a-z]{1,9}(\\.[a-z]{1,9}){0,3}", port in 1..=u16::MAX) {
        let address = Address { host: host.parse().unwrap(), port };
        prop_assert_eq!(address.to_string().parse::<Address>().unwrap(), address);
    }
}
