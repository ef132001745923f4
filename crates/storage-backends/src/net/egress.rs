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

/// Those that are not part of the internet either.
const NOT_PUBLIC: &[NetworkName] = &[NetworkName::Loopback, NetworkName::Private];

/// Which addresses may be connected to. Clones are cheap.
///
/// Of all networks that hold an address the smallest decides, and of equal ones the operator's before the built-in ones,
/// a denied one before an allowed one. What no network holds is allowed. An IPv6 address that carries an IPv4 address
/// ([`meanings`]) is allowed where both are.
#[derive(Debug, Clone)]
pub struct Egress {
    lines: Arc<[Line]>,
    /// The setting that allows more.
    setting: &'static str,
}

#[derive(Debug, Clone, Copy)]
struct Line {
    network: Network,
    operators: bool,
    denied: bool,
}

impl Line {
    const fn built_in(network: Network, denied: bool) -> Self {
        Self {
            network,
            operators: false,
            denied,
        }
    }
}

fn built_in(names: &'static [NetworkName]) -> impl Iterator<Item = Line> {
    let networks = names.iter().flat_map(|name| name.networks());
    networks.map(|network| Line::built_in(*network, true))
}

impl Egress {
    /// The built-in networks with those of an operator.
    pub fn new(allow: impl IntoIterator<Item = Network>, deny: impl IntoIterator<Item = Network>) -> Self {
        Self::with_built_in(built_in(DENIED), allow, deny, "allow_networks")
    }

    /// Everything that the internet routes, and an operator's networks.
    pub fn public(allow: impl IntoIterator<Item = Network>, deny: impl IntoIterator<Item = Network>) -> Self {
        let special = Network::SPECIAL
            .iter()
            .map(|network| Line::built_in(*network, true));
        let lines = built_in(DENIED).chain(built_in(NOT_PUBLIC)).chain(special);
        let lines = lines.chain([Line::built_in(Network::TRANSLATED, false)]);
        Self::with_built_in(lines, allow, deny, "fetch_networks")
    }

    fn with_built_in(
        built_in: impl Iterator<Item = Line>,
        allow: impl IntoIterator<Item = Network>,
        deny: impl IntoIterator<Item = Network>,
        setting: &'static str,
    ) -> Self {
        let operators = |network, denied| Line {
            network,
            operators: true,
            denied,
        };
        let allow = allow.into_iter().map(|network| operators(network, false));
        let deny = deny.into_iter().map(|network| operators(network, true));
        Self {
            lines: built_in.chain(allow).chain(deny).collect(),
            setting,
        }
    }

    /// Returns whether an address may be connected to.
    pub fn allows(&self, addr: IpAddr) -> bool {
        self.refused(addr).next().is_none()
    }

    /// Returns the denied ones of an address's [`meanings`]: what an operator has to allow.
    fn refused(&self, addr: IpAddr) -> impl Iterator<Item = IpAddr> {
        let named = self.lines.iter().filter(|line| line.operators && !line.denied);
        meanings(addr, named.map(|line| line.network)).filter(|addr| {
            let lines = self.lines.iter().filter(|line| line.network.contains(*addr));
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
                setting: self.setting,
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
    /// The setting that allows it.
    pub setting: &'static str,
}

#[cfg(test)]
mod tests;
