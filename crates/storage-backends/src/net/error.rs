//! Why a server can't be connected to.

use std::fmt;
use std::io;
use std::net::{Ipv6Addr, SocketAddr};
use std::time::Duration;

use crate::net::egress::Denied;

/// Says why a server can't be connected to; the message for users depends on the config's field.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// No name server knows the name.
    #[error("the name is unknown")]
    NameUnknown {
        /// The name.
        name: String,
    },
    /// The name servers did not answer.
    #[error("the name servers do not answer")]
    NameServerDown {
        /// The name.
        name: String,
    },
    /// The look-up failed for another reason.
    #[error("the look-up failed")]
    LookUp {
        /// The name.
        name: String,
        /// The resolver's error.
        #[source]
        source: io::Error,
    },
    /// This host has no interface of the zone's name (RFC 4007).
    #[error("there is no interface {zone}")]
    NoInterface {
        /// The zone.
        zone: String,
        /// The address.
        addr: Ipv6Addr,
    },
    /// A link-local address needs the name of an interface.
    #[error("a link-local address has no zone")]
    NoZone {
        /// The address.
        addr: Ipv6Addr,
    },
    /// None of its addresses may be connected to.
    #[error("the address is not permitted")]
    Denied(Denied),
    /// Nothing listens on the port.
    #[error("the connection was refused")]
    Refused {
        /// Where.
        at: SocketAddr,
    },
    /// No address answered in time.
    #[error("the connection timed out")]
    Timeout {
        /// The addresses that were tried.
        at: Vec<SocketAddr>,
        /// The time limit for all of them.
        limit: Duration,
    },
    /// This host has no route to the address.
    #[error("the address is unreachable")]
    Unreachable {
        /// Where.
        at: SocketAddr,
        /// The kernel's error.
        #[source]
        source: io::Error,
    },
    /// The connection failed for another reason.
    #[error("the connection failed")]
    Failed {
        /// Where.
        at: SocketAddr,
        /// The kernel's error.
        #[source]
        source: io::Error,
    },
}

impl ConnectError {
    /// Formats the cause and a remedy; `field` is the field of the config that names the server.
    pub(crate) fn sentence(&self, field: &'static str) -> impl fmt::Display + '_ {
        fmt::from_fn(move |f| self.write(f, field))
    }

    fn write(&self, f: &mut fmt::Formatter<'_>, field: &str) -> fmt::Result {
        match self {
            Self::NameUnknown { name } => write!(
                f,
                "The name {name} is not known to the name server. Check {field}, and the name servers of this host"
            ),
            Self::NameServerDown { name } => write!(
                f,
                "The name {name} can't be looked up, because the name servers do not answer. Check the name servers of this host"
            ),
            Self::LookUp { name, source } => {
                write!(f, "Looking up the name {name} failed: {source}. Check {field}")
            }
            Self::NoInterface { zone, addr } => write!(
                f,
                "This host has no network interface {zone}, which {addr} names as its zone. Check {field}"
            ),
            Self::NoZone { addr } => write!(
                f,
                "{addr} is a link-local address. Name its interface in {field}, such as {addr}%eth0"
            ),
            Self::Denied(Denied {
                name,
                addr,
                refused,
                setting,
            }) => {
                match name {
                    Some(name) => write!(f, "{name} resolves to {addr}, which")?,
                    None => write!(f, "{addr} is an address that")?,
                }
                f.write_str(" this service may not connect to; allow ")?;
                for (i, allow) in refused.iter().enumerate() {
                    f.write_str(if i > 0 { " and " } else { "" })?;
                    match allow {
                        allow if allow == addr => f.write_str("it")?,
                        inside => write!(f, "{inside}")?,
                    }
                }
                write!(f, " with {setting}, if it is meant")
            }
            Self::Refused { at } => write!(
                f,
                "{at} refused the connection, because nothing listens there. Start the server's service, or check {field} and the port"
            ),
            Self::Timeout { at, limit } => {
                for (i, at) in at.iter().enumerate() {
                    write!(f, "{}{at}", if i > 0 { " or " } else { "" })?;
                }
                let limit = limit.as_secs_f32();
                write!(
                    f,
                    " did not answer within {limit} s. Check that the host is up and that no firewall drops the packets"
                )
            }
            Self::Unreachable { at, source } => write!(
                f,
                "{at} can't be reached from here ({source}). Check {field}, and the routes of this host"
            ),
            Self::Failed { at, source } => {
                write!(f, "Connecting to {at} failed: {source}. Check {field}")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(
        Some("nas.lab"),
        "nas.lab resolves to 169.254.169.254, which this service may not connect to"
    )]
    #[case(None, "169.254.169.254 is an address that this service may not connect to")]
    fn denials_name_the_setting(#[case] name: Option<&str>, #[case] expected: &str) {
        let error = ConnectError::Denied(Denied {
            name: name.map(str::to_owned),
            addr: "169.254.169.254".parse().unwrap(),
            refused: vec!["169.254.169.254".parse().unwrap()],
            setting: "allow_networks",
        });
        let sentence = error.sentence("base_url").to_string();
        assert!(sentence.starts_with(expected), "{sentence}");
        assert!(sentence.contains("allow_networks"), "{sentence}");
    }
}
