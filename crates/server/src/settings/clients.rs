//! What clients may do, and how much of it.

use storage_api::LimitSettings;
use storage_domain::Rule;
use storage_domain::access::Lifetime;

use super::keys::{self, key};
use super::reader::Reader;
use super::values;

/// The largest rate, number of tests or connections that can be set.
const MOST: u32 = 100_000;

/// What clients may do, and how much of it.
#[derive(Debug, Clone)]
pub(crate) struct Clients {
    pub(crate) cors_origins: Vec<String>,
    pub(crate) limits: LimitSettings,
    /// `None`: as long as the database.
    pub(crate) audit_retention: Option<time::Duration>,
    pub(crate) max_connections: usize,
}

/// What was set.
pub(super) fn read(reader: &mut Reader) -> Clients {
    let cors = key(keys::CORS_ORIGINS);
    let cors_origins = reader.given(cors).then(|| reader.many(cors, origin)).flatten();
    let number = |reader: &mut Reader, name| {
        let read = reader.one(key(name), |text| values::number(text, MOST));
        read.unwrap_or(1)
    };
    let retention = reader.one(key(keys::AUDIT_RETENTION), |text| {
        text.parse::<Lifetime>().map_err(|rule: Rule| rule.to_string())
    });
    Clients {
        cors_origins: cors_origins.unwrap_or_default(),
        limits: LimitSettings {
            rate: reader.one(key(keys::RATE_LIMIT), rate).flatten(),
            burst: number(reader, keys::RATE_BURST),
            failures_per_minute: number(reader, keys::FAILED_LOGINS),
            tests: number(reader, keys::TESTS_PER_CLIENT),
        },
        audit_retention: retention.and_then(Lifetime::duration),
        max_connections: usize::try_from(number(reader, keys::MAX_CONNECTIONS)).unwrap_or(1),
    }
}

fn rate(text: &str) -> Result<Option<u32>, String> {
    if text == "off" {
        return Ok(None);
    }
    let number = values::number(text, MOST).map(Some);
    number.map_err(|rule| format!("{rule}, or off"))
}

/// An origin as browsers write it (RFC 6454, section 6.2): nothing but scheme, host and port, in lower case, without the
/// port that is the scheme's own.
fn origin(text: &str) -> Result<String, String> {
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

    /// What is told as a default is what the library has.
    #[test]
    fn defaults_are_those_of_the_library() {
        let default = |name| key(name).default.unwrap_or_default().parse::<u32>();
        let limits = LimitSettings::default();
        assert_eq!(default(keys::RATE_LIMIT).ok(), limits.rate);
        assert_eq!(default(keys::RATE_BURST), Ok(limits.burst));
        assert_eq!(default(keys::FAILED_LOGINS), Ok(limits.failures_per_minute));
        assert_eq!(default(keys::TESTS_PER_CLIENT), Ok(limits.tests));
    }
}
