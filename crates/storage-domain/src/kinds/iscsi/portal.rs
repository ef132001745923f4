//! The address of a portal.

use std::fmt;
use std::str::FromStr;

use super::IscsiConfig;
use crate::invalid::Rule;
use crate::net::{Host, Port};

/// The address of a portal: `host[:port][,group]` (RFC 7143, section 13.8), without the group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Portal {
    /// The host.
    pub host: Host,
    /// The port.
    pub port: Port,
}

impl FromStr for Portal {
    type Err = Rule;

    fn from_str(text: &str) -> Result<Self, Rule> {
        let text = text.split_once(',').map_or(text, |(address, _)| address);
        let after_host = text.rfind(']').map_or(0, |end| end + 1);
        let inner_colons = text.matches(':').count();
        // An IPv6 address without brackets has no port behind it.
        let port_at = text[after_host..]
            .rfind(':')
            .map(|at| at + after_host)
            .filter(|_| after_host > 0 || inner_colons == 1);
        let (host, port) = match port_at {
            Some(at) => (&text[..at], text[at + 1..].parse::<u16>().map_or(-1, i64::from)),
            None => (text, IscsiConfig::DEFAULT_PORT),
        };
        Ok(Self {
            port: Port::new(port)?,
            host: host.parse()?,
        })
    }
}

impl fmt::Display for Portal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = self.host.bare();
        if host.contains(':') {
            write!(f, "[{host}]:{}", self.port.get())
        } else {
            write!(f, "{host}:{}", self.port.get())
        }
    }
}
