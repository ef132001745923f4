//! How much one client may ask for.

mod buckets;
mod turns;

use std::net::{IpAddr, Ipv6Addr};
use std::time::{Duration, Instant};

use actix_web::HttpRequest;
use storage_domain::access::{Actor, How};

use self::buckets::Buckets;
pub(crate) use self::turns::Turn;
use self::turns::Turns;
use crate::error::ApiError;
use crate::problem::{Code, Problem};

/// How much one client may ask for.
#[derive(Debug, Clone)]
pub struct LimitSettings {
    /// How many requests a second for long; `None` is no limit. Whoever is not asked for a token on this machine has
    /// none.
    pub rate: Option<u32>,
    /// How many requests at once, above the rate.
    pub burst: u32,
    /// How many tokens that are not valid an address may send in a minute.
    pub failures_per_minute: u32,
    /// How many tests and discoveries of one client may run at once. Whoever is not asked for a token on this machine
    /// has no such limit.
    pub tests: u32,
}

impl Default for LimitSettings {
    fn default() -> Self {
        Self {
            rate: Some(100),
            burst: 200,
            failures_per_minute: 20,
            tests: 8,
        }
    }
}

/// Whom a limit is about.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Client {
    /// Whoever has this token, or this subject of a JSON Web Token.
    Known(String),
    /// Whoever comes from this address. A network of IPv6 gives one client 2^64 of them, so it is their common prefix.
    Address(IpAddr),
    /// Whoever comes by a Unix socket.
    Socket,
}

impl Client {
    /// Who comes from there, whoever it is.
    pub(crate) fn at(request: &HttpRequest) -> Self {
        match request.peer_addr().map(|peer| peer.ip().to_canonical()) {
            Some(IpAddr::V6(address)) if !address.is_loopback() => {
                let prefix = u128::from(address) >> 64 << 64;
                Self::Address(Ipv6Addr::from(prefix).into())
            }
            Some(address) => Self::Address(address),
            None => Self::Socket,
        }
    }

    fn of(actor: &Actor, request: &HttpRequest) -> Self {
        match &actor.how {
            How::Token(id) => Self::Known(id.to_string()),
            How::Jwt => Self::Known(format!("jwt {}", actor.name)),
            How::Open | How::Cli => Self::at(request),
        }
    }
}

/// Whether a request comes from this machine without having been asked for a token. One with a token may come from
/// anywhere, by a proxy on this machine.
fn is_trusted(actor: &Actor, request: &HttpRequest) -> bool {
    let peer = request.peer_addr();
    actor.how == How::Open && peer.is_none_or(|peer| peer.ip().to_canonical().is_loopback())
}

/// The limits, and how far each client is from them.
pub(super) struct Limits {
    rate: Option<Buckets>,
    failures: Buckets,
    tests: Turns,
}

impl Limits {
    pub(super) fn new(settings: &LimitSettings) -> Self {
        let per_minute = f64::from(settings.failures_per_minute);
        Self {
            rate: settings
                .rate
                .map(|rate| Buckets::new(f64::from(rate), f64::from(settings.burst))),
            failures: Buckets::new(per_minute / 60.0, per_minute),
            tests: Turns::new(settings.tests),
        }
    }

    /// Counts a token that is not valid.
    ///
    /// # Errors
    /// 429 where too many came from this address.
    pub(super) fn failed(&self, request: &HttpRequest) -> Result<(), ApiError> {
        self.failures
            .take(Client::at(request), Instant::now())
            .map_err(|wait| limited("Too many tokens that are not valid came from this address", wait))
    }

    /// Counts a request.
    ///
    /// # Errors
    /// 429.
    pub(super) fn request(&self, actor: &Actor, request: &HttpRequest) -> Result<(), ApiError> {
        let Some(rate) = &self.rate else { return Ok(()) };
        if is_trusted(actor, request) {
            return Ok(());
        }
        rate.take(Client::of(actor, request), Instant::now())
            .map_err(|wait| limited("This client sends too many requests", wait))
    }

    /// How many clients have a turn.
    #[cfg(test)]
    pub(super) fn clients_at_work(&self) -> usize {
        self.tests.len()
    }

    /// A turn for a test or a discovery; it ends with the value. `None` where nobody counts.
    ///
    /// # Errors
    /// 429.
    pub(super) fn turn(&self, actor: &Actor, request: &HttpRequest) -> Result<Option<Turn>, ApiError> {
        if is_trusted(actor, request) {
            return Ok(None);
        }
        let turn = self.tests.take(Client::of(actor, request));
        turn.map(Some).ok_or_else(|| {
            limited(
                "This client has as many tests and discoveries under way as it may",
                Duration::from_secs(1),
            )
        })
    }
}

fn limited(what: &str, wait: Duration) -> ApiError {
    let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
    let seconds = seconds.max(1);
    Problem::new(Code::RateLimited, format!("{what}; try again in {seconds} s"))
        .with_header("retry-after", seconds.to_string())
        .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[actix_web::test]
    async fn a_network_of_ipv6_is_one_client() {
        let at = |peer: &str| {
            let request = actix_web::test::TestRequest::get().peer_addr(peer.parse().unwrap());
            Client::at(&request.to_http_request())
        };
        assert_eq!(at("[2001:db8::1]:1"), at("[2001:db8::ffff:1]:2"));
        assert_ne!(at("[2001:db8::1]:1"), at("[2001:db8:0:1::1]:1"));
        assert_eq!(at("[::ffff:192.0.2.1]:1"), at("192.0.2.1:2"));
        assert_ne!(at("192.0.2.1:1"), at("192.0.2.2:1"));
    }
}
