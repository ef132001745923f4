//! Finds out how a listing is written.

use hyper::header::HeaderValue;

use crate::http::listing::{BYTE_ORDER_MARK, Listing};

/// How a listing is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// An index page for people.
    Html,
    /// A JSON array of objects.
    Json,
    /// nginx's `autoindex_format xml`.
    Xml,
    /// A WebDAV multistatus (RFC 4918, section 13).
    WebDav,
    /// What S3 answers, which this type of backend does not list.
    Bucket,
}

/// What a text turned out to be.
#[derive(Debug, PartialEq, Eq)]
pub enum Found {
    /// A listing.
    Listing(Listing),
    /// A page of another kind.
    Page,
    /// JSON that is not a listing of a known kind: the server may have a page as well.
    Json,
    /// The list of an S3 bucket, or an error of S3.
    Bucket,
}

impl Format {
    /// Returns the format of a text, by its `Content-Type` and its beginning; `None` if it can't be a listing.
    pub(crate) fn of(content_type: Option<&HeaderValue>, text: &[u8]) -> Option<Self> {
        let declared = content_type
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default();
        let media = declared.split(';').next().unwrap_or_default().trim();
        let media = media.to_ascii_lowercase();
        match media.as_str() {
            "application/json" | "text/json" => Some(Self::Json),
            "text/html" | "application/xhtml+xml" | "text/xml" | "application/xml" => {
                Some(Self::sniff_xml(text).unwrap_or(Self::Html))
            }
            other if other.starts_with("image/") => None,
            _ => Self::sniff(text),
        }
    }

    /// Finds the format of a text of which the server says nothing, or nothing that is known.
    fn sniff(text: &[u8]) -> Option<Self> {
        match beginning(text).first()? {
            b'[' | b'{' => Some(Self::Json),
            b'<' => Some(Self::sniff_xml(text).unwrap_or(Self::Html)),
            _ => None,
        }
    }

    fn sniff_xml(text: &[u8]) -> Option<Self> {
        match root(text)? {
            b"list" => Some(Self::Xml),
            b"multistatus" => Some(Self::WebDav),
            b"ListBucketResult" | b"ListAllMyBucketsResult" | b"Error" => Some(Self::Bucket),
            _ => None,
        }
    }
}

/// How much of a media type is shown, in characters.
const MEDIA_TYPE_CHARS: usize = 60;

/// Returns the media type of an answer, for people.
pub(crate) fn media_type(content_type: Option<&HeaderValue>) -> String {
    let shown = content_type
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    match shown.split(';').next().unwrap_or_default().trim() {
        "" => "a text without a Content-Type".to_owned(),
        media => media.chars().take(MEDIA_TYPE_CHARS).collect(),
    }
}

/// How far the root element is looked for, in bytes.
const SNIFFED_BYTES: usize = 2048;

/// Returns the local name of the first element, behind declarations and comments.
fn root(text: &[u8]) -> Option<&[u8]> {
    let mut rest = beginning(text);
    rest = &rest[..rest.len().min(SNIFFED_BYTES)];
    while let Some(after) = rest.strip_prefix(b"<") {
        let end = after.iter().position(|b| *b == b'>')?;
        if !matches!(after.first(), Some(b'?' | b'!')) {
            let name = after[..end]
                .split(|b| b.is_ascii_whitespace() || *b == b'/')
                .next()?;
            return name.rsplit(|b| *b == b':').next();
        }
        rest = after[end + 1..].trim_ascii_start();
    }
    None
}

fn beginning(text: &[u8]) -> &[u8] {
    text.strip_prefix(BYTE_ORDER_MARK)
        .unwrap_or(text)
        .trim_ascii_start()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::html("text/html; charset=utf-8", "<p>", Some(Format::Html))]
    #[case::no_type("", "\u{feff} <!doctype html><html>", Some(Format::Html))]
    #[case::wrong_type("text/plain", "<html>", Some(Format::Html))]
    #[case::text("text/plain", "Welcome", None)]
    #[case::json("application/json", "", Some(Format::Json))]
    #[case::json_without_type("", "[", Some(Format::Json))]
    #[case::nginx_xml("text/xml", "<?xml version=\"1.0\"?>\n<list>", Some(Format::Xml))]
    #[case::webdav("application/xml", "<D:multistatus xmlns:D=\"DAV:\">", Some(Format::WebDav))]
    #[case::xhtml("application/xhtml+xml", "<?xml?><!DOCTYPE html><html/>", Some(Format::Html))]
    #[case::bucket(
        "application/xml",
        "<?xml?><ListBucketResult xmlns='x'>",
        Some(Format::Bucket)
    )]
    #[case::directory("httpd/unix-directory", "<html>", Some(Format::Html))]
    #[case::json_of_a_server("application/vnd.server+json", "[]", Some(Format::Json))]
    #[case::archive("application/zip", "PK", None)]
    #[case::image("image/png", "<html>", None)]
    fn is_found(#[case] content_type: &str, #[case] text: &str, #[case] expected: Option<Format>) {
        let value = (!content_type.is_empty()).then(|| HeaderValue::from_str(content_type).unwrap());
        assert_eq!(Format::of(value.as_ref(), text.as_bytes()), expected);
    }
}
