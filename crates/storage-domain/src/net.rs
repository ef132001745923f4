//! Hosts, ports, networks and URLs.

mod host;
mod network;
mod url;

pub use self::host::{Host, HostAddr};
pub use self::network::{Network, NetworkName, meanings};
pub use self::url::BaseUrl;

use crate::invalid::Rule;

/// A TCP port, 1 to 65535.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Port(u16);

impl Port {
    /// The smallest port.
    pub const MIN: u16 = 1;
    /// The largest port.
    pub const MAX: u16 = u16::MAX;

    /// Takes a port.
    ///
    /// # Errors
    /// It is not from 1 to 65535.
    pub fn new(port: i64) -> Result<Self, Rule> {
        u16::try_from(port)
            .ok()
            .filter(|p| *p >= Self::MIN)
            .map(Self)
            .ok_or_else(|| Rule::new(format!("must be a number from {} to {}", Self::MIN, Self::MAX)))
    }

    /// The port's number.
    pub fn get(self) -> u16 {
        self.0
    }
}
