//! What a request gets of a file (RFC 9110, sections 13 and 14), whichever listener it came to.

use std::time::SystemTime;

use actix_web::http::header::{ByteRangeSpec, EntityTag, HttpDate, Range};
use storage_backends::{ErrorKind, FileBytes, FileEntry, FileKind, ReadRequest};
use storage_domain::{BackendId, ByteCount, FilePath};

use crate::error::{ApiError, RETRY_AFTER_SECONDS};
use crate::problem::{Code, Problem};
use crate::service::{App, AppError, Permit, Preconditions};

/// Times that a file which changes between its description and its opening is tried.
pub(crate) const TRIES: usize = 3;

/// The header fields that decide what a request gets of a file.
#[derive(Debug)]
pub(crate) struct FileRequest {
    is_get: bool,
    tags: Preconditions,
    modified_since: Option<SystemTime>,
    unmodified_since: Option<SystemTime>,
    if_range: Option<String>,
    range: Option<String>,
}

impl FileRequest {
    /// Reads the fields of a GET or a HEAD. `field` returns the value of one; several lines are one list.
    pub(crate) fn new(is_get: bool, field: impl Fn(&str) -> Option<String>) -> Self {
        let date = |name| field(name)?.parse::<HttpDate>().ok().map(SystemTime::from);
        let (if_match, if_none_match) = (field("if-match"), field("if-none-match"));
        Self {
            is_get,
            tags: Preconditions::new(if_match.as_deref(), if_none_match.as_deref()),
            modified_since: date("if-modified-since"),
            unmodified_since: date("if-unmodified-since"),
            if_range: field("if-range"),
            range: field("range"),
        }
    }

    /// Returns the range, which is defined for GET alone; several ranges, other units and what is malformed are ignored.
    fn range(&self) -> Option<ByteRangeSpec> {
        // The parser leaves out members of a list that it cannot read.
        let field = self.range.as_ref().filter(|field| !field.contains(','))?;
        match field.parse() {
            Ok(Range::Bytes(specs)) if self.is_get && specs.len() == 1 => specs.into_iter().next(),
            _ => None,
        }
    }
}

/// What a request gets of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
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
pub(crate) struct Validators {
    pub(crate) etag: Option<EntityTag>,
    modified: Option<SystemTime>,
    size: Option<u64>,
}

impl Validators {
    fn of(entry: &FileEntry) -> Self {
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
            size: entry.size.map(ByteCount::get),
        }
    }

    /// Returns the time for `Last-Modified`, which is never in the future.
    pub(crate) fn last_modified(&self) -> Option<HttpDate> {
        let past = self.modified.filter(|at| *at <= SystemTime::now());
        past.map(HttpDate::from)
    }

    /// Returns whether parts of the file can be asked for. Those of a file without a tag could be of two versions.
    pub(crate) fn allow_ranges(&self) -> bool {
        self.size.is_some() && self.etag.is_some()
    }

    /// Returns what a request gets.
    ///
    /// # Errors
    /// 412 if a precondition does not hold.
    fn part(&self, asked: &FileRequest) -> Result<Part, ApiError> {
        let tag = self.etag.as_ref().map(ToString::to_string).unwrap_or_default();
        let not_modified = asked.tags.not_modified(&tag).map_err(|_| other_version())?;
        if !asked.tags.has_if_match() && self.is_newer_than(asked.unmodified_since) {
            return Err(other_version());
        }
        let since = asked.modified_since;
        let is_old = !asked.tags.has_if_none_match() && since.is_some() && !self.is_newer_than(since);
        if not_modified || (is_old && self.modified.is_some()) {
            return Ok(Part::NotModified);
        }
        Ok(self.range(asked))
    }

    fn range(&self, asked: &FileRequest) -> Part {
        let Some(spec) = asked
            .range()
            .filter(|_| self.allow_ranges() && self.if_range_holds(asked))
        else {
            return Part::Whole;
        };
        let size = self.size.unwrap_or_default();
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
    fn if_range_holds(&self, asked: &FileRequest) -> bool {
        let Some(field) = &asked.if_range else { return true };
        let tag: Option<EntityTag> = field.parse().ok();
        let own = self.etag.as_ref();
        tag.is_some_and(|tag| own.is_some_and(|own| own.strong_eq(&tag)))
    }

    fn is_newer_than(&self, date: Option<SystemTime>) -> bool {
        matches!((self.modified, date), (Some(modified), Some(date)) if modified > date)
    }
}

/// A file, and what a request gets of it.
pub(crate) struct Download {
    pub(crate) entry: FileEntry,
    pub(crate) validators: Validators,
    pub(crate) part: Part,
    /// Number of bytes of the part, if it is known.
    pub(crate) length: Option<u64>,
    /// What to read for it; `None` if the request gets no bytes, as for HEAD.
    pub(crate) wanted: Option<ReadRequest>,
    /// The bytes, once they are asked for.
    pub(crate) bytes: Option<FileBytes>,
}

impl Download {
    /// Decides what a request gets of a file that was described.
    ///
    /// # Errors
    /// 409 for a directory, and 412.
    pub(crate) fn of(entry: FileEntry, asked: &FileRequest) -> Result<Self, ApiError> {
        if entry.kind == FileKind::Directory {
            let detail = "This is a directory; name a file in it";
            return Err(ApiError::new(Code::NotAFile, detail));
        }
        let validators = Validators::of(&entry);
        let part = validators.part(asked)?;
        let (offset, length) = match part {
            Part::Range(first, last) => (first, Some(last - first + 1)),
            Part::Whole | Part::NotModified | Part::NotSatisfiable(_) => (0, validators.size),
        };
        let has_bytes = asked.is_get && matches!(part, Part::Whole | Part::Range(..));
        let wanted = has_bytes.then(|| ReadRequest {
            offset,
            length,
            size: validators.size,
            etag: entry.etag.clone(),
        });
        Ok(Self {
            entry,
            validators,
            part,
            length,
            wanted,
            bytes: None,
        })
    }

    /// Describes a file, and opens it if the request gets any bytes of it.
    ///
    /// # Errors
    /// Those of [`App::read_file`] and [`Download::of`]; 503 for a file that changes all the time.
    pub(crate) async fn open(
        app: &App,
        id: BackendId,
        path: &FilePath,
        permit: &Permit,
        asked: &FileRequest,
    ) -> Result<Self, ApiError> {
        for _ in 0..TRIES {
            let entry = app.stat_file(id, path.clone(), permit.clone()).await?;
            let mut file = Self::of(entry, asked)?;
            if let Some(wanted) = &file.wanted {
                let read = app.read_file(id, path.clone(), wanted.clone(), permit.clone());
                match read.await {
                    Err(AppError::Files(cause)) if *cause.kind() == ErrorKind::Changed => continue,
                    bytes => file.bytes = Some(bytes?),
                }
            }
            return Ok(file);
        }
        Err(changes_all_the_time())
    }
}

/// The error of a file that was another one each time that it was opened.
pub(crate) fn changes_all_the_time() -> ApiError {
    let detail = "The file changes faster than it can be read; wait until its writer has ended";
    let problem = Problem::new(Code::StorageUnavailable, detail);
    problem
        .with_header("retry-after", RETRY_AFTER_SECONDS.to_string())
        .into()
}

/// The error of a condition that does not hold.
fn other_version() -> ApiError {
    let detail =
        "The file is not the version that the condition names; ask for it again without the condition";
    ApiError::new(Code::PreconditionFailed, detail)
}
