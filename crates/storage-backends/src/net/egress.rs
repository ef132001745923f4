//! Decides which addresses may be connected to.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use storage_domain::net::{Network, NetworkName, meanings};

/// Networks that are denied unless an operator names them: no storage has such an address.
const DENIED: &[NetworkName] = &[
    NetworkName::Metadata,
    NetworkName::LinkLocal,
    NetworkName::Multicast,
    NetworkName::Unspecified,
];

/// Which addresses may be connected to. Clones are cheap.
///
/// Of all networks that hold an address the smallest decides, and of equal ones the operator's before the built-in ones,
/// a denied one before an allowed one. What no network holds is allowed. An IPv6 address that carries an IPv4 address
/// ([`meanings`]) is allowed where both are.
#[derive(Debug, Clone)]
pub struct Egress(Arc<[Line]>);

#[derive(Debug, Clone, Copy)]
struct Line {
    network: Network,
    operators: bool,
    denied: bool,
}

impl Egress {
    /// The built-in networks with those of an operator.
    pub fn new(allow: impl IntoIterator<Item = Network>, deny: impl IntoIterator<Item = Network>) -> Self {
        let line = |network, operators, denied| Line {
            network,
            operators,
            denied,
        };
        let built_in = DENIED.iter().flat_map(|name| name.networks());
        let lines = built_in.map(|network| line(*network, false, true));
        let lines = lines.chain(allow.into_iter().map(|network| line(network, true, false)));
        Self(
            lines
                .chain(deny.into_iter().map(|network| line(network, true, true)))
                .collect(),
        )
    }

    /// Returns whether an address may be connected to.
    pub fn allows(&self, addr: IpAddr) -> bool {
        self.refused(addr).next().is_none()
    }

    /// Returns the denied ones of an address's [`meanings`]: what an operator has to allow.
    fn refused(&self, addr: IpAddr) -> impl Iterator<Item = IpAddr> {
        let named = self.0.iter().filter(|line| line.operators && !line.denied);
        meanings(addr, named.map(|line| line.network)).filter(|addr| {
            let lines = self.0.iter().filter(|line| line.network.contains(*addr));
            let decisive = lines.max_by_key(|line| (line.network.prefix(), line.operators, line.denied));
            decisive.is_some_and(|line| line.denied)
        })
    }

    /// Returns those of a host's addresses that may be connected to.
    ///
    /// `name` is what was looked up, and `zone` the interface of a link-local address.
    ///
    /// # Errors
    /// [`Denied`] if none may be.
    pub(crate) fn permit(
        &self,
        name: Option<&str>,
        mut addrs: Vec<SocketAddr>,
        zone: Option<&str>,
    ) -> Result<Vec<Permitted>, Denied> {
        let first = addrs.first().map(|addr| addr.ip().to_canonical());
        addrs.retain(|addr| self.allows(addr.ip()));
        match first {
            Some(addr) if addrs.is_empty() => Err(Denied {
                name: name.map(str::to_owned),
                addr,
                refused: self.refused(addr).collect(),
            }),
            _ => Ok(addrs
                .into_iter()
                .map(|addr| Permitted {
                    addr,
                    zone: zone.map(str::to_owned),
                })
                .collect()),
        }
    }
}

/// Applies the built-in rules only.
impl Default for Egress {
    fn default() -> Self {
        Self::new([], [])
    }
}

/// An address, with a port, that may be connected to.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Permitted {
    addr: SocketAddr,
    zone: Option<String>,
}

impl Permitted {
    /// Returns the address with its port, for a socket.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Returns the address without port and zone.
    pub fn ip(&self) -> IpAddr {
        self.addr.ip()
    }

    /// Returns the same address with another port.
    #[must_use]
    pub fn with_port(&self, port: u16) -> Self {
        let mut other = self.clone();
        other.addr.set_port(port);
        other
    }
}

/// Formats the address without its port, as the kernel's `addr=` option and showmount take it (RFC 4007, section 11).
impl fmt::Display for Permitted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.zone, self.addr) {
            (Some(zone), addr) => write!(f, "{}%{zone}", addr.ip()),
            (None, SocketAddr::V6(v6)) if v6.scope_id() != 0 => write!(f, "{}%{}", v6.ip(), v6.scope_id()),
            (None, addr) => addr.ip().fmt(f),
        }
    }
}

/// A host of which no address may be connected to; nothing says what is there, since no connection was tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Denied {
    /// The name that was looked up, if the host is not an address.
    pub name: Option<String>,
    /// The first of its addresses.
    pub addr: IpAddr,
    /// What has to be allowed for it: the address, an IPv4 address inside it, or both.
    pub refused: Vec<IpAddr>,
}

#[cfg(test)]
mod tests {
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
    fn as_an_operator_says(
        #[case] allow: &str,
        #[case] deny: &str,
        #[case] addr: &str,
        #[case] allowed: bool,
    ) {
        assert_eq!(allows(allow, deny, addr), allowed);
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
}
