//! Hosts, ports, networks and URLs.

mod host;
mod network;
mod url;

pub use self::host::{Host, HostAddr};
pub use self::network::{Network, NetworkName, meanings};
pub use self::url::{BaseUrl, FetchUrl};

use serde_json::Value;

use crate::fields::{FieldType, Shape, View};
use crate::invalid::Rule;

/// A TCP port, 1 to 65535.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Port(u16);

impl Port {
    /// The smallest port.
    pub const MIN: u16 = 1;
    /// The largest port.
    pub const MAX: u16 = u16::MAX;

    /// Makes a port from a number.
    ///
    /// # Errors
    /// The number is not from 1 to 65535.
    pub fn new(port: i64) -> Result<Self, Rule> {
        u16::try_from(port)
            .ok()
            .filter(|p| *p >= Self::MIN)
            .map(Self)
            .ok_or_else(|| Rule::new(format!("must be a number from {} to {}", Self::MIN, Self::MAX)))
    }

    /// Returns the port's number.
    pub fn get(self) -> u16 {
        self.0
    }
}

impl FieldType for Port {
    const SHAPE: Shape = Shape::Number {
        min: Self::MIN as i64,
        max: Self::MAX as i64,
    };

    fn from_json(value: &Value) -> Result<Option<Self>, Rule> {
        match value.as_i64() {
            Some(number) => Self::new(number).map(Some),
            None => Err(Rule::new("must be a whole number")),
        }
    }

    fn view(&self) -> View<'_> {
        View::Number(self.0.into())
    }
}
