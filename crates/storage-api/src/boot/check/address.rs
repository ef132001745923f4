//! The address by which machines reach a file.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

use actix_web::http::uri::Authority;
use percent_encoding::utf8_percent_encode;
use storage_domain::net::Network;
use storage_domain::{Backend, BackendId, FilePath};

use crate::auth::link::ENCODED_PATH;

/// Any port: nothing is sent there.
const NO_PORT: u16 = 9;

/// Returns the path of a file's address, percent-encoded. A name that can't stand in a path gives way to the id.
pub(super) fn target(backend: &Backend, directory: &FilePath, path: &FilePath) -> String {
    let name = backend.name.as_str();
    let is_segment = !name.contains('/') && !matches!(name, "." | "..");
    let root = if is_segment && name.parse::<BackendId>().is_err() {
        name.to_owned()
    } else {
        backend.id.to_string()
    };
    let directory = directory.as_str().trim_end_matches('/');
    let below = path.as_str().strip_prefix(directory).unwrap_or(path.as_str());
    let [root, below] = [root.as_str(), below].map(|text| utf8_percent_encode(text, ENCODED_PATH));
    format!("/b/{root}{below}")
}

/// Returns the address; relative to the listener if its host is not known.
pub(super) fn url(authority: Option<&str>, target: &str) -> String {
    match authority {
        Some(authority) => format!("http://{authority}{target}"),
        None => target.to_owned(),
    }
}

/// Returns host and port of the listener, as machines see it; `host` is the name by which the service itself was reached.
///
/// A listener at every address of this host has the one from which packets go to `boot_networks`, if it is in one of them, and
/// else the host of the service, unless that is a name of this machine for itself.
pub(super) fn authority(
    addresses: &[SocketAddr],
    networks: &[Network],
    host: Option<&str>,
) -> Option<String> {
    let rank = |address: &&SocketAddr| {
        let ip = address.ip();
        (ip.is_loopback(), ip.is_unspecified())
    };
    let listener = addresses.iter().min_by_key(rank)?;
    if !listener.ip().is_unspecified() {
        return Some(listener.to_string());
    }
    let port = listener.port();
    if let Some(ip) = networks.iter().find_map(|network| own_address(*network)) {
        return Some(SocketAddr::new(ip, port).to_string());
    }
    let host: Authority = host?.parse().ok()?;
    let host = host.host();
    let ip: Option<IpAddr> = host.trim_matches(['[', ']']).parse().ok();
    let is_here =
        host.eq_ignore_ascii_case("localhost") || ip.is_some_and(|ip| ip.to_canonical().is_loopback());
    (!is_here).then(|| format!("{host}:{port}"))
}

/// Returns the address of this host in a network. A datagram socket that is connected sends nothing: the kernel only chooses
/// the address (udp(7)).
fn own_address(network: Network) -> Option<IpAddr> {
    // The first address of a network may stand for all of them.
    let next = match network.addr() {
        IpAddr::V4(ip) => IpAddr::V4(Ipv4Addr::from_bits(ip.to_bits().checked_add(1)?)),
        IpAddr::V6(ip) => IpAddr::V6(Ipv6Addr::from_bits(ip.to_bits().checked_add(1)?)),
    };
    let peer = if network.contains(next) {
        next
    } else {
        network.addr()
    };
    let any: IpAddr = match peer {
        IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let socket = UdpSocket::bind((any, 0)).ok()?;
    socket.connect((peer, NO_PORT)).ok()?;
    let own = socket.local_addr().ok()?.ip();
    network.contains(own).then_some(own)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    /// No host has an address in 224.0.0.0/4 (RFC 5771), and every one has 127.0.0.1.
    #[rstest]
    #[case(&["10.0.0.2:8081"], "224.0.0.0/4", Some("nas.lab"), Some("10.0.0.2:8081"))]
    #[case(&["127.0.0.1:8081", "[fd00::2]:8081"], "224.0.0.0/4", None, Some("[fd00::2]:8081"))]
    #[case(&["127.0.0.1:8081"], "224.0.0.0/4", Some("nas.lab"), Some("127.0.0.1:8081"))]
    #[case(&["0.0.0.0:8081"], "127.0.0.0/8", Some("nas.lab"), Some("127.0.0.1:8081"))]
    #[case(&["0.0.0.0:8081"], "127.0.0.1", Some("nas.lab"), Some("127.0.0.1:8081"))]
    #[case(&["0.0.0.0:8081"], "224.0.0.0/4", Some("nas.lab:8080"), Some("nas.lab:8081"))]
    #[case(&["[::]:8081"], "224.0.0.0/4", Some("[fd00::7]"), Some("[fd00::7]:8081"))]
    #[case(&["0.0.0.0:8081"], "224.0.0.0/4", Some("127.0.0.1:8080"), None)]
    #[case(&["0.0.0.0:8081"], "224.0.0.0/4", Some("[::1]:8080"), None)]
    #[case(&["0.0.0.0:8081"], "224.0.0.0/4", Some("LOCALHOST"), None)]
    #[case(&["0.0.0.0:8081"], "224.0.0.0/4", Some("no host"), None)]
    #[case(&["0.0.0.0:8081"], "224.0.0.0/4", None, None)]
    #[case(&[], "127.0.0.0/8", Some("nas.lab"), None)]
    fn authorities(
        #[case] addresses: &[&str],
        #[case] network: &str,
        #[case] host: Option<&str>,
        #[case] wanted: Option<&str>,
    ) {
        let addresses: Vec<_> = addresses.iter().map(|text| text.parse().unwrap()).collect();
        let found = authority(&addresses, &[network.parse().unwrap()], host);
        assert_eq!(found.as_deref(), wanted);
    }
}
