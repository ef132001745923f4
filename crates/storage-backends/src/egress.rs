//! Where this service may connect to.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use storage_domain::net::{Network, NetworkName, meanings};

/// What nobody has storage on: where clouds hand out credentials, neighbours without a router, groups, no address.
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

    /// Whether an address may be connected to.
    pub fn allows(&self, addr: IpAddr) -> bool {
        meanings(addr).all(|addr| {
            let lines = self.0.iter().filter(|line| line.network.contains(addr));
            let decisive = lines.max_by_key(|line| (line.network.prefix(), line.operators, line.denied));
            decisive.is_none_or(|line| !line.denied)
        })
    }

    /// Those of a host's addresses that may be connected to; the others are left out.
    ///
    /// # Errors
    /// [`Denied`], where there are some and none may be.
    pub(crate) fn choose<T>(
        &self,
        host: &str,
        addrs: Vec<T>,
        ip: impl Fn(&T) -> IpAddr,
    ) -> Result<Vec<T>, Denied> {
        let first = addrs.first().map(&ip);
        let chosen: Vec<T> = addrs.into_iter().filter(|addr| self.allows(ip(addr))).collect();
        match first {
            Some(addr) if chosen.is_empty() => Err(Denied::new(host, addr)),
            _ => Ok(chosen),
        }
    }

    /// The same for sockets; only what comes from here can be connected to.
    ///
    /// # Errors
    /// [`Denied`].
    pub(crate) fn permit(&self, host: &str, addrs: Vec<SocketAddr>) -> Result<Vec<Permitted>, Denied> {
        let chosen = self.choose(host, addrs, SocketAddr::ip)?;
        Ok(chosen.into_iter().map(Permitted).collect())
    }
}

/// What is safe where nothing else is said.
impl Default for Egress {
    fn default() -> Self {
        Self::new([], [])
    }
}

/// An address that was found to be one that may be connected to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Permitted(SocketAddr);

impl Permitted {
    /// The address.
    pub(crate) fn addr(self) -> SocketAddr {
        self.0
    }
}

/// A host at which nothing may be connected to. It says nothing of what is there: nobody looked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{subject} this service may not connect to; allow it with allow_networks, if it is meant")]
pub struct Denied {
    subject: String,
}

impl Denied {
    fn new(host: &str, addr: IpAddr) -> Self {
        let addr = addr.to_canonical();
        let bare = host.trim_matches(['[', ']']);
        let literal = bare
            .split('%')
            .next()
            .and_then(|host| host.parse::<IpAddr>().ok());
        Self {
            subject: match literal {
                Some(literal) if literal.to_canonical() == addr => format!("{addr} is an address that"),
                _ => format!("{host} resolves to {addr}, which"),
            },
        }
    }
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

    #[rstest]
    #[case(
        "nas.lab",
        "169.254.169.254",
        "nas.lab resolves to 169.254.169.254, which this service"
    )]
    #[case(
        "169.254.169.254",
        "169.254.169.254",
        "169.254.169.254 is an address that this service"
    )]
    #[case("[fe80::1]", "fe80::1", "fe80::1 is an address that this service")]
    #[case("fe80::1%eth0", "fe80::1", "fe80::1 is an address that this service")]
    #[case(
        "::ffff:a9fe:a9fe",
        "::ffff:a9fe:a9fe",
        "169.254.169.254 is an address that this service"
    )]
    fn sentences(#[case] host: &str, #[case] addr: &str, #[case] expected: &str) {
        let addrs = vec![SocketAddr::new(addr.parse().unwrap(), 80)];
        let denied = Egress::default().permit(host, addrs).unwrap_err().to_string();
        assert!(denied.starts_with(expected), "{denied}");
        assert!(denied.contains("allow_networks"), "{denied}");
    }

    #[test]
    fn what_may_not_be_connected_to_is_left_out() {
        let addr = |text: &str| SocketAddr::new(text.parse().unwrap(), 80);
        let both = vec![addr("fe80::1"), addr("10.0.0.5")];
        let permitted = Egress::default().permit("nas.lab", both).unwrap();
        assert_eq!(permitted, [Permitted(addr("10.0.0.5"))]);
        assert_eq!(Egress::default().permit("nas.lab", Vec::new()), Ok(Vec::new()));
    }
}
