//! Which addresses are permitted.

use rstest::rstest;

use super::*;

fn networks(list: &str) -> Vec<Network> {
    let words = list.split(',').filter(|word| !word.is_empty());
    let of = |word: &str| match word.parse::<NetworkName>() {
        Ok(name) => name.networks().to_vec(),
        Err(_) => vec![word.parse().unwrap()],
    };
    words.flat_map(of).collect()
}

fn allows(allow: &str, deny: &str, addr: &str) -> bool {
    Egress::new(networks(allow), networks(deny)).allows(addr.parse().unwrap())
}

#[rstest]
#[case::aws("169.254.169.254", false)]
#[case::aws_containers("169.254.170.2", false)]
#[case::aws_v6("fd00:ec2::254", false)]
#[case::google_v6("fd20:ce::254", false)]
#[case::alibaba("100.100.100.200", false)]
#[case::azure("168.63.129.16", false)]
#[case::oracle("192.0.0.192", false)]
#[case::link_local("169.254.1.2", false)]
#[case::link_local_v6("fe80::1", false)]
#[case::last_link_local_v6("febf:ffff::1", false)]
#[case::unspecified("0.0.0.0", false)]
#[case::this_network("0.1.2.3", false)]
#[case::unspecified_v6("::", false)]
#[case::multicast("224.0.0.1", false)]
#[case::last_multicast("239.255.255.255", false)]
#[case::multicast_v6("ff02::1", false)]
#[case::broadcast("255.255.255.255", false)]
#[case::mapped("::ffff:169.254.169.254", false)]
#[case::mapped_unspecified("::ffff:0.0.0.0", false)]
#[case::compatible("::169.254.169.254", false)]
#[case::nat64("64:ff9b::a9fe:a9fe", false)]
#[case::nat64_local("64:ff9b:1::a9fe:a9fe", false)]
#[case::six_to_four("2002:a9fe:a9fe::", false)]
#[case::teredo("2001::a9fe:a9fe", false)]
#[case::isatap("fd00::5efe:a9fe:a9fe", false)]
#[case::loopback("127.0.0.1", true)]
#[case::loopback_v6("::1", true)]
#[case::mapped_loopback("::ffff:127.0.0.1", true)]
#[case::private("10.0.0.5", true)]
#[case::private_v6("fd00::5", true)]
#[case::site("192.168.1.1", true)]
#[case::neighbour_of_link_local("169.253.255.255", true)]
#[case::public("192.0.2.1", true)]
#[case::public_v6("2001:db8::1", true)]
#[case::nat64_public("64:ff9b::192.0.2.1", true)]
#[case::nat64_local_private("64:ff9b:1::10.0.0.5", true)]
fn by_default(#[case] addr: &str, #[case] allowed: bool) {
    assert_eq!(allows("", "", addr), allowed);
}

#[rstest]
#[case::the_smaller_wins("10.1.0.0/16", "10.0.0.0/8", "10.1.2.3", true)]
#[case::beside_the_smaller("10.1.0.0/16", "10.0.0.0/8", "10.2.2.3", false)]
#[case::smaller_still("10.1.0.0/16", "10.0.0.0/8,10.1.2.3", "10.1.2.3", false)]
#[case::of_equals_denial("10.0.0.0/8", "10.0.0.0/8", "10.1.2.3", false)]
#[case::link_local("link-local", "", "fe80::1", true)]
#[case::link_local_is_not_metadata("link-local", "", "169.254.169.254", false)]
#[case::metadata("metadata", "", "169.254.169.254", true)]
#[case::any_opens_nothing("any", "", "169.254.169.254", false)]
#[case::only_loopback("loopback", "any", "127.0.0.1", true)]
#[case::only_loopback_v6("loopback", "any", "::1", true)]
#[case::not_beside_loopback("loopback", "any", "192.0.2.1", false)]
#[case::not_beside_loopback_v6("loopback", "any", "2001:db8::1", false)]
#[case::not_through_a_translator("loopback,64:ff9b::/96", "any", "64:ff9b::192.0.2.1", false)]
#[case::through_a_translator("192.0.2.1,64:ff9b::/96", "any", "64:ff9b::192.0.2.1", true)]
#[case::local_translator("64:ff9b:1::/48", "", "64:ff9b:1::10.0.0.5", true)]
#[case::local_translator_of_a_site("64:ff9b:1:a9fe::/96", "", "64:ff9b:1:a9fe::10.0.0.5", true)]
#[case::local_translator_of_48("64:ff9b:1::/48", "", "64:ff9b:1:a00:0:500::", true)]
#[case::local_translator_alone("64:ff9b:1:fffe::/96,10.0.0.0/8", "any", "64:ff9b:1:fffe::10.0.0.5", true)]
#[case::not_all_behind_it("64:ff9b:1:fffe::/96,10.0.0.0/8", "any", "64:ff9b:1:fffe::192.0.2.1", false)]
#[case::not_metadata_behind_it("64:ff9b:1::/96", "", "64:ff9b:1::169.254.169.254", false)]
#[case::not_metadata_behind_any("64:ff9b:1::/48", "", "64:ff9b:1:a9fe:a9:fe00::", false)]
#[case::no_loopback("", "loopback", "::ffff:127.0.0.1", false)]
#[case::mapped_as_written("", "::ffff:10.0.0.0/104", "10.1.2.3", false)]
fn as_an_operator_says(#[case] allow: &str, #[case] deny: &str, #[case] addr: &str, #[case] allowed: bool) {
    assert_eq!(allows(allow, deny, addr), allowed);
}

#[rstest]
#[case::public("", "", "1.1.1.1", true)]
#[case::public_v6("", "", "2606:4700::1111", true)]
#[case::translated("", "", "64:ff9b::1.1.1.1", true)]
#[case::mapped("", "", "::ffff:1.1.1.1", true)]
#[case::loopback("", "", "127.0.0.1", false)]
#[case::loopback_v6("", "", "::1", false)]
#[case::mapped_loopback("", "", "::ffff:127.0.0.1", false)]
#[case::compatible_loopback("", "", "::127.0.0.1", false)]
#[case::translated_loopback("", "", "64:ff9b::127.0.0.1", false)]
#[case::private("", "", "192.168.1.1", false)]
#[case::private_v6("", "", "fd00::5", false)]
#[case::site_local_v6("", "", "fec0::1", false)]
#[case::link_local("", "", "fe80::1", false)]
#[case::carrier("", "", "100.64.0.1", false)]
#[case::benchmark("", "", "198.19.255.255", false)]
#[case::documentation("", "", "203.0.113.5", false)]
#[case::documentation_v6("", "", "2001:db8::1", false)]
#[case::reserved("", "", "240.0.0.1", false)]
#[case::six_to_four("", "", "2002:0a00:0001::", false)]
#[case::teredo("", "", "2001::1", false)]
#[case::local_translator("", "", "64:ff9b:1::1.1.1.1", false)]
#[case::metadata("", "", "169.254.169.254", false)]
#[case::metadata_that_looks_public("", "", "168.63.129.16", false)]
#[case::named("10.0.0.0/8", "", "10.1.2.3", true)]
#[case::by_name("loopback", "", "::1", true)]
#[case::any_opens_nothing("any", "", "10.1.2.3", false)]
#[case::nothing_but_named("10.0.0.0/8", "any", "10.1.2.3", true)]
#[case::no_internet("", "any", "1.1.1.1", false)]
#[case::no_internet_v6("", "any", "2606:4700::1111", false)]
#[case::no_internet_by_a_translator("", "any", "64:ff9b::1.1.1.1", false)]
fn public(#[case] allow: &str, #[case] deny: &str, #[case] addr: &str, #[case] allowed: bool) {
    let egress = Egress::public(networks(allow), networks(deny));
    assert_eq!(egress.allows(addr.parse().unwrap()), allowed);
}

/// Following the advice opens the address.
#[rstest]
#[case("", "169.254.169.254")]
#[case("", "64:ff9b::169.254.169.254")]
#[case("", "64:ff9b:1:a9fe::10.0.0.5")]
#[case("any", "64:ff9b:1:fffe::10.0.0.5")]
fn the_advice_works(#[case] deny: &str, #[case] addr: &str) {
    let addrs = vec![SocketAddr::new(addr.parse().unwrap(), 80)];
    let egress = Egress::new([], networks(deny));
    let denied = egress.permit(None, addrs.clone(), None).unwrap_err();
    let allow = denied.refused.into_iter().map(Network::one);
    let egress = Egress::new(allow, networks(deny));
    assert!(egress.permit(None, addrs, None).is_ok());
}

#[test]
fn what_may_not_be_connected_to_is_left_out() {
    let addr = |text: &str| SocketAddr::new(text.parse().unwrap(), 80);
    let both = vec![addr("fe80::1"), addr("10.0.0.5")];
    let permitted = Egress::default().permit(Some("nas.lab"), both, None).unwrap();
    let addrs: Vec<_> = permitted.iter().map(Permitted::addr).collect();
    assert_eq!(addrs, [addr("10.0.0.5")]);
    assert_eq!(Egress::default().permit(None, Vec::new(), None), Ok(Vec::new()));
    let denied = Egress::default().permit(None, vec![addr("::ffff:a9fe:a9fe")], None);
    assert_eq!(denied.unwrap_err().addr.to_string(), "169.254.169.254");
}
