//! Networks.

use std::net::IpAddr;

use proptest::prelude::*;
use rstest::rstest;
use storage_domain::net::{Network, NetworkName};

#[rstest]
#[case("10.0.0.0/8", "10.0.0.0/8")]
#[case("0.0.0.0/0", "0.0.0.0/0")]
#[case("10.0.0.5", "10.0.0.5/32")]
#[case("FD00::/8", "fd00::/8")]
#[case("::/0", "::/0")]
#[case("::1", "::1/128")]
#[case("::ffff:10.0.0.0/104", "10.0.0.0/8")]
#[case("::ffff:0:0/96", "0.0.0.0/0")]
#[case("::ffff:10.0.0.5", "10.0.0.5/32")]
#[case("10.0.0.0/08", "10.0.0.0/8")]
fn networks(#[case] text: &str, #[case] shown: &str) {
    let network: Network = text.parse().unwrap();
    assert_eq!(network.to_string(), shown);
    assert_eq!(shown.parse(), Ok(network));
}

#[rstest]
#[case("")]
#[case("/")]
#[case("10.0.0.0/")]
#[case("10.0.0.0/33")]
#[case("10.0.0.0/+8")]
#[case("10.0.0.0/-1")]
#[case("10.0.0.0/255.0.0.0")]
#[case("10.0.0.1/8")]
#[case("10/8")]
#[case("010.0.0.0/8")]
#[case("::1/129")]
#[case("fd00::1/8")]
#[case("fe80::1%eth0")]
#[case("[::1]")]
#[case("nas.lab")]
#[case("any")]
fn no_networks(#[case] text: &str) {
    assert!(text.parse::<Network>().is_err());
}

#[test]
fn bits_behind_the_prefix_are_told() {
    let rule = "10.1.2.3/8".parse::<Network>().unwrap_err().to_string();
    assert_eq!(
        rule,
        "must be a network: 10.0.0.0/8, or one address without a prefix"
    );
}

#[test]
fn names_are_told_by_their_rule_and_stand_for_networks() {
    let rule = "home".parse::<NetworkName>().unwrap_err().to_string();
    for name in NetworkName::ALL {
        assert!(rule.contains(name.as_str()), "{rule}");
        for network in name.networks() {
            assert_eq!(network.to_string().parse(), Ok(*network), "{name}");
        }
    }
}

/// An address as its bits, the first one first.
fn bits(addr: IpAddr) -> String {
    match addr {
        IpAddr::V4(v4) => format!("{:032b}", v4.to_bits()),
        IpAddr::V6(v6) => format!("{:0128b}", v6.to_bits()),
    }
}

proptest! {
    #[test]
    fn a_network_holds_what_begins_as_it_does(v4: bool, seed: u128, other: u128, prefix in 0_u8..=128) {
        let addr = |bits: u128| if v4 {
            IpAddr::from(u32::try_from(bits >> 96).unwrap().to_be_bytes())
        } else {
            IpAddr::from(bits.to_be_bytes())
        };
        let prefix = if v4 { prefix % 33 } else { prefix };
        // Half of the addresses share the first half of their bits.
        let other = if other & 1 == 0 { other } else { (seed >> 64 << 64) | (other & u128::from(u64::MAX)) };
        let (addr, other) = (addr(seed), addr(other));
        let held = |network: Network, addr: IpAddr| bits(network.addr())[..usize::from(prefix)] == bits(addr)[..usize::from(prefix)];
        match Network::new(addr, prefix) {
            Ok(network) => {
                prop_assert!(network.contains(addr));
                prop_assert_eq!(network.contains(other), held(network, other));
                prop_assert_eq!(network.to_string().parse::<Network>(), Ok(network));
            }
            Err(rule) => {
                let told = rule.to_string();
                let named = told.split_whitespace().find_map(|word| word.trim_end_matches(',').parse::<Network>().ok()).unwrap();
                prop_assert!(named.contains(addr) && named.prefix() == prefix);
                prop_assert!(held(named, addr));
                prop_assert_eq!(named.contains(other), held(named, other));
            }
        }
    }

    #[test]
    fn one_address_is_a_network_of_itself(seed: u128, other: u128) {
        let (addr, other) = (IpAddr::from(seed.to_be_bytes()), IpAddr::from(other.to_be_bytes()));
        let network: Network = addr.to_string().parse().unwrap();
        prop_assert!(network.contains(addr));
        prop_assert_eq!(network.contains(other), addr.to_canonical() == other.to_canonical());
    }
}
