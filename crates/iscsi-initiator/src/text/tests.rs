use proptest::prelude::*;
use rstest::rstest;

use super::*;

const MAX: usize = 100;

#[test]
fn pairs_are_read_in_order() {
    let read = pairs(b"AuthMethod=CHAP,None\0TargetAlias=\0Equal=a=b\0\0\0").unwrap();
    let expected = [("AuthMethod", "CHAP,None"), ("TargetAlias", ""), ("Equal", "a=b")];
    assert_eq!(read, expected.map(|(key, value)| (key, value.into())));
}

#[test]
fn a_value_that_is_not_utf_8_spoils_no_other() {
    let read = pairs(b"TargetAlias=\xe9\0TargetPortalGroupTag=1\0").unwrap();
    assert_eq!(read[0].1, "\u{fffd}");
    assert_eq!(read[1], ("TargetPortalGroupTag", "1".into()));
}

#[rstest]
#[case::not_a_pair(b"AuthMethod\0", TextError::NotAPair)]
#[case::no_key(b"=value\0", TextError::NotAPair)]
#[case::encoding(b"K\xff=value\0", TextError::NotAPair)]
fn invalid_texts_are_refused(#[case] text: &[u8], #[case] error: TextError) {
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
    let found = targets(text, MAX).unwrap();
    assert_eq!(found[0].addresses, ["10.0.0.1:3260,1", "[fd00::1]:3260,2"]);
    assert_eq!((found[1].name.as_str(), found[1].addresses.len()), ("iqn.b", 0));
    assert_eq!(
        targets(b"TargetAddress=10.0.0.1\0", MAX),
        Err(TextError::NoTarget)
    );
}

#[test]
fn a_target_that_is_listed_again_is_one_target() {
    let text =
        b"TargetName=iqn.a\0TargetAddress=10.0.0.1:3260,1\0TargetName=iqn.b\0TargetAddress=10.0.0.1:3260,1\0\
        TargetName=iqn.A\0TargetAddress=10.0.0.2:3260,2\0TargetAddress=10.0.0.1:3260,1\0";
    let found = targets(text, MAX).unwrap();
    let names: Vec<_> = found.iter().map(|target| &*target.name).collect();
    assert_eq!(names, ["iqn.a", "iqn.b"]);
    assert_eq!(found[0].addresses, ["10.0.0.1:3260,1", "10.0.0.2:3260,2"]);
    assert_eq!(found[1].addresses, ["10.0.0.1:3260,1"]);
}

#[test]
fn no_more_targets_are_kept_than_the_bound() {
    let name = |number| format!("TargetName=iqn.{number}\0TargetAddress=10.0.0.1\0");
    let text: String = (0..MAX + 5).chain([0]).map(name).collect();
    let found = targets(text.as_bytes(), MAX).unwrap();
    assert_eq!(found.len(), MAX);
    assert!(found.iter().all(|target| target.addresses == ["10.0.0.1"]));
}

proptest! {
    #[test]
    fn what_is_written_is_read_back(list in prop::collection::vec(("[A-Za-z0-9]{1,63}", "[^\\x00]{0,40}"), 0..8)) {
        let text = write(list.iter().map(|(key, value)| (key.as_str(), value.as_str())));
        let read = pairs(&text).unwrap();
        prop_assert!(read.iter().map(|(k, v)| (*k, &**v)).eq(list.iter().map(|(k, v)| (k.as_str(), v.as_str()))));
    }

    #[test]
    fn nothing_panics(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let _ = targets(&bytes, MAX);
    }
}
