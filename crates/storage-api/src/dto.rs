//! What goes over the wire: requests in, answers out.

mod audit;
mod backend;
mod discovered;
mod draft;
mod luns;
mod query;
mod test;

pub(crate) use audit::{AuditDto, OUTCOMES};
pub(crate) use backend::{BackendDto, BackendsDto, UnreadableDto};
pub(crate) use discovered::{BucketDto, ExportDto};
pub(crate) use draft::{creation, update};
pub(crate) use luns::TargetDto;
pub(crate) use query::{
    DEFAULT_AUDIT_LIMIT, MAX_LIMIT, MAX_OFFSET, audit_filter, list_filter, portal, server, wants_force,
};
pub(crate) use test::TestDto;

use serde::Serialize;
use time::OffsetDateTime;

/// What a creation says.
pub(crate) const CREATED: &str = "Storage backend created successfully";
/// What a change says.
pub(crate) const UPDATED: &str = "Backend updated successfully";
/// What a delete says.
pub(crate) const DELETED: &str = "Backend deleted successfully";

/// The envelope of one thing.
#[derive(Debug, Serialize)]
pub(crate) struct One<T> {
    success: bool,
    data: T,
    message: Option<&'static str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<String>,
}

impl<T> One<T> {
    pub(crate) fn new(data: T) -> Self {
        Self {
            success: true,
            data,
            message: None,
            warnings: Vec::new(),
        }
    }

    pub(crate) fn told(data: T, message: &'static str) -> Self {
        Self {
            success: true,
            data,
            message: Some(message),
            warnings: Vec::new(),
        }
    }

    /// With what is allowed, and worth a word.
    pub(crate) fn with_warnings(mut self, warnings: Vec<String>) -> Self {
        self.warnings = warnings;
        self
    }
}

/// The envelope of a list; `data` is a vector, or writes itself as one.
#[derive(Debug, Serialize)]
pub(crate) struct List<D> {
    pub(crate) success: bool,
    pub(crate) data: D,
    /// All matches, not just this page.
    pub(crate) total: u64,
    /// The rows of this page that can't be read.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) unreadable: Vec<UnreadableDto>,
    /// What is missing, in a sentence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) message: Option<String>,
}

impl<T> List<Vec<T>> {
    /// A list that is its only page.
    pub(crate) fn whole(data: Vec<T>) -> Self {
        let total = u64::try_from(data.len()).unwrap_or(u64::MAX);
        Self::part(data, total)
    }

    /// A page of a list of so many.
    pub(crate) fn part(data: Vec<T>, total: u64) -> Self {
        Self {
            success: true,
            total,
            data,
            unreadable: Vec::new(),
            message: None,
        }
    }

    /// Adds what is missing.
    pub(crate) fn with_message(mut self, message: Option<String>) -> Self {
        self.message = message;
        self
    }
}

/// RFC 3339 in UTC with `Z`, always with three digits of a second's fraction. By hand, for a list has three times a
/// backend, and the formatter takes longer over them than the database over the rows.
pub(crate) fn timestamp(at: OffsetDateTime) -> String {
    let at = at.to_offset(time::UtcOffset::UTC);
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
