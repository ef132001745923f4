//! What goes over the wire: requests in, answers out.

mod backend;
mod draft;
mod query;
mod test;

pub(crate) use backend::{BackendDto, UnreadableDto};
pub(crate) use draft::{creation, update};
pub(crate) use query::{MAX_LIMIT, MAX_OFFSET, list_filter, wants_force};
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
}

impl<T> One<T> {
    pub(crate) fn new(data: T) -> Self {
        Self {
            success: true,
            data,
            message: None,
        }
    }

    pub(crate) fn told(data: T, message: &'static str) -> Self {
        Self {
            success: true,
            data,
            message: Some(message),
        }
    }
}

/// The envelope of a list.
#[derive(Debug, Serialize)]
pub(crate) struct List<T> {
    pub(crate) success: bool,
    pub(crate) data: Vec<T>,
    /// All matches, not just this page.
    pub(crate) total: u64,
    /// The rows of this page that can't be read.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) unreadable: Vec<UnreadableDto>,
}

/// RFC 3339 in UTC with `Z`, always with three digits of a second's fraction.
pub(crate) fn timestamp(at: OffsetDateTime) -> String {
    let at = at.to_offset(time::UtcOffset::UTC);
    format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z",
        at.year(),
        u8::from(at.month()),
        at.day(),
        at.hour(),
        at.minute(),
        at.second(),
        at.millisecond()
    )
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
