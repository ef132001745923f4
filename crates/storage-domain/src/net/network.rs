//! Networks: ranges of addresses.

mod embedded;
mod named;

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

pub use embedded::meanings;
pub use named::NetworkName;

use crate::invalid::Rule;

/// The addresses that share the first bits of one (RFC 4632, RFC 4291): `10.0.0.0/8`, `fd00::/8`.
///
/// IPv4-mapped networks (`::ffff:10.0.0.0/104`) become IPv4 networks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Network {
    addr: IpAddr,
    prefix: u8,
}

impl Network {
    /// The longest prefix of IPv4.
    pub const MAX_V4: u8 = 32;
    /// The longest prefix of IPv6.
    pub const MAX_V6: u8 = 128;
    /// The number of bits before the IPv4 address in a mapped one (RFC 4291, section 2.5.5.2).
    const MAPPED: u8 = 96;

    /// Makes the network of all addresses whose first `prefix` bits are those of `addr`.
    ///
    /// # Errors
    /// The prefix is too long, or `addr` has bits after it.
    pub fn new(addr: IpAddr, prefix: u8) -> Result<Self, Rule> {
        let longest = longest(addr);
        if prefix > longest {
            return Err(Rule::new(format!("must have a prefix from 0 to {longest}")));
        }
        let first = first(addr, prefix);
        if first != addr {
            return Err(Rule::new(format!(
                "must be a network: {first}/{prefix}, or one address without a prefix"
            )));
        }
        Ok(Self { addr, prefix }.plain())
    }

    /// Makes the network of one address.
    pub const fn one(addr: IpAddr) -> Self {
        let prefix = match addr {
            IpAddr::V4(_) => Self::MAX_V4,
            IpAddr::V6(_) => Self::MAX_V6,
        };
        Self { addr, prefix }
    }

    /// Makes an IPv4 network from constants.
    const fn v4(a: u8, b: u8, c: u8, d: u8, prefix: u8) -> Self {
        Self {
            addr: IpAddr::V4(Ipv4Addr::new(a, b, c, d)),
            prefix,
        }
    }

    /// Makes an IPv6 network from constants.
    const fn v6(bits: u128, prefix: u8) -> Self {
        Self {
            addr: IpAddr::V6(Ipv6Addr::from_bits(bits)),
            prefix,
        }
    }

    /// Returns its first address.
    pub fn addr(self) -> IpAddr {
        self.addr
    }

    /// Returns the number of bits that its addresses share.
    pub fn prefix(self) -> u8 {
        self.prefix
    }

    /// Returns whether an address is in it; an IPv4-mapped address counts as IPv4.
    pub fn contains(self, addr: IpAddr) -> bool {
        let addr = addr.to_canonical();
        longest(addr) == longest(self.addr) && first(addr, self.prefix) == self.addr
    }

    fn plain(self) -> Self {
        match (self.addr.to_canonical(), self.prefix.checked_sub(Self::MAPPED)) {
            (addr @ IpAddr::V4(_), Some(prefix)) if self.addr.is_ipv6() => Self { addr, prefix },
            _ => self,
        }
    }
}

fn longest(addr: IpAddr) -> u8 {
    Network::one(addr).prefix
}

/// Returns the address with every bit after the first `prefix` cleared.
fn first(addr: IpAddr, prefix: u8) -> IpAddr {
    let behind = u32::from(longest(addr).saturating_sub(prefix));
    match addr {
        IpAddr::V4(v4) => {
            let mask = u32::MAX.checked_shl(behind).unwrap_or(0);
            IpAddr::V4(Ipv4Addr::from_bits(v4.to_bits() & mask))
        }
        IpAddr::V6(v6) => {
            let mask = u128::MAX.checked_shl(behind).unwrap_or(0);
            IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & mask))
        }
    }
}

impl FromStr for Network {
    type Err = Rule;

    fn from_str(text: &str) -> Result<Self, Rule> {
        let bad = || Rule::new("must be networks such as 10.0.0.0/8, fd00::/8 or 10.0.0.5");
        let (addr, prefix) = match text.split_once('/') {
            Some((addr, prefix)) => (addr, Some(prefix)),
            None => (text, None),
        };
        let addr: IpAddr = addr.parse().map_err(|_| bad())?;
        let Some(prefix) = prefix else {
            return Ok(Self::one(addr).plain());
        };
        // `parse` accepts a sign.
        if prefix.is_empty() || !prefix.bytes().all(|b| b.is_ascii_digit()) {
            return Err(bad());
        }
        Self::new(addr, prefix.parse().map_err(|_| bad())?)
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.addr, self.prefix)
    }
}
