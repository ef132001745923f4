//! The addresses of iSCSI portals.

use proptest::prelude::*;
use rstest::rstest;
use storage_domain::Port;
use storage_domain::iscsi::Portal;

#[rstest]
#[case("10.0.0.1:3261,1", "10.0.0.1:3261")]
#[case("10.0.0.1", "10.0.0.1:3260")]
#[case("nas.lab:860,2", "nas.lab:860")]
#[case("[fd00::1]:3260,1", "[fd00::1]:3260")]
#[case("[fd00::1]", "[fd00::1]:3260")]
#[case("fd00::1", "[fd00::1]:3260")]
#[case("[fe80::1%eth0]:3260", "[fe80::1%eth0]:3260")]
fn is_read(#[case] text: &str, #[case] shown: &str) {
    assert_eq!(text.parse::<Portal>().unwrap().to_string(), shown);
}

#[rstest]
#[case("")]
#[case("10.0.0.1:0")]
#[case("10.0.0.1:65536")]
#[case("10.0.0.1:x")]
#[case("[fd00::1]x:1")]
#[case("-host:1")]
#[case("a b:1")]
fn is_refused(#[case] text: &str) {
    assert!(text.parse::<Portal>().is_err());
}

proptest! {
    #[test]
    fn nothing_panics(text in "\\PC{0,40}") {
        let _ = text.parse::<Portal>();
    }

    #[test]
    fn is_read_back(host in "[a-z]{1,9}(\\.[a-z]{1,9}){0,3}", port in 1..=u16::MAX) {
        let portal = Portal { host: host.parse().unwrap(), port: Port::new(port.into()).unwrap() };
        prop_assert_eq!(portal.to_string().parse::<Portal>().unwrap(), portal);
    }
}
