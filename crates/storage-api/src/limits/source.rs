//! Where a request comes from.

use std::net::{IpAddr, Ipv6Addr};

use actix_web::HttpRequest;
use actix_web::http::header::{FORWARDED, X_FORWARDED_FOR};
use storage_domain::net::Network;

use super::forwarded::forwarded_client;

/// Whom a limit is about.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Client {
    /// The holder of this token, or this subject of a JSON Web Token.
    Known(String),
    /// An address. A network of IPv6 gives one client 2^64 of them, so it is their common prefix.
    Address(IpAddr),
    /// A client of a Unix socket.
    Socket,
}

/// The address that a request comes from, behind the proxies that are trusted.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Source {
    address: Option<IpAddr>,
    is_local: bool,
}

impl Source {
    /// Finds the client of a request: its peer, or behind a trusted proxy the one that the proxy names. A Unix socket has
    /// no address to trust, so it counts as a proxy as soon as any is configured.
    pub(crate) fn of(request: &HttpRequest, trusted: &[Network]) -> Self {
        let peer = request.peer_addr().map(|peer| peer.ip().to_canonical());
        let is_trusted = |address: IpAddr| trusted.iter().any(|network| network.contains(address));
        let headers = request.headers();
        let is_proxy = !trusted.is_empty() && peer.is_none_or(is_trusted);
        let is_forwarded =
            is_proxy && (headers.contains_key(FORWARDED) || headers.contains_key(X_FORWARDED_FOR));
        let named = is_forwarded
            .then(|| forwarded_client(headers, is_trusted))
            .flatten();
        Self {
            address: named.or(peer),
            // What a proxy passes on is never this machine's, whatever its fields say.
            is_local: !is_forwarded && peer.is_none_or(|address| address.is_loopback()),
        }
    }

    /// Returns the address; `None` for a Unix socket.
    pub(crate) fn address(&self) -> Option<IpAddr> {
        self.address
    }

    /// Returns whom a limit is about before anybody knows who it is.
    pub(crate) fn client(&self) -> Client {
        match self.address {
            Some(IpAddr::V6(address)) if !address.is_loopback() => {
                let prefix = u128::from(address) >> 64 << 64;
                Client::Address(Ipv6Addr::from(prefix).into())
            }
            Some(address) => Client::Address(address),
            None => Client::Socket,
        }
    }

    /// Returns whether the request comes from this machine, and through no proxy.
    pub(crate) fn is_local(&self) -> bool {
        self.is_local
    }
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    #[test]
    fn a_network_of_ipv6_is_one_client() {
        let at = |peer: &str| {
            let request = TestRequest::get().peer_addr(peer.parse().unwrap());
            Source::of(&request.to_http_request(), &[]).client()
        };
        assert_eq!(at("[2001:db8::1]:1"), at("[2001:db8::ffff:1]:2"));
        assert_ne!(at("[2001:db8::1]:1"), at("[2001:db8:0:1::1]:1"));
        assert_eq!(at("[::ffff:192.0.2.1]:1"), at("192.0.2.1:2"));
        assert_ne!(at("192.0.2.1:1"), at("192.0.2.2:1"));
    }

    /// Whoever is no trusted proxy may write into the fields what it likes.
    #[test]
    fn only_trusted_proxies_name_their_client() {
        let trusted = ["10.0.0.0/8".parse().unwrap()];
        let from = |peer: Option<&str>, trusted: &[Network]| {
            let mut request = TestRequest::get().insert_header(("x-forwarded-for", "192.0.2.7"));
            if let Some(peer) = peer {
                request = request.peer_addr(peer.parse().unwrap());
            }
            let source = Source::of(&request.to_http_request(), trusted);
            source.address().map(|address| address.to_string())
        };
        assert_eq!(from(Some("10.0.0.1:1"), &trusted).as_deref(), Some("192.0.2.7"));
        assert_eq!(
            from(Some("[::ffff:10.0.0.1]:1"), &trusted).as_deref(),
            Some("192.0.2.7")
        );
        assert_eq!(from(Some("127.0.0.1:1"), &trusted).as_deref(), Some("127.0.0.1"));
        assert_eq!(from(Some("10.0.0.1:1"), &[]).as_deref(), Some("10.0.0.1"));
        assert_eq!(from(None, &trusted).as_deref(), Some("192.0.2.7"));
        assert_eq!(from(None, &[]), None);
    }

    #[test]
    fn what_a_proxy_passes_on_is_not_local() {
        let trusted = ["127.0.0.0/8".parse().unwrap()];
        let is_local = |peer: Option<&str>, fields: &[(&str, &str)]| {
            let mut request = TestRequest::get();
            for field in fields {
                request = request.insert_header(*field);
            }
            if let Some(peer) = peer {
                request = request.peer_addr(peer.parse().unwrap());
            }
            Source::of(&request.to_http_request(), &trusted).is_local()
        };
        let client = ("x-forwarded-for", "192.0.2.7");
        for peer in [None, Some("127.0.0.1:1")] {
            assert!(is_local(peer, &[]));
            assert!(!is_local(peer, &[client]));
            assert!(!is_local(peer, &[client, ("forwarded", "for=9.9.9.9")]));
            assert!(!is_local(peer, &[("x-forwarded-for", "127.0.0.2")]));
        }
    }
}
