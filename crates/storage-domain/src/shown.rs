//! A backend as clients see it: without secrets.

use serde::{Serialize, Serializer};
use time::{OffsetDateTime, UtcOffset};

use crate::backend::{Backend, BackendId, BackendStatus, LastTest};
use crate::capacity::ByteCount;
use crate::files::FilePath;
use crate::kinds::{BackendKind, ShownConfig};
use crate::stats::{Incomplete, Skipped, Stats};

/// A backend that serializes as clients see it.
#[derive(Debug, Clone, Serialize)]
pub struct ShownBackend<'a> {
    id: BackendId,
    name: &'a str,
    #[serde(rename = "type")]
    kind: BackendKind,
    status: BackendStatus,
    config: ShownConfig<'a>,
    stats: ShownStats<'a>,
    boot_path: Option<&'a str>,
    last_test: Option<ShownTest<'a>>,
    created_at: Timestamp,
    updated_at: Timestamp,
}

/// The sizes and counts. Existing clients take numbers only, so that what was not measured is 0 for them.
#[derive(Debug, Clone, Serialize)]
struct ShownStats<'a> {
    used_bytes: u64,
    total_bytes: Option<u64>,
    file_count: u64,
    template_count: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    incomplete: Option<&'a Incomplete>,
    #[serde(skip_serializing_if = "Option::is_none")]
    skipped: Option<&'a Skipped>,
}

#[derive(Debug, Clone, Serialize)]
struct ShownTest<'a> {
    at: Timestamp,
    message: &'a str,
}

impl Backend {
    /// Returns the backend as clients see it, to be serialized without a copy.
    pub fn as_shown(&self) -> ShownBackend<'_> {
        ShownBackend {
            id: self.id,
            name: self.name.as_str(),
            kind: self.kind(),
            status: self.status,
            config: self.config.as_shown(),
            stats: ShownStats::from(&self.stats),
            boot_path: self.boot_path.as_ref().map(FilePath::as_str),
            last_test: self.last_test.as_ref().map(ShownTest::from),
            created_at: Timestamp(self.created_at),
            updated_at: Timestamp(self.updated_at),
        }
    }
}

impl<'a> From<&'a Stats> for ShownStats<'a> {
    fn from(stats: &'a Stats) -> Self {
        Self {
            used_bytes: stats.used.map_or(0, ByteCount::get),
            total_bytes: stats.total.map(ByteCount::get),
            file_count: stats.file_count.unwrap_or(0),
            template_count: stats.template_count.unwrap_or(0),
            incomplete: stats.incomplete.as_ref(),
            skipped: stats.skipped.as_ref(),
        }
    }
}

impl<'a> From<&'a LastTest> for ShownTest<'a> {
    fn from(test: &'a LastTest) -> Self {
        Self {
            at: Timestamp(test.at),
            message: &test.message,
        }
    }
}

/// A time that serializes as [`timestamp`] writes it.
#[derive(Debug, Clone, Copy)]
struct Timestamp(OffsetDateTime);

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&timestamp(self.0))
    }
}

/// Writes a time as RFC 3339 in UTC with `Z`, always with three digits of a second's fraction. By hand: the formatter
/// takes longer over the three times of a backend than the database over its row.
pub fn timestamp(at: OffsetDateTime) -> String {
    let at = at.to_offset(UtcOffset::UTC);
    let mut text = String::with_capacity("2026-11-22T10:00:00.007Z".len());
    let parts = [
        (at.year().unsigned_abs(), 4, '-'),
        (u8::from(at.month()).into(), 2, '-'),
        (at.day().into(), 2, 'T'),
        (at.hour().into(), 2, ':'),
        (at.minute().into(), 2, ':'),
        (at.second().into(), 2, '.'),
        (at.millisecond().into(), 3, 'Z'),
    ];
    for (number, digits, after) in parts {
        push_digits(&mut text, number, digits);
        text.push(after);
    }
    text
}

fn push_digits(text: &mut String, number: u32, digits: u32) {
    for place in (0..digits).rev() {
        let digit = number / 10_u32.pow(place) % 10;
        text.push(char::from_digit(digit, 10).unwrap_or('0'));
    }
}

#[cfg(test)]
mod tests {
    use time::OffsetDateTime;

    #[test]
    fn times_are_utc_to_the_millisecond() {
        let at = OffsetDateTime::from_unix_timestamp_nanos(1_795_341_600_007_999_999).unwrap();
        assert_eq!(super::timestamp(at), "2026-11-22T10:00:00.007Z");
    }
}
