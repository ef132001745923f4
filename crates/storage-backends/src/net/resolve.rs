//! Looks names up.

use std::io;
use std::net::{Ipv6Addr, SocketAddr, SocketAddrV6};
use std::time::Duration;

use dns_lookup::{AddrInfoHints, LookupError, LookupErrorKind, SockType, getaddrinfo};
use storage_domain::HostAddr;
use tokio::time::timeout;
use url::Url;

use crate::net::Network;
use crate::net::egress::Permitted;
use crate::net::error::ConnectError;

/// Why a name has no address.
#[derive(Debug)]
pub enum NameError {
    /// No name server knows it.
    Unknown,
    /// The name servers did not answer.
    NoAnswer,
    /// Something else.
    Other(io::Error),
}

/// Errors of `getaddrinfo(3)`.
impl From<LookupError> for NameError {
    fn from(error: LookupError) -> Self {
        match error.kind() {
            LookupErrorKind::NoName | LookupErrorKind::NoData => Self::Unknown,
            LookupErrorKind::Again => Self::NoAnswer,
            _ => Self::Other(error.into()),
        }
    }
}

impl Network {
    /// Returns a host's permitted addresses with this port, each once, in the system's order; at least one.
    ///
    /// Whatever connects later, the kernel included, uses these addresses and looks no name up again.
    ///
    /// # Errors
    /// [`ConnectError`]; `limit` bounds the look-up.
    /// # Cancel safety
    /// The system's resolver can't be interrupted: a look-up that was dropped occupies one of the runtime's blocking
    /// threads until the resolver's own time limits end it.
    pub async fn resolve(
        &self,
        host: &HostAddr,
        port: u16,
        limit: Duration,
    ) -> Result<Vec<Permitted>, ConnectError> {
        let permit = |name, addrs, zone| {
            self.egress
                .permit(name, addrs, zone)
                .map_err(ConnectError::Denied)
        };
        match host {
            HostAddr::V4(ip) => permit(None, vec![(*ip, port).into()], None),
            HostAddr::V6(ip, None) => {
                let permitted = permit(None, vec![(*ip, port).into()], None)?;
                if ip.is_unicast_link_local() {
                    return Err(ConnectError::NoZone { addr: *ip });
                }
                Ok(permitted)
            }
            HostAddr::V6(ip, Some(zone)) => permit(None, vec![scoped(*ip, port, zone)?], Some(zone)),
            HostAddr::Name(name) => permit(Some(name), self.look_up(name, port, limit).await?, None),
        }
    }

    async fn look_up(&self, name: &str, port: u16, limit: Duration) -> Result<Vec<SocketAddr>, ConnectError> {
        let found = match self.names.as_ref().and_then(|names| names(name)) {
            Some(found) => found,
            None => timeout(limit, ask_system(name.to_owned(), port))
                .await
                .unwrap_or(Err(NameError::NoAnswer)),
        };
        let name = name.to_owned();
        let mut addrs = found.map_err(|error| match error {
            NameError::Unknown => ConnectError::NameUnknown { name: name.clone() },
            NameError::NoAnswer => ConnectError::NameServerDown { name: name.clone() },
            NameError::Other(source) => ConnectError::LookUp {
                name: name.clone(),
                source,
            },
        })?;
        if addrs.is_empty() {
            return Err(ConnectError::NameUnknown { name });
        }
        let mut seen = Vec::new();
        addrs.retain(|addr| {
            let is_new = !seen.contains(addr);
            seen.push(*addr);
            is_new
        });
        Ok(addrs)
    }
}

/// Asks the system's resolver on a thread for blocking calls.
async fn ask_system(name: String, port: u16) -> Result<Vec<SocketAddr>, NameError> {
    let asked = tokio::task::spawn_blocking(move || {
        let hints = AddrInfoHints {
            socktype: SockType::Stream.into(),
            ..AddrInfoHints::default()
        };
        let found = getaddrinfo(Some(&name), None, Some(hints))?;
        // Addresses of other families are of no use.
        let found = found.filter_map(Result::ok);
        let with_port = found.map(|info| {
            let mut addr = info.sockaddr;
            addr.set_port(port);
            addr
        });
        Ok(with_port.collect())
    });
    asked
        .await
        .unwrap_or_else(|error| Err(NameError::Other(io::Error::other(error))))
}

fn scoped(ip: Ipv6Addr, port: u16, zone: &str) -> Result<SocketAddr, ConnectError> {
    let index = nix::net::if_::if_nametoindex(zone).map_err(|_| ConnectError::NoInterface {
        zone: zone.to_owned(),
        addr: ip,
    })?;
    Ok(SocketAddrV6::new(ip, port, 0, index).into())
}

/// Returns a URL's host, as [`Network::resolve`] takes it.
pub(crate) fn host_of(url: &Url) -> Option<HostAddr> {
    Some(match url.host()? {
        url::Host::Domain(name) => HostAddr::Name(name.to_owned()),
        url::Host::Ipv4(ip) => HostAddr::V4(ip),
        url::Host::Ipv6(ip) => HostAddr::V6(ip, None),
    })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use storage_domain::Host;
    use storage_domain::net::NetworkName;

    use super::*;
    use crate::net::Egress;

    const LIMIT: Duration = Duration::from_secs(5);

    fn link_local() -> Egress {
        Egress::new(NetworkName::LinkLocal.networks().iter().copied(), [])
    }

    async fn shown(host: &str, egress: Egress) -> Result<Vec<String>, ConnectError> {
        let host: Host = host.parse().unwrap();
        let found = Network::default()
            .guarded(egress)
            .resolve(host.addr(), 111, LIMIT)
            .await?;
        Ok(found.iter().map(ToString::to_string).collect())
    }

    #[tokio::test]
    async fn literals_are_their_own_addresses() {
        assert_eq!(shown("10.0.0.5", Egress::default()).await.unwrap(), ["10.0.0.5"]);
        assert_eq!(
            shown("[FD00::0:5]", Egress::default()).await.unwrap(),
            ["fd00::5"]
        );
    }

    #[tokio::test]
    async fn a_zone_is_an_interface_of_this_host() {
        let zoned: Host = "fe80::1%lo".parse().unwrap();
        let network = Network::default().guarded(link_local());
        let found = network.resolve(zoned.addr(), 111, LIMIT).await.unwrap();
        assert_eq!(found[0].to_string(), "fe80::1%lo");
        assert_eq!(found[0].addr().to_string(), "[fe80::1%1]:111");
        let error = shown("fe80::1%nosuch0", link_local()).await.unwrap_err();
        assert!(
            error
                .sentence("server")
                .to_string()
                .starts_with("This host has no network interface nosuch0, which fe80::1 names as its zone")
        );
        let error = shown("fe80::1", link_local()).await.unwrap_err();
        assert!(matches!(error, ConnectError::NoZone { .. }), "{error:?}");
    }

    #[rstest]
    #[case("169.254.169.254", "169.254.169.254")]
    #[case("[::ffff:169.254.169.254]", "169.254.169.254")]
    #[case("fe80::1%lo", "fe80::1")]
    #[case("fe80::1", "fe80::1")]
    #[case("0.0.0.0", "0.0.0.0")]
    #[tokio::test]
    async fn what_may_not_be_connected_to_has_no_address(#[case] host: &str, #[case] shows: &str) {
        let error = shown(host, Egress::default()).await.unwrap_err();
        let ConnectError::Denied(denied) = &error else {
            panic!("{error:?}")
        };
        assert_eq!((&denied.name, denied.addr), (&None, shows.parse().unwrap()));
    }

    #[tokio::test]
    async fn names_are_looked_up_once_each() {
        let found = shown("localhost", Egress::default()).await.unwrap();
        assert!(found.contains(&"127.0.0.1".to_owned()), "{found:?}");
        let mut unique = found.clone();
        unique.sort();
        unique.dedup();
        assert_eq!(unique.len(), found.len());
        let nothing = Egress::new([], NetworkName::Loopback.networks().iter().copied());
        let error = shown("localhost", nothing).await.unwrap_err();
        assert!(
            matches!(&error, ConnectError::Denied(denied) if denied.name.as_deref() == Some("localhost")),
            "{error:?}"
        );
    }

    /// Without a name server the second, with one the first.
    #[tokio::test]
    async fn an_unknown_name_has_no_address() {
        let error = shown("nas.invalid", Egress::default()).await.unwrap_err();
        assert!(
            matches!(
                error,
                ConnectError::NameUnknown { .. } | ConnectError::NameServerDown { .. }
            ),
            "{error:?}"
        );
    }

    /// The codes of `getaddrinfo(3)` on Linux.
    #[rstest]
    #[case::noname(-2, "The name nas is not known")]
    #[case::nodata(-5, "The name nas is not known")]
    #[case::again(-3, "the name servers do not answer")]
    #[case::fail(-4, "Looking up the name nas failed: ")]
    #[tokio::test]
    async fn the_resolvers_errors_differ(#[case] code: i32, #[case] says: &str) {
        let network = Network::with_names(move |_| Some(Err(LookupError::new(code).into())));
        let error = network
            .resolve(&HostAddr::Name("nas".to_owned()), 0, LIMIT)
            .await
            .unwrap_err();
        let sentence = error.sentence("server").to_string();
        assert!(sentence.contains(says), "{sentence}");
    }
}
