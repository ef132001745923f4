//! What a certificate says of itself.

use std::time::Duration;

use rustls::pki_types::{CertificateDer, UnixTime};
use time::OffsetDateTime;
use time::macros::format_description;

/// How many days before its end a certificate is worth a warning.
pub(crate) const WARN_DAYS: i64 = 14;

/// The validity of a certificate (RFC 5280, section 4.1.2.5), in seconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Facts {
    from: i64,
    until: i64,
}

impl Facts {
    /// Reads a certificate; `None` where it can't be read.
    pub(crate) fn of(certificate: &CertificateDer<'_>) -> Option<Self> {
        let (_, parsed) = x509_parser::parse_x509_certificate(certificate).ok()?;
        let validity = parsed.validity();
        Some(Self {
            from: validity.not_before.timestamp(),
            until: validity.not_after.timestamp(),
        })
    }

    /// Its last second, since 1970.
    pub(crate) fn until_unix(self) -> Duration {
        Duration::from_secs(self.until.try_into().unwrap_or(0))
    }

    pub(crate) fn ended_at(self, now: UnixTime) -> bool {
        self.until < seconds(now)
    }

    pub(crate) fn not_begun_at(self, now: UnixTime) -> bool {
        self.from > seconds(now)
    }

    /// When the certificate ends, in words, with a warning where that is soon.
    pub(crate) fn end_in_words(self, now: UnixTime) -> String {
        let end = day(self.until_unix().as_secs());
        let days = (self.until - seconds(now)).div_euclid(24 * 60 * 60);
        if self.ended_at(now) {
            format!("its certificate ended on {end}: renew it")
        } else if days < WARN_DAYS {
            format!("its certificate ends on {end}, in {days} days: renew it soon")
        } else {
            format!("its certificate ends on {end}")
        }
    }
}

fn seconds(now: UnixTime) -> i64 {
    i64::try_from(now.as_secs()).unwrap_or(i64::MAX)
}

/// Formats a day in UTC, `2026-11-22`.
pub(crate) fn day(unix_seconds: u64) -> String {
    i64::try_from(unix_seconds)
        .ok()
        .and_then(|seconds| OffsetDateTime::from_unix_timestamp(seconds).ok())
        .and_then(|at| at.format(format_description!("[year]-[month]-[day]")).ok())
        .unwrap_or_else(|| "an unknown day".to_owned())
}
