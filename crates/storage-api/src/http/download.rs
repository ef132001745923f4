//! Which part of a file answers a request (RFC 9110, sections 13 and 14).

use std::time::SystemTime;

use actix_web::HttpRequest;
use actix_web::http::Method;
use actix_web::http::header::{
    ByteRangeSpec, EntityTag, Header, HttpDate, IfModifiedSince, IfRange, IfUnmodifiedSince, RANGE, Range,
};
use storage_backends::FileEntry;

use super::extract::conditions;
use crate::error::ApiError;
use crate::problem::Code;

/// What a request gets of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// All of it.
    Whole,
    /// The bytes from the first to the last, both included.
    Range(u64, u64),
    /// Nothing: the client has this version.
    NotModified,
    /// Nothing: the range begins beyond the end of so many bytes.
    NotSatisfiable(u64),
}

/// The validators of a file.
pub(super) struct Validators {
    pub(super) etag: Option<EntityTag>,
    pub(super) modified: Option<SystemTime>,
    size: Option<u64>,
}

impl Validators {
    pub(super) fn of(entry: &FileEntry) -> Self {
        let quoted = entry.etag.as_ref().map(|tag| format!("\"{tag}\""));
        // A tag that cannot stand in a header field is none.
        let etag = quoted.and_then(|tag| tag.parse().ok());
        // In whole seconds, as the header field has it.
        let modified = entry
            .modified_at
            .map(|at| SystemTime::from(at.truncate_to_second()));
        Self {
            etag,
            modified: modified.filter(|at| *at >= SystemTime::UNIX_EPOCH),
            size: entry.size.map(storage_domain::ByteCount::get),
        }
    }

    /// Returns what a request gets.
    ///
    /// # Errors
    /// 412 if a precondition does not hold.
    pub(super) fn part(&self, request: &HttpRequest) -> Result<Part, ApiError> {
        let conditions = conditions(request);
        let tag = self.etag.as_ref().map(ToString::to_string).unwrap_or_default();
        let not_modified = conditions.not_modified(&tag).map_err(|_| other_version())?;
        if !conditions.has_if_match() && self.is_newer_than(date::<IfUnmodifiedSince>(request, |f| f.0)) {
            return Err(other_version());
        }
        let since = date::<IfModifiedSince>(request, |f| f.0);
        let is_old = !conditions.has_if_none_match() && since.is_some() && !self.is_newer_than(since);
        if not_modified || (is_old && self.modified.is_some()) {
            return Ok(Part::NotModified);
        }
        Ok(self.range(request))
    }

    /// Returns the range, which is defined for GET alone; several ranges, other units and what is malformed are ignored. A
    /// file without a tag has none: its parts could be of two versions.
    fn range(&self, request: &HttpRequest) -> Part {
        let (Some(size), Some(_), &Method::GET) = (self.size, &self.etag, request.method()) else {
            return Part::Whole;
        };
        // The parser leaves out members of a list that it cannot read.
        let field = request.headers().get(RANGE);
        let is_list = field.is_some_and(|field| field.as_bytes().contains(&b','));
        let spec = match Range::parse(request) {
            Ok(Range::Bytes(specs)) if !is_list && specs.len() == 1 && self.if_range_holds(request) => {
                specs[0].clone()
            }
            _ => return Part::Whole,
        };
        // The last bytes of nothing are all there is.
        if size == 0 && matches!(spec, ByteRangeSpec::Last(1..)) {
            return Part::Whole;
        }
        match spec.to_satisfiable_range(size) {
            Some((first, last)) => Part::Range(first, last),
            None => Part::NotSatisfiable(size),
        }
    }

    /// Compares strongly (RFC 9110, section 13.1.5): for a file with a tag a date proves nothing.
    fn if_range_holds(&self, request: &HttpRequest) -> bool {
        if !request.headers().contains_key("if-range") {
            return true;
        }
        match IfRange::parse(request) {
            Ok(IfRange::EntityTag(tag)) => self.etag.as_ref().is_some_and(|own| own.strong_eq(&tag)),
            Ok(IfRange::Date(_)) | Err(_) => false,
        }
    }

    fn is_newer_than(&self, date: Option<SystemTime>) -> bool {
        matches!((self.modified, date), (Some(modified), Some(date)) if modified > date)
    }
}

/// The error of a condition that does not hold.
fn other_version() -> ApiError {
    let detail =
        "The file is not the version that the condition names; ask for it again without the condition";
    ApiError::new(Code::PreconditionFailed, detail)
}

fn date<H: Header>(request: &HttpRequest, date: impl FnOnce(H) -> HttpDate) -> Option<SystemTime> {
    H::parse(request).ok().map(|field| date(field).into())
}
