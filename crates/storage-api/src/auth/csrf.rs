//! Pages of other origins, shown by a browser on this machine.
//!
//! A service on loopback that requires no token is within reach of every page that such a browser shows. Those that don't
//! ask beforehand (CORS) have no JSON body, but a GET or a POST without one makes the service connect or starts a test; and
//! a name that leads to 127.0.0.1 for a while (DNS rebinding) would make a page of that name one of this service's own.

use std::net::{IpAddr, Ipv6Addr};

use actix_web::HttpRequest;
use actix_web::http::header::{HOST, HeaderName, ORIGIN};

use super::cors::{Cors, is_origin};
use crate::error::ApiError;
use crate::problem::Code;

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Refuses what another origin's page sends, and what comes under a name that is not this machine's.
///
/// Pages can't forge `Sec-Fetch-Site`. Browsers leave it out on plain http to an address in the network, and other
/// programs always do; then `Origin`, if there is one, decides.
///
/// # Errors
/// 403.
pub(crate) fn check(request: &HttpRequest, cors: &Cors) -> Result<(), ApiError> {
    let host = field(request, &HOST);
    // Proxies that come through a Unix socket use names of their own.
    let is_socket = request.peer_addr().is_none();
    let is_listed = |host: &str| {
        ["http", "https"]
            .iter()
            .any(|scheme| cors.allows(&format!("{scheme}://{host}")))
    };
    if !is_socket && !host.is_none_or(|host| is_local(host) || is_listed(host)) {
        return Err(ApiError::new(
            Code::CrossSite,
            "Without a token this service answers only to the name localhost, an IP address, or a host whose origin is in \
             cors_origins; use one of these, or make a token",
        ));
    }
    check_origin(request, cors)
}

/// Refuses what another origin's page sends. A form is sent without asking beforehand, whether the service requires tokens
/// or not.
///
/// # Errors
/// 403.
pub(crate) fn check_origin(request: &HttpRequest, cors: &Cors) -> Result<(), ApiError> {
    let (host, origin) = (field(request, &HOST), field(request, &ORIGIN));
    if origin.is_some_and(|origin| cors.allows(origin)) {
        return Ok(());
    }
    let is_own = match (field(request, &SEC_FETCH_SITE), origin) {
        (Some(site), _) => ["same-origin", "none"]
            .iter()
            .any(|own| site.eq_ignore_ascii_case(own)),
        (None, Some(origin)) => is_same(origin, host),
        (None, None) => true,
    };
    if is_own { Ok(()) } else { Err(refused(origin)) }
}

fn field<'a>(request: &'a HttpRequest, name: &HeaderName) -> Option<&'a str> {
    let mut lines = request.headers().get_all(name);
    let first = lines.next().map(|line| line.to_str().unwrap_or("?"));
    // What is there twice is nothing that a browser sent.
    if lines.next().is_some() { Some("?") } else { first }
}

/// Returns whether an origin has this host and port.
fn is_same(origin: &str, host: Option<&str>) -> bool {
    let authority = origin.split_once("://").map(|(_, authority)| authority);
    authority
        .zip(host)
        .is_some_and(|(authority, host)| authority.eq_ignore_ascii_case(host))
}

fn refused(origin: Option<&str>) -> ApiError {
    let origin = origin
        .map(str::to_ascii_lowercase)
        .filter(|origin| is_origin(origin));
    let value = origin.map_or_else(|| "its origin".to_owned(), |origin| format!("\"{origin}\""));
    let detail = format!(
        "A page of another origin may not use this service without a token; if it is yours, add {value} to cors_origins, or make \
         a token with pureboot-storage token create"
    );
    ApiError::new(Code::CrossSite, detail)
}

/// Returns whether a `Host` names a machine by its address, or this one: a host and perhaps a port, nothing else.
fn is_local(host: &str) -> bool {
    let (name, port) = match host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((name, "")) => (name, None),
        Some((name, rest)) => match rest.strip_prefix(':') {
            Some(port) => (name, Some(port)),
            None => return false,
        },
        None => host
            .split_once(':')
            .map_or((host, None), |(name, port)| (name, Some(port))),
    };
    if port.is_some_and(|port| port.parse::<u16>().is_err() || !port.bytes().all(|b| b.is_ascii_digit())) {
        return false;
    }
    if host.starts_with('[') {
        return name.parse::<Ipv6Addr>().is_ok();
    }
    let name = name.to_ascii_lowercase();
    let is_label =
        |label: &str| !label.is_empty() && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    name.parse::<IpAddr>().is_ok()
        || name == "localhost"
        || name
            .strip_suffix(".localhost")
            .is_some_and(|rest| rest.split('.').all(is_label))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::is_local;

    #[rstest]
    #[case("127.0.0.1:8080", true)]
    #[case("127.0.0.1", true)]
    #[case("[::1]:8080", true)]
    #[case("[::1]", true)]
    #[case("LOCALHOST:1", true)]
    #[case("storage.localhost", true)]
    #[case("localhost.evil.example", false)]
    #[case("evil.example:8080", false)]
    #[case("127.0.0.1.evil.example", false)]
    #[case("127.0.0.1:80@evil", false)]
    #[case("127.0.0.1:80@evil.example:80", false)]
    #[case("user@127.0.0.1", false)]
    #[case("127.0.0.1:", false)]
    #[case("127.0.0.1:+80", false)]
    #[case("127.0.0.1:99999", false)]
    #[case("[::1]evil.example", false)]
    #[case("[127.0.0.1]", false)]
    #[case("[::1", false)]
    #[case("evil.example/.localhost", false)]
    #[case(".localhost", false)]
    #[case("localhost, evil.example", false)]
    #[case("", false)]
    fn hosts(#[case] host: &str, #[case] local: bool) {
        assert_eq!(is_local(host), local);
    }
}
