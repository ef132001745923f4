//! Requests that a web page of another site makes, by way of a browser on this machine.
//!
//! A service on loopback that asks for no token is reached by every page that such a browser shows. Those that don't
//! ask beforehand (CORS) have no JSON body, yet a bodyless POST could start a test; and a name that leads to
//! 127.0.0.1 for a while (DNS rebinding) would make a page of that name one of this service's own.

use std::net::IpAddr;

use actix_web::HttpRequest;
use actix_web::http::header::{HOST, HeaderName, ORIGIN};

use super::cors::Cors;
use crate::error::ApiError;
use crate::problem::Code;

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Refuses what another site's page sends, and what comes by a name that is not this machine's.
///
/// # Errors
/// 403.
pub(super) fn check(request: &HttpRequest, cors: &Cors) -> Result<(), ApiError> {
    // No browser comes by way of a Unix socket, and proxies that do use names of their own.
    if request.peer_addr().is_none() {
        return Ok(());
    }
    let field = |name: &HeaderName| request.headers().get(name).map(|v| v.to_str().unwrap_or("?"));
    let host = field(&HOST);
    if !host.is_none_or(is_local) {
        return Err(ApiError::new(
            Code::CrossSite,
            "Without a token this service answers only by the name localhost or an IP address; use that, or make a token",
        ));
    }
    if field(&ORIGIN).is_some_and(|origin| cors.allows(origin)) {
        return Ok(());
    }
    let is_foreign = |origin: &str| {
        let authority = origin.split_once("://").map(|(_, authority)| authority);
        authority.is_none() || authority != host
    };
    if field(&SEC_FETCH_SITE).is_some_and(|site| site == "cross-site")
        || field(&ORIGIN).is_some_and(is_foreign)
    {
        return Err(ApiError::new(
            Code::CrossSite,
            "Another site's page may not use this service without a token; make one with pureboot-storage token create",
        ));
    }
    Ok(())
}

/// Whether a `Host` names a machine by its address, or this one.
fn is_local(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.rsplit_once(':').map_or(host, |(name, _)| name),
    };
    name.parse::<IpAddr>().is_ok()
        || name.eq_ignore_ascii_case("localhost")
        || name.to_ascii_lowercase().ends_with(".localhost")
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::is_local;

    #[rstest]
    #[case("127.0.0.1:8080", true)]
    #[case("127.0.0.1", true)]
    #[case("[::1]:8080", true)]
    #[case("LOCALHOST:1", true)]
    #[case("storage.localhost", true)]
    #[case("localhost.evil.example", false)]
    #[case("evil.example:8080", false)]
    #[case("127.0.0.1.evil.example", false)]
    #[case("", false)]
    fn hosts(#[case] host: &str, #[case] local: bool) {
        assert_eq!(is_local(host), local);
    }
}
