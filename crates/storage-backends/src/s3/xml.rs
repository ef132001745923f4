//! What a server answers, read from XML without trust.
//!
//! Elements are recognized by their local names and their place; namespaces and prefixes differ between servers.
//! Nothing is expanded but the predefined entities and character references, and a document type is refused.

use quick_xml::Reader;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::Event;

use crate::s3::encoding;

/// The most entries of one page that are read; servers send 1,000 at the most.
pub const MAX_ENTRIES: usize = 10_000;
/// How deep elements may nest.
const MAX_DEPTH: usize = 16;
/// The longest text of one element, in bytes: a key of 1,024 bytes, each of them percent-encoded and then some.
const MAX_TEXT: usize = 16 * 1024;

/// The body of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// A page of a bucket's objects.
    Listing(Page),
    /// Why the server refuses.
    Error(ErrorBody),
    /// The buckets of an account.
    Buckets(Vec<String>),
}

/// A page of a bucket's objects, decoded.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Page {
    /// The objects.
    pub objects: Vec<Object>,
    /// What other keys begin with, where a delimiter was asked for.
    pub prefixes: Vec<String>,
    /// Whether there is more.
    pub truncated: bool,
    /// What to ask the next page with.
    pub token: Option<String>,
}

/// An object of a page.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Object {
    /// Its whole key.
    pub key: String,
    /// Its size in bytes; `None` if the server gave none that can be one.
    pub size: Option<u64>,
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

/// Reads an answer; `None` where the text is none of S3, breaks off, or goes beyond the bounds.
pub fn read(text: &[u8]) -> Option<Answer> {
    let mut reader = Reader::from_reader(text);
    let mut document = Document::default();
    loop {
        match reader.read_event().ok()? {
            Event::Start(tag) => document.open(tag.local_name().as_ref())?,
            Event::Empty(tag) => {
                document.open(tag.local_name().as_ref())?;
                document.close()?;
            }
            Event::Text(text) => document.text(&text)?,
            Event::CData(text) => document.text(&text)?,
            Event::GeneralRef(name) => match name.resolve_char_ref() {
                Ok(Some(found)) => document.text(found.encode_utf8(&mut [0; 4]))?,
                _ => document.text(resolve_predefined_entity(&name)?)?,
            },
            Event::End(_) => document.close()?,
            Event::DocType(_) => return None,
            Event::Eof => return document.finish(),
            _ => {}
        }
    }
}

/// What the root says that a document is.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Kind {
    #[default]
    Unknown,
    Listing,
    Error,
    Buckets,
}

/// The document as far as it was read.
#[derive(Debug, Default)]
struct Document {
    kind: Kind,
    path: Vec<String>,
    text: String,
    whole: bool,
    page: Page,
    object: Object,
    encoded: bool,
    error: ErrorBody,
    buckets: Vec<String>,
}

impl Document {
    fn open(&mut self, name: &str) -> Option<()> {
        if self.path.is_empty() {
            if self.kind != Kind::Unknown {
                return None;
            }
            self.kind = match name {
                "ListBucketResult" => Kind::Listing,
                "Error" | "ErrorResponse" => Kind::Error,
                "ListAllMyBucketsResult" => Kind::Buckets,
                _ => return None,
            };
        }
        self.text.clear();
        self.path.push(name.to_owned());
        (self.path.len() <= MAX_DEPTH).then_some(())
    }

    fn text(&mut self, text: &str) -> Option<()> {
        self.text.push_str(text);
        (self.text.len() <= MAX_TEXT).then_some(())
    }

    fn close(&mut self) -> Option<()> {
        let name = self.path.pop()?;
        let parent = self.path.last().map_or("", String::as_str);
        let text = std::mem::take(&mut self.text);
        match (self.kind, parent, name.as_str()) {
            (Kind::Listing, "ListBucketResult", field) => self.of_page(field, text)?,
            (Kind::Listing, "Contents", "Key") => self.object.key = text,
            (Kind::Listing, "Contents", "Size") => self.object.size = text.trim().parse().ok(),
            (Kind::Listing, "CommonPrefixes", "Prefix") => self.page.prefixes.push(text),
            (Kind::Error, "Error", field) => self.of_error(field, text),
            (Kind::Buckets, "Bucket", "Name") => self.buckets.push(text),
            _ => {}
        }
        self.whole = self.path.is_empty();
        let entries = self.page.objects.len() + self.page.prefixes.len() + self.buckets.len();
        (entries <= MAX_ENTRIES).then_some(())
    }

    fn of_page(&mut self, field: &str, text: String) -> Option<()> {
        match field {
            "Contents" => {
                let object = std::mem::take(&mut self.object);
                (!object.key.is_empty()).then(|| self.page.objects.push(object))?;
            }
            "IsTruncated" => self.page.truncated = text.trim().eq_ignore_ascii_case("true"),
            "NextContinuationToken" => self.page.token = Some(text).filter(|t| !t.is_empty()),
            "EncodingType" => self.encoded = text.trim() == "url",
            _ => {}
        }
        Some(())
    }

    fn of_error(&mut self, field: &str, text: String) {
        match field {
            "Code" => text.trim().clone_into(&mut self.error.code),
            "Message" => self.error.message = text,
            "Region" => text.trim().clone_into(&mut self.error.region),
            "Endpoint" | "VirtualHost" => text.trim().clone_into(&mut self.error.endpoint),
            "BucketName" | "Bucket" => text.trim().clone_into(&mut self.error.bucket),
            "CanonicalRequest" => self.error.canonical_request = text,
            _ => {}
        }
    }

    fn finish(mut self) -> Option<Answer> {
        if !self.whole {
            return None;
        }
        // Some servers say that they encode, and do not.
        let texts = self.page.objects.iter().map(|object| &object.key);
        let mut texts = texts.chain(&self.page.prefixes);
        if self.encoded && texts.all(|text| encoding::is_encoded(text)) {
            for object in &mut self.page.objects {
                object.key = encoding::decode(&object.key);
            }
            for prefix in &mut self.page.prefixes {
                *prefix = encoding::decode(prefix);
            }
        }
        match self.kind {
            Kind::Unknown => None,
            Kind::Listing => Some(Answer::Listing(self.page)),
            Kind::Error => Some(Answer::Error(self.error)),
            Kind::Buckets => Some(Answer::Buckets(self.buckets)),
        }
    }
}
