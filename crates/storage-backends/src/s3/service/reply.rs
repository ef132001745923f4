//! An answer, read and parsed.

use hyper::StatusCode;
use hyper::header::HeaderMap;
use storage_domain::s3::Identifier;

use crate::s3::xml::{self, Answer};
use crate::web::{Error, body};

/// The header in which AWS and others name a bucket's region.
const BUCKET_REGION: &str = "x-amz-bucket-region";
/// A text above this size is parsed on a thread for such work, in bytes.
const INLINE_BYTES: usize = 64 * 1024;

/// An answer.
#[derive(Debug)]
pub(crate) struct Reply {
    /// The status.
    pub(crate) status: StatusCode,
    /// The header fields.
    pub(crate) headers: HeaderMap,
    /// The body, where it is one of S3.
    pub(crate) answer: Option<Answer>,
    /// The region that the request was signed for.
    pub(crate) signed_for: String,
}

impl Reply {
    /// The bucket's region, where the server names one that can be one.
    pub(crate) fn region(&self) -> Option<&str> {
        let header = self.headers.get(BUCKET_REGION).and_then(|v| v.to_str().ok());
        let named = header.or(match &self.answer {
            Some(Answer::Error(error)) => Some(error.region.as_str()),
            _ => None,
        });
        named.filter(|region| region.parse::<Identifier>().is_ok() && !region.contains('/'))
    }
}

/// The answer that a body holds, where it is one of S3.
pub(super) async fn parse(text: body::Text<'_>) -> Result<Option<Answer>, Error> {
    if !text.complete {
        return Ok(None);
    }
    if text.bytes.len() <= INLINE_BYTES {
        return Ok(xml::read(&text.bytes));
    }
    let body::Text { bytes, permit, .. } = text;
    let parsed = tokio::task::spawn_blocking(move || xml::read(&bytes)).await;
    drop(permit);
    parsed.map_err(|error| Error::Other(error.to_string()))
}
