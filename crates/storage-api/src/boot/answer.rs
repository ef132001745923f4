//! The head of an answer, byte for byte as firmware and boot loaders want it.

use std::fmt::Write as _;
use std::time::SystemTime;

use actix_web::http::header::HttpDate;
use bytes::Bytes;
use storage_backends::{FileBytes, FilePipe};

use super::cache::Reader;
use crate::dto;
use crate::http::download::{Download, Part};

/// After how many seconds a client may ask again for what the storage can't give now.
const RETRY_AFTER: &str = "5";
/// The longest entity tag that is sent: a head stays below 1 KiB.
const MAX_TAG_BYTES: usize = 256;

/// What happens to the connection after an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Afterwards {
    /// It is kept, as HTTP/1.1 does.
    Kept,
    /// It is kept, which an HTTP/1.0 client does not expect.
    KeptByAgreement,
    /// It is closed.
    Closed,
}

/// An answer.
pub(super) struct Answer {
    pub(super) status: u16,
    /// Number of bytes of the content; HEAD names it and sends none.
    pub(super) length: u64,
    fields: Vec<(&'static str, String)>,
    pub(super) content: Content,
}

/// What follows the head.
pub(super) enum Content {
    None,
    Text(&'static str),
    /// The first piece of a file, and the rest of it.
    File(Bytes, FileBytes),
    /// A file in its pipe.
    Pipe(Box<FilePipe>),
    /// What the cache has of a file.
    Cached(Reader),
}

impl Answer {
    /// Refuses a request with a tiny text.
    pub(super) fn refusal(status: u16) -> Self {
        let (_, text) = reason(status);
        let fields = match status {
            405 => vec![("Allow", "GET, HEAD".to_owned())],
            503 => vec![("Retry-After", RETRY_AFTER.to_owned())],
            _ => Vec::new(),
        };
        let mut answer = Self {
            status,
            length: text.len() as u64,
            fields: vec![("Content-Type", "text/plain".to_owned())],
            content: Content::Text(text),
        };
        answer.fields.extend(fields);
        answer
    }

    /// Answers with what a request gets of a file; its bytes are added by whoever has read the first of them.
    pub(super) fn of(file: &Download, length: u64) -> Self {
        let status = match file.part {
            Part::Whole => 200,
            Part::Range(..) => 206,
            Part::NotModified => 304,
            Part::NotSatisfiable(size) => {
                let mut answer = Self::refusal(416);
                answer.fields.push(("Content-Range", format!("bytes */{size}")));
                return answer;
            }
        };
        let validators = &file.validators;
        let mut fields = Vec::new();
        if status != 304 {
            fields.push(("Content-Type", dto::boot_media_type(&file.entry.name).to_owned()));
            let ranges = if validators.allow_ranges() {
                "bytes"
            } else {
                "none"
            };
            fields.push(("Accept-Ranges", ranges.to_owned()));
        }
        if let (Part::Range(first, last), Some(size)) = (file.part, file.entry.size) {
            let size = size.get();
            fields.push(("Content-Range", format!("bytes {first}-{last}/{size}")));
        }
        if let Some(tag) = &validators.etag {
            let tag = tag.to_string();
            fields.extend((tag.len() <= MAX_TAG_BYTES).then_some(("ETag", tag)));
        }
        if let Some(at) = validators.last_modified() {
            fields.push(("Last-Modified", at.to_string()));
        }
        Self {
            status,
            length,
            fields,
            content: Content::None,
        }
    }

    /// Keeps a file that came by a link out of caches: the link ends with its maker's token, which no cache knows of.
    pub(super) fn keep_out_of_caches(&mut self) {
        self.fields
            .push(("Cache-Control", "private, no-cache".to_owned()));
    }

    /// Returns the head.
    pub(super) fn head(&self, afterwards: Afterwards) -> String {
        let (reason, _) = reason(self.status);
        let mut head = format!("HTTP/1.1 {} {reason}\r\n", self.status);
        let mut add = |name: &str, value: &str| {
            // Memory takes what is written to it.
            let _ = write!(head, "{name}: {value}\r\n");
        };
        add("Date", &HttpDate::from(SystemTime::now()).to_string());
        add("Content-Length", &self.length.to_string());
        for (name, value) in &self.fields {
            add(name, value);
        }
        match afterwards {
            Afterwards::Kept => {}
            Afterwards::KeptByAgreement => add("Connection", "keep-alive"),
            Afterwards::Closed => add("Connection", "close"),
        }
        head + "\r\n"
    }
}

/// Returns the reason phrase of a status, and a text that says it to people.
fn reason(status: u16) -> (&'static str, &'static str) {
    match status {
        200 => ("OK", ""),
        206 => ("Partial Content", ""),
        304 => ("Not Modified", ""),
        400 => ("Bad Request", "Bad request\n"),
        403 => ("Forbidden", "Forbidden\n"),
        404 => ("Not Found", "Not found\n"),
        405 => ("Method Not Allowed", "Only GET and HEAD\n"),
        408 => ("Request Timeout", "The request took too long\n"),
        412 => ("Precondition Failed", "Another version\n"),
        416 => ("Range Not Satisfiable", "Beyond the end\n"),
        431 => ("Request Header Fields Too Large", "Too large\n"),
        502 => ("Bad Gateway", "The storage names no size\n"),
        503 => ("Service Unavailable", "Try again\n"),
        _ => ("Internal Server Error", "Failed\n"),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(
        404,
        Afterwards::Kept,
        "HTTP/1.1 404 Not Found|D|Content-Length: 10|Content-Type: text/plain||"
    )]
    #[case(
        405,
        Afterwards::Closed,
        "HTTP/1.1 405 Method Not Allowed|D|Content-Length: 18|Content-Type: text/plain|Allow: GET, HEAD|Connection: close||"
    )]
    #[case(
        503,
        Afterwards::KeptByAgreement,
        "HTTP/1.1 503 Service Unavailable|D|Content-Length: 10|Content-Type: text/plain|Retry-After: 5|Connection: keep-alive||"
    )]
    fn heads(#[case] status: u16, #[case] afterwards: Afterwards, #[case] expected: &str) {
        let head = Answer::refusal(status).head(afterwards);
        let (_, rest) = head.split_once("Date: ").unwrap();
        let (date, _) = rest.split_once("\r\n").unwrap();
        assert!(date.parse::<HttpDate>().is_ok(), "{date}");
        let shown = head.replace(&format!("Date: {date}"), "D").replace("\r\n", "|");
        assert_eq!(shown, expected);
    }
}
