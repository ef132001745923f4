//! The document of an answer, as far as it was read.

use crate::s3::encoding;
use crate::s3::xml::{
    Answer, Buckets, ErrorBody, MAX_ENTRIES, More, Object, Page, Part, Parts, Undeleted, Unreadable, Written,
};

/// How deep elements may nest.
const MAX_DEPTH: usize = 16;
/// The longest text of one element, in bytes: a key of 1,024 bytes, each of them percent-encoded and then some.
const MAX_TEXT: usize = 16 * 1024;

/// How the roots begin of answers to what was begun or written; they end in Result or Response.
const WRITTEN: [&str; 4] = [
    "InitiateMultipartUpload",
    "CompleteMultipartUpload",
    "CopyObject",
    "CopyPart",
];

/// What the root says that a document is.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Kind {
    #[default]
    Unknown,
    Listing,
    Error,
    Buckets,
    Written,
    Parts,
    Deletion,
    /// A root that is not known; its first entry decides.
    Other,
}

impl Kind {
    fn of_root(name: &str) -> Self {
        match name {
            "Error" | "ErrorResponse" => Self::Error,
            name if WRITTEN.iter().any(|begin| name.starts_with(begin)) => Self::Written,
            name if name.starts_with("ListParts") => Self::Parts,
            "DeleteResult" => Self::Deletion,
            name if name.starts_with("List") && name.contains("Buckets") => Self::Buckets,
            name if name.starts_with("ListBucket") || name.starts_with("ListObjects") => Self::Listing,
            _ => Self::Other,
        }
    }
}

/// The document as far as it was read.
#[derive(Debug, Default)]
pub(super) struct Document {
    kind: Kind,
    path: Vec<String>,
    text: String,
    whole: bool,
    too_long: bool,
    page: Page,
    object: Object,
    encoded: bool,
    error: ErrorBody,
    buckets: Vec<String>,
    more: More,
    written: Written,
    part: Part,
    parts: Parts,
    key: String,
    undeleted: Vec<Undeleted>,
}

impl Document {
    pub(super) fn open(&mut self, name: &str) -> Option<()> {
        if self.path.is_empty() {
            if self.kind != Kind::Unknown {
                return None;
            }
            self.kind = Kind::of_root(name);
        }
        self.text.clear();
        self.path.push(name.to_owned());
        (self.path.len() <= MAX_DEPTH).then_some(())
    }

    pub(super) fn text(&mut self, text: &str) -> Option<()> {
        self.text.push_str(text);
        (self.text.len() <= MAX_TEXT).then_some(())
    }

    pub(super) fn close(&mut self) -> Option<()> {
        let name = self.path.pop()?;
        let text = std::mem::take(&mut self.text);
        let depth = self.path.len();
        if depth == 1 {
            self.of_more(&name, &text);
        }
        let parent = self.path.last().map_or("", String::as_str);
        if self.kind == Kind::Other {
            self.kind = match (parent, name.as_str()) {
                ("Contents", "Key") | ("CommonPrefixes", "Prefix") => Kind::Listing,
                ("Bucket", "Name") => Kind::Buckets,
                ("Error", "Code") => Kind::Error,
                _ => Kind::Other,
            };
        }
        match (self.kind, parent, name.as_str()) {
            (Kind::Listing, _, "Contents") if depth == 1 => self.of_contents()?,
            (Kind::Listing, "Contents", "Key") => self.object.key = text,
            (Kind::Listing, "Contents", "Size") => self.object.size = text.trim().parse().ok(),
            (Kind::Listing, "Contents", "LastModified") => self.object.modified = text,
            (Kind::Listing, "Contents", "ETag") => self.object.etag = text,
            (Kind::Listing, "CommonPrefixes", "Prefix") => self.page.prefixes.push(text),
            (Kind::Error, "Error", field) => self.of_error(field, text),
            (Kind::Buckets, "Bucket", "Name") => self.buckets.push(text),
            (Kind::Written | Kind::Parts | Kind::Deletion, _, field) => self.of_change(field, text),
            _ => {}
        }
        self.whole = self.path.is_empty();
        let listed = self.page.objects.len() + self.page.prefixes.len() + self.buckets.len();
        let entries = listed + self.parts.parts.len() + self.undeleted.len();
        self.too_long = entries > MAX_ENTRIES;
        (!self.too_long).then_some(())
    }

    /// Reads what both kinds of lists have below their root. A listing repeats the token of its own page.
    fn of_more(&mut self, field: &str, text: &str) {
        let value = || Some(text.trim().to_owned()).filter(|text| !text.is_empty());
        match field {
            "EncodingType" => self.encoded = text.trim() == "url",
            "IsTruncated" => self.more.truncated = Some(text.trim().eq_ignore_ascii_case("true")),
            "NextContinuationToken" => self.more.token = value(),
            "ContinuationToken" if self.kind == Kind::Buckets => self.more.token = value(),
            "NextMarker" => self.more.marker = Some(text.to_owned()).filter(|text| !text.is_empty()),
            _ => {}
        }
    }

    fn of_contents(&mut self) -> Option<()> {
        let object = std::mem::take(&mut self.object);
        (!object.key.is_empty()).then(|| self.page.objects.push(object))
    }

    /// Reads what the answers to changes have.
    fn of_change(&mut self, field: &str, text: String) {
        let parent = self.path.last().cloned().unwrap_or_default();
        match (self.kind, parent.as_str(), field) {
            (Kind::Written, _, "UploadId") => text.trim().clone_into(&mut self.written.upload_id),
            (Kind::Written, _, "ETag") => text.trim().clone_into(&mut self.written.etag),
            (Kind::Parts, "Part", "PartNumber") => self.part.number = text.trim().parse().unwrap_or_default(),
            (Kind::Parts, "Part", "Size") => self.part.size = text.trim().parse().unwrap_or_default(),
            (Kind::Parts, "Part", "ETag") => text.trim().clone_into(&mut self.part.etag),
            (Kind::Parts, _, "Part") => self.parts.parts.push(std::mem::take(&mut self.part)),
            (Kind::Parts, _, "NextPartNumberMarker") => self.parts.next = text.trim().parse().ok(),
            (Kind::Deletion, "Error", "Key") => self.key = text,
            (Kind::Deletion, "Error", field) => self.of_error(field, text),
            (Kind::Deletion, _, "Error") => self.undeleted.push(Undeleted {
                key: std::mem::take(&mut self.key),
                error: std::mem::take(&mut self.error),
            }),
            _ => {}
        }
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

    /// Returns what the document says; `ended` is whether it was read to its end.
    pub(super) fn finish(mut self, ended: bool) -> Option<Answer> {
        if !(ended && self.whole) {
            return match self.kind {
                Kind::Listing | Kind::Buckets if self.too_long => {
                    Some(Answer::Unreadable(Unreadable::TooLong))
                }
                Kind::Listing | Kind::Buckets => Some(Answer::Unreadable(Unreadable::Broken)),
                // One odd character behind the code does not matter.
                Kind::Error if !self.error.code.is_empty() => Some(Answer::Error(self.error)),
                _ => None,
            };
        }
        // Some servers say that they encode, and do not.
        let texts = self.page.objects.iter().map(|object| &object.key);
        let mut texts = texts.chain(&self.page.prefixes).chain(&self.more.marker);
        if self.encoded && texts.all(|text| encoding::is_encoded(text)) {
            for object in &mut self.page.objects {
                object.key = encoding::decode(&object.key);
            }
            for prefix in &mut self.page.prefixes {
                *prefix = encoding::decode(prefix);
            }
            self.more.marker = self.more.marker.as_deref().map(encoding::decode);
        }
        self.page.more.clone_from(&self.more);
        match self.kind {
            Kind::Unknown | Kind::Other => None,
            Kind::Listing => Some(Answer::Listing(self.page)),
            Kind::Error => Some(Answer::Error(self.error)),
            Kind::Buckets => Some(Answer::Buckets(Buckets {
                names: self.buckets,
                more: self.more,
            })),
            Kind::Written => Some(Answer::Written(self.written)),
            Kind::Parts => {
                let next = self.parts.next.filter(|_| self.more.is_more());
                Some(Answer::Parts(Parts { next, ..self.parts }))
            }
            Kind::Deletion => Some(Answer::Undeleted(self.undeleted)),
        }
    }
}
