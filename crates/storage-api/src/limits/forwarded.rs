//! The client that proxies name: `Forwarded` (RFC 7239) and `X-Forwarded-For`.

use std::net::{IpAddr, SocketAddr};

use actix_web::http::header::{FORWARDED, HeaderMap, HeaderName, X_FORWARDED_FOR};

/// Finds the client behind trusted proxies: the last address that is none of theirs. A proxy adds its peer at the end, so
/// what stands before that address may be made up.
///
/// Most proxies set one field and pass the other one on as it came. If both are there and differ, neither counts.
pub(super) fn forwarded_client(headers: &HeaderMap, is_trusted: impl Fn(IpAddr) -> bool) -> Option<IpAddr> {
    let find = |name: &HeaderName, element: fn(&str) -> Option<IpAddr>| {
        let lines: Vec<_> = headers.get_all(name).collect();
        let elements = lines.iter().rev().flat_map(|line| {
            let line = line.to_str().unwrap_or("?");
            line.rsplit(',').map(str::trim).filter(|part| !part.is_empty())
        });
        let mut nearest = None;
        for address in elements.map(element) {
            // Behind something other than an address, clients can't be distinguished.
            let Some(address) = address else { break };
            nearest = Some(address);
            if !is_trusted(address) {
                break;
            }
        }
        nearest
    };
    let standard = find(&FORWARDED, forwarded_for);
    let common = find(&X_FORWARDED_FOR, address);
    match (
        headers.contains_key(FORWARDED),
        headers.contains_key(X_FORWARDED_FOR),
    ) {
        (true, true) => standard.filter(|_| standard == common),
        (true, false) => standard,
        _ => common,
    }
}

/// Returns the `for` of one element of `Forwarded`.
fn forwarded_for(element: &str) -> Option<IpAddr> {
    let mut named = element.split(';').filter_map(|pair| {
        let (name, value) = pair.trim().split_once('=')?;
        name.eq_ignore_ascii_case("for").then_some(value)
    });
    let value = named.next()?;
    address(
        value
            .strip_prefix('"')
            .and_then(|v| v.strip_suffix('"'))
            .unwrap_or(value),
    )
}

/// Reads an address with or without a port; an IPv6 address may have brackets.
fn address(text: &str) -> Option<IpAddr> {
    let bare = text
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .unwrap_or(text);
    let bare: Option<IpAddr> = bare.parse().ok();
    let found = bare.or_else(|| text.parse::<SocketAddr>().ok().map(|found| found.ip()))?;
    Some(found.to_canonical())
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;
    use rstest::rstest;

    use super::*;

    const F: &str = "forwarded";
    const X: &str = "x-forwarded-for";

    #[rstest]
    #[case(&[(X, "192.0.2.7")], Some("192.0.2.7"))]
    #[case(&[(X, "192.0.2.7:4711")], Some("192.0.2.7"))]
    #[case(&[(X, "198.51.100.1, 192.0.2.7")], Some("192.0.2.7"))]
    #[case(&[(X, "192.0.2.7, 10.0.0.9")], Some("192.0.2.7"))]
    #[case(&[(X, "198.51.100.1"), (X, "192.0.2.7,10.0.0.9")], Some("192.0.2.7"))]
    #[case(&[(X, "10.0.0.7, 10.0.0.9")], Some("10.0.0.7"))]
    #[case(&[(X, "2001:db8::7")], Some("2001:db8::7"))]
    #[case(&[(X, "[2001:db8::7]:80")], Some("2001:db8::7"))]
    #[case(&[(X, "::ffff:192.0.2.7")], Some("192.0.2.7"))]
    #[case(&[(X, "198.51.100.1, unknown")], None)]
    #[case(&[(X, "198.51.100.1, unknown, 10.0.0.9")], Some("10.0.0.9"))]
    #[case(&[(X, "")], None)]
    #[case(&[], None)]
    #[case(&[(F, "for=192.0.2.7;proto=https;by=10.0.0.9")], Some("192.0.2.7"))]
    #[case(&[(F, "For=\"[2001:db8::7]:4711\"")], Some("2001:db8::7"))]
    #[case(&[(F, "for=198.51.100.1, for=192.0.2.7")], Some("192.0.2.7"))]
    #[case(&[(F, "for=192.0.2.7, for=_hidden")], None)]
    #[case(&[(F, "proto=https")], None)]
    #[case(&[(F, "for=192.0.2.7"), (X, "192.0.2.7")], Some("192.0.2.7"))]
    #[case(&[(F, "for=198.51.100.1"), (X, "192.0.2.7")], None)]
    #[case(&[(F, "made up"), (X, "192.0.2.7")], None)]
    fn the_last_address_that_is_no_proxy(#[case] fields: &[(&str, &str)], #[case] client: Option<&str>) {
        let mut request = TestRequest::get();
        for field in fields {
            request = request.append_header(*field);
        }
        let request = request.to_http_request();
        let is_proxy = |address: IpAddr| address.to_string().starts_with("10.");
        let found = forwarded_client(request.headers(), is_proxy);
        assert_eq!(found.map(|address| address.to_string()).as_deref(), client);
    }
}
