//! What a server answers, read from XML without trust.
//!
//! Elements are recognized by their local names and their place; namespaces, prefixes and roots differ between servers.
//! Nothing is expanded but the predefined entities and character references, and a document type is refused. What a key
//! does to the XML around it is mended where it can be: bytes that are not UTF-8, ampersands and characters that XML
//! does not have.

use quick_xml::Reader;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::{BytesRef, Event};

use crate::s3::encoding;

mod document;

use document::Document;

/// The most entries of one page that are read. Most servers send up to 1,000; one that ignores `max-keys` sends all.
pub const MAX_ENTRIES: usize = 50_000;

/// The body of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// A page of a bucket's objects.
    Listing(Page),
    /// Why the server refuses.
    Error(ErrorBody),
    /// A page of an account's buckets.
    Buckets(Buckets),
    /// A page of either that can't be read to its end.
    Unreadable(Unreadable),
    /// What was begun or written.
    Written(Written),
    /// A page of the parts of an upload.
    Parts(Parts),
    /// The keys that a deletion left.
    Undeleted(Vec<Undeleted>),
}

/// What was begun or written; what the answer does not hold is empty.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Written {
    /// The id of a multipart upload.
    pub upload_id: String,
    /// The entity tag, as the server writes it.
    pub etag: String,
}

/// A page of the parts of an upload.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Parts {
    /// The parts.
    pub parts: Vec<Part>,
    /// The number behind which the next page begins, if there is one.
    pub next: Option<u32>,
}

/// A part of an upload.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Part {
    /// Its number, from 1.
    pub number: u32,
    /// Its size in bytes.
    pub size: u64,
    /// Its entity tag, as the server writes it.
    pub etag: String,
}

/// A key that a deletion left, and why.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Undeleted {
    /// The key, as the server writes it.
    pub key: String,
    /// Why.
    pub error: ErrorBody,
}

/// Why a page can't be read to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unreadable {
    /// It is longer than is read.
    TooLong,
    /// It breaks off, or is not XML from some place on.
    Broken,
}

/// A page of a bucket's objects, decoded.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Page {
    /// The objects.
    pub objects: Vec<Object>,
    /// What other keys begin with, where a delimiter was asked for.
    pub prefixes: Vec<String>,
    /// Whether there is more.
    pub more: More,
}

/// A page of an account's buckets.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Buckets {
    /// Their names, as the server writes them.
    pub names: Vec<String>,
    /// Whether there is more.
    pub more: More,
}

/// Whether a list goes on, and what to ask for the next page with.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct More {
    /// Whether the server says that there is more.
    pub truncated: Option<bool>,
    /// The token of the next page (version 2).
    pub token: Option<String>,
    /// The name behind which the next page begins (version 1).
    pub marker: Option<String>,
}

impl More {
    /// Returns whether there is more.
    pub fn is_more(&self) -> bool {
        self.truncated
            .unwrap_or(self.token.is_some() || self.marker.is_some())
    }

    /// Returns the parameter of the next page, and its value; `last` is the last name of this one.
    ///
    /// A server that gives no token lists by version 1, where the last name is a marker if the server gives none.
    pub fn next<'a>(&'a self, last: Option<&'a str>) -> Option<(&'static str, &'a str)> {
        if let Some(token) = &self.token {
            return Some(("continuation-token", token));
        }
        Some(("marker", self.marker.as_deref().or(last)?))
    }
}

/// An object of a page.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Object {
    /// Its whole key; a private character stands for a byte that is not UTF-8.
    pub key: String,
    /// Its size in bytes; `None` if the server gave none that can be one.
    pub size: Option<u64>,
    /// When it was written, as the server writes it.
    pub modified: String,
    /// Its entity tag, as the server writes it.
    pub etag: String,
}

impl Object {
    /// Whether it only marks a directory: a slash at the end of its key, and no bytes.
    pub fn is_marker(&self) -> bool {
        self.key.ends_with('/') && self.size == Some(0)
    }
}

/// Why a server refuses; everything may be empty.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ErrorBody {
    /// The stable code, such as `NoSuchBucket`.
    pub code: String,
    /// The server's own words.
    pub message: String,
    /// The bucket's region.
    pub region: String,
    /// Where the bucket is reached.
    pub endpoint: String,
    /// The bucket that the server looked for.
    pub bucket: String,
    /// The request as the server read it, to compute the signature.
    pub canonical_request: String,
}

/// Reads an answer; `None` if the text is none of S3.
pub fn read(text: &[u8]) -> Option<Answer> {
    let text = encoding::text(text);
    let mut document = Document::default();
    let ended = parse(&text, &mut document);
    document.finish(ended.is_some())
}

/// Reads a document as far as it is XML within the bounds; `None` if that is not all of it.
fn parse(text: &str, document: &mut Document) -> Option<()> {
    let mut reader = Reader::from_str(text.trim_start_matches('\u{feff}'));
    reader.config_mut().allow_dangling_amp = true;
    loop {
        match reader.read_event().ok()? {
            Event::Start(tag) => document.open(tag.local_name().as_ref())?,
            Event::Empty(tag) => {
                document.open(tag.local_name().as_ref())?;
                document.close()?;
            }
            Event::Text(text) => document.text(&text)?,
            Event::CData(text) => document.text(&text)?,
            Event::GeneralRef(name) => document.text(&resolved(&name))?,
            Event::End(_) => document.close()?,
            Event::DocType(_) => return None,
            Event::Eof => return Some(()),
            _ => {}
        }
    }
}

/// Returns what a reference stands for; an entity that is not known stands for itself.
fn resolved(name: &BytesRef<'_>) -> String {
    match name.resolve_char_ref() {
        Ok(Some(found)) => found.to_string(),
        Err(_) => char::REPLACEMENT_CHARACTER.to_string(),
        Ok(None) => match resolve_predefined_entity(name) {
            Some(found) => found.to_owned(),
            None => format!("&{};", &**name),
        },
    }
}
