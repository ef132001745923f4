//! What is tried before a mount: whether the server's name means an address, and whether a port answers.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr, SocketAddrV6};
use std::time::{Duration, Instant};

use storage_domain::Host;
use storage_domain::net::HostAddr;
use tokio::net::TcpStream;

use crate::context::OpContext;
use crate::egress::{Denied, Egress};

/// How long a name look-up may take.
pub const RESOLVE_DEADLINE: Duration = Duration::from_secs(5);
/// How long a server may take to accept a connection.
pub const CONNECT_DEADLINE: Duration = Duration::from_secs(3);

/// An address as the kernel's `addr=` option, showmount and sockets take it: an IPv6 address has no brackets, and
/// may have a zone (RFC 4007).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ScopedAddr {
    ip: IpAddr,
    /// The zone's name and the number of its interface.
    zone: Option<(String, u32)>,
}

impl ScopedAddr {
    /// The address without its zone.
    pub fn ip(&self) -> IpAddr {
        self.ip
    }

    /// The address with a port, for a socket.
    pub fn with_port(&self, port: u16) -> SocketAddr {
        match (self.ip, &self.zone) {
            (IpAddr::V6(ip), Some((_, scope))) => SocketAddr::V6(SocketAddrV6::new(ip, port, 0, *scope)),
            (ip, _) => SocketAddr::new(ip, port),
        }
    }

    /// The address in brackets where it is IPv6, as it stands before the colon of `addr:/path`.
    pub fn bracketed(&self) -> String {
        match self.ip {
            IpAddr::V4(ip) => ip.to_string(),
            IpAddr::V6(_) => format!("[{self}]"),
        }
    }

    fn from_socket(addr: SocketAddr) -> Self {
        let zone = match addr {
            SocketAddr::V6(v6) if v6.scope_id() != 0 => Some((v6.scope_id().to_string(), v6.scope_id())),
            _ => None,
        };
        Self { ip: addr.ip(), zone }
    }
}

impl From<IpAddr> for ScopedAddr {
    fn from(ip: IpAddr) -> Self {
        Self { ip, zone: None }
    }
}

impl fmt::Display for ScopedAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.zone {
            Some((zone, _)) => write!(f, "{}%{zone}", self.ip),
            None => self.ip.fmt(f),
        }
    }
}

/// Why a host has no address.
#[derive(Debug, thiserror::Error)]
pub enum ResolveError {
    /// No name server knows it.
    #[error("The name {name} is not known; check its spelling and the name servers")]
    UnknownName {
        /// The name.
        name: String,
    },
    /// The name servers did not answer.
    #[error("The name {name} can't be looked up now: the name servers don't answer")]
    NoNameServer {
        /// The name.
        name: String,
    },
    /// The look-up failed otherwise.
    #[error("Looking up the name {name} failed")]
    LookUp {
        /// The name.
        name: String,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// This host has no interface of the zone's name.
    #[error("This host has no network interface {zone}, which {addr} names as its zone")]
    NoInterface {
        /// The zone.
        zone: String,
        /// The address.
        addr: Ipv6Addr,
    },
    /// A link-local address says nothing without the interface.
    #[error("{addr} is a link-local address: name the interface too, such as {addr}%eth0")]
    NoZone {
        /// The address.
        addr: Ipv6Addr,
    },
    /// None of its addresses may be connected to.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// The operation was cancelled.
    #[error("Looking up {name} was cancelled")]
    Cancelled {
        /// The name.
        name: String,
    },
}

/// The addresses of a host that may be connected to, each once, in the order in which they should be tried; at least
/// one. Whatever connects later, the kernel too, goes to these addresses and looks no name up again.
///
/// # Errors
/// [`ResolveError`].
/// # Cancel safety
/// Dropping the future is safe. The system's resolver can't be interrupted: a look-up that was given up occupies one
/// of the runtime's blocking threads until the resolver's own time limits end it.
pub async fn resolve(cx: &OpContext, host: &Host, egress: &Egress) -> Result<Vec<ScopedAddr>, ResolveError> {
    let addrs = addresses(cx, host).await?;
    Ok(egress.choose(host.as_str(), addrs, ScopedAddr::ip)?)
}

async fn addresses(cx: &OpContext, host: &Host) -> Result<Vec<ScopedAddr>, ResolveError> {
    match host.addr() {
        HostAddr::V4(ip) => Ok(vec![IpAddr::V4(*ip).into()]),
        HostAddr::V6(ip, None) if ip.is_unicast_link_local() => Err(ResolveError::NoZone { addr: *ip }),
        HostAddr::V6(ip, None) => Ok(vec![IpAddr::V6(*ip).into()]),
        HostAddr::V6(ip, Some(zone)) => Ok(vec![zoned(*ip, zone)?]),
        HostAddr::Name(name) => look_up(cx, name).await,
    }
}

fn zoned(ip: Ipv6Addr, zone: &str) -> Result<ScopedAddr, ResolveError> {
    let index = nix::net::if_::if_nametoindex(zone).map_err(|_| ResolveError::NoInterface {
        zone: zone.to_owned(),
        addr: ip,
    })?;
    Ok(ScopedAddr {
        ip: IpAddr::V6(ip),
        zone: Some((zone.to_owned(), index)),
    })
}

async fn look_up(cx: &OpContext, name: &str) -> Result<Vec<ScopedAddr>, ResolveError> {
    let cx = cx.step(RESOLVE_DEADLINE);
    let owned = name.to_owned();
    let found = match cx
        .bound("the name look-up", tokio::net::lookup_host((name, 0)))
        .await
    {
        Ok(found) => found.map_err(|source| look_up_error(name, source))?,
        Err(error) if error.is_cancelled() => return Err(ResolveError::Cancelled { name: owned }),
        Err(_) => return Err(ResolveError::NoNameServer { name: owned }),
    };
    let mut addrs: Vec<ScopedAddr> = Vec::new();
    for addr in found.map(ScopedAddr::from_socket) {
        if !addrs.contains(&addr) {
            addrs.push(addr);
        }
    }
    if addrs.is_empty() {
        return Err(ResolveError::UnknownName { name: owned });
    }
    Ok(addrs)
}

/// The standard library tells the resolver's errors by their texts only (gai_strerror(3)).
fn look_up_error(name: &str, source: io::Error) -> ResolveError {
    let text = source.to_string();
    let name = name.to_owned();
    if text.contains("Name or service not known") || text.contains("No address associated") {
        ResolveError::UnknownName { name }
    } else if text.contains("Temporary failure") {
        ResolveError::NoNameServer { name }
    } else {
        ResolveError::LookUp { name, source }
    }
}

/// Why a port can't be reached.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The host is there, and nothing listens on the port.
    #[error("{addr} refuses connections to port {port}: nothing listens there")]
    Refused {
        /// The address.
        addr: ScopedAddr,
        /// The port.
        port: u16,
    },
    /// Nobody answered.
    #[error(
        "{addr} does not answer on port {port}: the host is down, or a firewall drops what is sent to it"
    )]
    Timeout {
        /// The address.
        addr: ScopedAddr,
        /// The port.
        port: u16,
    },
    /// There is no way to the host.
    #[error("{addr} can't be reached from here ({cause}): check the address and the routes")]
    Unreachable {
        /// The address.
        addr: ScopedAddr,
        /// What the kernel said.
        cause: io::Error,
    },
    /// The operation was cancelled.
    #[error("connecting to {addr} was cancelled")]
    Cancelled {
        /// The address.
        addr: ScopedAddr,
    },
    /// Something else.
    #[error("connecting to {addr} on port {port} failed ({cause})")]
    Other {
        /// The address.
        addr: ScopedAddr,
        /// The port.
        port: u16,
        /// What the kernel said.
        cause: io::Error,
    },
}

/// Opens a TCP connection and closes it again; answers with how long it took, at most [`CONNECT_DEADLINE`].
///
/// # Errors
/// [`ConnectError`].
/// # Cancel safety
/// Dropping the future closes the socket.
pub async fn connect(cx: &OpContext, addr: &ScopedAddr, port: u16) -> Result<Duration, ConnectError> {
    let begun = Instant::now();
    let cx = cx.step(CONNECT_DEADLINE);
    let addr = addr.clone();
    match cx
        .bound("connecting", TcpStream::connect(addr.with_port(port)))
        .await
    {
        Ok(Ok(_)) => Ok(begun.elapsed()),
        Ok(Err(cause)) => Err(match cause.kind() {
            io::ErrorKind::ConnectionRefused => ConnectError::Refused { addr, port },
            io::ErrorKind::TimedOut => ConnectError::Timeout { addr, port },
            io::ErrorKind::HostUnreachable
            | io::ErrorKind::NetworkUnreachable
            | io::ErrorKind::NetworkDown
            | io::ErrorKind::InvalidInput => ConnectError::Unreachable { addr, cause },
            _ => ConnectError::Other { addr, port, cause },
        }),
        Err(error) if error.is_cancelled() => Err(ConnectError::Cancelled { addr }),
        Err(_) => Err(ConnectError::Timeout { addr, port }),
    }
}

#[cfg(test)]
mod tests;
