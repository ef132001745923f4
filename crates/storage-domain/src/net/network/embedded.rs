//! IPv4 addresses inside IPv6 addresses.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::Network;
use super::named::NetworkName;

/// Returns every address that a connection to `addr` may lead to: itself, and the IPv4 address that a translator or a
/// tunnel takes out of it.
///
/// Known are IPv4-mapped (the kernel itself speaks IPv4 to those, so they mean nothing else) and IPv4-compatible
/// addresses (RFC 4291, section 2.5.5), IPv4-translated ones (RFC 7915), NAT64 (RFC 6052, RFC 8215), 6to4 (RFC 3056),
/// Teredo (RFC 4380) and ISATAP (RFC 5214).
///
/// A site chooses how long the prefix of its own translator is, within `64:ff9b:1::/48` (RFC 8215). One of the networks in
/// `named` that holds the address and has 96 bits or more says that it is 96; otherwise every length counts.
pub fn meanings(addr: IpAddr, named: impl IntoIterator<Item = Network>) -> impl Iterator<Item = IpAddr> {
    let addr = addr.to_canonical();
    let inner = match addr {
        IpAddr::V4(_) => [None; 4],
        IpAddr::V6(v6) if v6.to_bits() >> 80 == LOCAL_NAT64 => {
            let mut holding = named.into_iter().filter(|network| network.contains(addr));
            local(v6.to_bits(), holding.any(|network| network.prefix() >= 96))
        }
        IpAddr::V6(v6) => embedded(v6),
    };
    let inner = inner.into_iter().flatten().map(IpAddr::V4);
    std::iter::once(addr).chain(inner)
}

/// The first 48 bits of `64:ff9b:1::/48`, which a site splits as it likes (RFC 8215).
const LOCAL_NAT64: u128 = 0x64_ff9b_0001;

/// Returns the IPv4 addresses behind prefixes of 96, 48, 56 and 64 bits (RFC 6052, section 2.2), or behind one of 96.
///
/// An address that no host can have is not where a translator leads, and left out: zeros are most often padding.
fn local(bits: u128, is_96: bool) -> [Option<Ipv4Addr>; 4] {
    let of_host = |addr: Ipv4Addr| {
        let nowhere = [NetworkName::Unspecified, NetworkName::Multicast];
        let mut nowhere = nowhere.iter().flat_map(|name| name.networks());
        Some(addr).filter(|addr| !nowhere.any(|network| network.contains((*addr).into())))
    };
    let of_96 = of_host(inner(bits));
    if is_96 {
        return [of_96, None, None, None];
    }
    // Bits 64 to 71 are not part of the address.
    let of_48 = inner(bits >> 64 << 16 | bits >> 40 & 0xffff);
    let of_56 = inner(bits >> 64 << 24 | bits >> 32 & 0xff_ffff);
    let of_64 = inner(bits >> 24);
    [of_96, of_host(of_48), of_host(of_56), of_host(of_64)]
}

fn embedded(addr: Ipv6Addr) -> [Option<Ipv4Addr>; 4] {
    let bits = addr.to_bits();
    let begins = |with: u128, length: u32| bits >> (128 - length) == with;
    let last = inner(bits);
    if begins(0, 96) {
        // `::` and `::1` are addresses of their own.
        [Some(last).filter(|_| bits > 1), None, None, None]
    } else if begins(0x2002, 16) {
        [Some(inner(bits >> 80)), None, None, None]
    } else if begins(0x2001_0000, 32) {
        [Some(inner(bits >> 64)), Some(inner(!bits)), None, None]
    } else if begins(0x64_ff9b << 64, 96)
        || begins(0xffff_0000, 96)
        || matches!(bits >> 32 & 0xfdff_ffff, 0x5efe)
    {
        [Some(last), None, None, None]
    } else {
        [None; 4]
    }
}

/// Returns the IPv4 address in the last bits.
fn inner(bits: u128) -> Ipv4Addr {
    Ipv4Addr::from_bits(u32::try_from(bits & u128::from(u32::MAX)).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::plain("169.254.169.254", &["169.254.169.254"])]
    #[case::mapped("::ffff:169.254.169.254", &["169.254.169.254"])]
    #[case::compatible("::169.254.169.254", &["::169.254.169.254", "169.254.169.254"])]
    #[case::nat64("64:ff9b::169.254.169.254", &["64:ff9b::169.254.169.254", "169.254.169.254"])]
    #[case::nat64_local("64:ff9b:1::169.254.169.254", &["64:ff9b:1::a9fe:a9fe", "169.254.169.254"])]
    #[case::nat64_local_48("64:ff9b:1:a9fe:a9:fe00::", &["64:ff9b:1:a9fe:a9:fe00::", "169.254.169.254", "254.169.254.0", "169.254.0.0"])]
    #[case::nat64_local_56("64:ff9b:1:a9:fe:a9fe::", &["64:ff9b:1:a9:fe:a9fe::", "169.254.169.254", "254.169.254.0"])]
    #[case::nat64_local_64("64:ff9b:1:0:a9:fea9:fe00::", &["64:ff9b:1:0:a9:fea9:fe00:0", "254.0.0.0", "169.254.169.254"])]
    #[case::translated("::ffff:0:169.254.169.254", &["::ffff:0:a9fe:a9fe", "169.254.169.254"])]
    #[case::six_to_four("2002:a9fe:a9fe::1", &["2002:a9fe:a9fe::1", "169.254.169.254"])]
    #[case::teredo("2001:0:a9fe:a9fe::5601:5601", &["2001:0:a9fe:a9fe::5601:5601", "169.254.169.254", "169.254.169.254"])]
    #[case::isatap("fd00::5efe:169.254.169.254", &["fd00::5efe:a9fe:a9fe", "169.254.169.254"])]
    #[case::loopback("::1", &["::1"])]
    #[case::unspecified("::", &["::"])]
    #[case::ordinary("2001:db8::169.254.169.254", &["2001:db8::a9fe:a9fe"])]
    fn addresses(#[case] addr: &str, #[case] expected: &[&str]) {
        let addr: IpAddr = addr.parse().unwrap();
        let expected: Vec<IpAddr> = expected.iter().map(|a| a.parse().unwrap()).collect();
        assert_eq!(meanings(addr, []).collect::<Vec<_>>(), expected);
    }
    #[rstest]
    #[case::no_network("10.0.0.0/8", true)]
    #[case::any_length("64:ff9b:1::/48", true)]
    #[case::another("64:ff9b:1:1::/96", true)]
    #[case::a_translator("64:ff9b:1:a9fe::/96", false)]
    #[case::the_address("64:ff9b:1:a9fe::a00:5", false)]
    fn a_named_network_says_where_the_address_stands(#[case] named: &str, #[case] has_48: bool) {
        let addr: IpAddr = "64:ff9b:1:a9fe::a00:5".parse().unwrap();
        let named: Network = named.parse().unwrap();
        let found: Vec<IpAddr> = meanings(addr, [named]).collect();
        assert!(found.contains(&"10.0.0.5".parse().unwrap()));
        assert_eq!(found.contains(&"169.254.0.0".parse().unwrap()), has_48);
    }
}
