//! What clients may do, and how much of it.

use storage_api::LimitSettings;
use storage_domain::access::Lifetime;
use storage_domain::net::Network;

use super::reader::Reader;
use super::{table, values};

/// The requests that a client may send at once, for each that it may send in a second.
const BURST: u32 = 2;

/// What clients may do, and how much of it.
#[derive(Debug, Clone)]
pub(crate) struct Clients {
    pub(crate) cors_origins: Vec<String>,
    pub(crate) limits: LimitSettings,
    /// `None`: as long as the database.
    pub(crate) audit_retention: Option<time::Duration>,
    pub(crate) max_connections: usize,
    /// Where proxies are, which speak for many clients.
    pub(crate) trusted_proxies: Vec<Network>,
}

/// Reads what was set.
pub(super) fn read(reader: &mut Reader) -> Clients {
    let rate = reader.get(&table::RATE_LIMIT);
    Clients {
        cors_origins: reader.many(&table::CORS_ORIGINS),
        limits: LimitSettings {
            burst: rate.map_or(0, |rate| rate.saturating_mul(BURST)),
            rate,
            failures_per_minute: reader.get(&table::FAILED_LOGINS),
            ..LimitSettings::default()
        },
        audit_retention: reader.one(&table::AUDIT_RETENTION).and_then(Lifetime::duration),
        trusted_proxies: reader.many(&table::TRUSTED_PROXIES).concat(),
        max_connections: usize::try_from(reader.get(&table::MAX_CONNECTIONS)).unwrap_or(1),
    }
}

/// Reads a number of requests a second, or the word `off`.
pub(super) fn rate(text: &str) -> Result<Option<u32>, String> {
    if text == "off" {
        return Ok(None);
    }
    let number = values::number(text).map(Some);
    number.map_err(|rule| format!("{rule}, or off"))
}

/// An origin as browsers write it (RFC 6454, section 6.2): nothing but scheme, host and port, in lower case, without the
/// port that is the scheme's own.
pub(super) fn origin(text: &str) -> Result<String, String> {
    let rule = "must be an origin as browsers send it, such as https://ui.example or http://ui.lab:8080 (no path, no *)";
    let (scheme, authority) = text.split_once("://").ok_or(rule)?;
    let usual = if scheme == "https" { ":443" } else { ":80" };
    let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-.:[]".contains(c);
    let fits = matches!(scheme, "http" | "https")
        && !authority.is_empty()
        && !authority.ends_with(usual)
        && authority.chars().all(is_plain);
    if fits {
        Ok(text.to_owned())
    } else {
        Err(rule.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::super::setting::Key;
    use super::*;

    #[rstest]
    #[case("https://ui.example", true)]
    #[case("http://ui.lab:8080", true)]
    #[case("http://[::1]:3000", true)]
    #[case("*", false)]
    #[case("null", false)]
    #[case("https://*.example", false)]
    #[case("https://ui.example/", false)]
    #[case("https://ui.example:443", false)]
    #[case("HTTPS://ui.example", false)]
    #[case("ftp://ui.example", false)]
    #[case("https://user@ui.example", false)]
    fn origins(#[case] text: &str, #[case] good: bool) {
        assert_eq!(origin(text).is_ok(), good);
    }

    /// The defaults are those of the library.
    #[test]
    fn defaults_are_those_of_the_library() {
        let default = |key: &Key| key.default.unwrap_or_default().parse::<u32>();
        let limits = LimitSettings::default();
        assert_eq!(default(&table::RATE_LIMIT).ok(), limits.rate);
        assert_eq!(default(&table::FAILED_LOGINS), Ok(limits.failures_per_minute));
        assert_eq!(limits.rate.map(|rate| rate * BURST), Some(limits.burst));
    }
}
