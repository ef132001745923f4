//! An answer, read and parsed.

use hyper::StatusCode;
use hyper::header::{CONTENT_ENCODING, HeaderMap, LOCATION};
use storage_domain::s3::{Endpoint, Identifier};
use url::{Position, Url};

use crate::s3::place::Style;
use crate::s3::service::Service;
use crate::s3::xml::{self, Answer, ErrorBody, Unreadable};
use crate::web::{Error, body, content};

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
    /// The URL of the request, without its query.
    pub(crate) url: Url,
    /// Where the request named the bucket.
    pub(crate) style: Style,
}

/// The endpoint that a refusal names.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct EndpointHint {
    /// As the config takes it: without the bucket.
    pub(crate) shown: String,
    /// Whether the bucket stood in the host name.
    pub(crate) held_bucket: bool,
    url: Url,
}

impl EndpointHint {
    fn new(text: &str, bucket: Option<&str>) -> Option<Self> {
        let mut url = text.parse::<Endpoint>().ok()?.url().as_url().clone();
        let begin = bucket.map(|bucket| format!("{bucket}."));
        let host = url.host_str()?.to_owned();
        let bare = begin.and_then(|begin| host.strip_prefix(&begin.to_lowercase()).map(str::to_owned));
        if let Some(bare) = &bare {
            url.set_host(Some(bare)).ok()?;
        }
        let path = url.path().trim_end_matches('/');
        let path = bucket
            .and_then(|bucket| path.strip_suffix(bucket))
            .unwrap_or(path);
        let path = path.trim_end_matches('/').to_owned();
        url.set_path(&path);
        let shown = url.as_str().trim_end_matches('/');
        let is_bare = !text.contains("://");
        let shown = shown
            .strip_prefix("https://")
            .filter(|_| is_bare)
            .unwrap_or(shown);
        Some(Self {
            shown: shown.to_owned(),
            held_bucket: bare.is_some(),
            url,
        })
    }

    /// Returns whether it is the host of this endpoint.
    pub(crate) fn is_at(&self, endpoint: &Url) -> bool {
        let (port, other) = (self.url.port(), endpoint.port());
        self.url.host() == endpoint.host() && (port.is_none() || port == other)
    }
}

impl Reply {
    /// Returns the host, and the port if there is one, that the request was signed for.
    pub(crate) fn host(&self) -> &str {
        &self.url[Position::BeforeHost..Position::AfterPort]
    }

    /// Returns where the server sends the client, without the query, if it answers with a redirect.
    pub(crate) fn redirect(&self) -> Option<Url> {
        let is_redirect = matches!(self.status.as_u16(), 301 | 302 | 303 | 307 | 308);
        let location = self.headers.get(LOCATION).filter(|_| is_redirect)?;
        let mut to = self.url.join(location.to_str().ok()?).ok()?;
        to.set_query(None);
        to.set_fragment(None);
        Some(to)
    }

    /// Returns the endpoint that a redirect leads to, if it leads to the same place of another server.
    pub(crate) fn redirected_endpoint(&self, service: &Service) -> Option<EndpointHint> {
        let to = self.redirect()?;
        let [there, here] = [&to, &self.url].map(|url| url.path().trim_end_matches('/'));
        let hint = EndpointHint::new(to.as_str(), service.bucket_name())?;
        (there == here && !hint.is_at(service.endpoint())).then_some(hint)
    }

    /// Returns the error that the body holds.
    pub(crate) fn error(&self) -> Option<&ErrorBody> {
        match &self.answer {
            Some(Answer::Error(error)) => Some(error),
            _ => None,
        }
    }

    /// Returns the bucket's region, if the server names one that can be one: in a header, an element, or in words.
    pub(crate) fn region(&self) -> Option<&str> {
        let header = self.headers.get(BUCKET_REGION).and_then(|v| v.to_str().ok());
        let element = || Some(self.error()?.region.as_str()).filter(|region| !region.is_empty());
        let words = || {
            self.error()?
                .message
                .split_once("expecting '")?
                .1
                .split('\'')
                .next()
        };
        let named = header.or_else(element).or_else(words);
        named.filter(|region| region.parse::<Identifier>().is_ok() && !region.contains('/'))
    }

    /// Returns the region that the server names, if the request was signed for another.
    pub(crate) fn other_region(&self) -> Option<&str> {
        self.region().filter(|region| *region != self.signed_for)
    }

    /// Returns the endpoint that the server names.
    pub(crate) fn endpoint_hint(&self, bucket: Option<&str>) -> Option<EndpointHint> {
        EndpointHint::new(&self.error()?.endpoint, bucket)
    }

    /// Returns the bucket that the server looked for, if it is not `bucket`.
    pub(crate) fn other_bucket(&self, bucket: Option<&str>) -> Option<&str> {
        let found = self.error()?.bucket.as_str();
        (!found.is_empty() && bucket.is_some_and(|bucket| bucket != found)).then_some(found)
    }

    /// Returns the host that the server computed the signature with, if it says so.
    pub(crate) fn seen_host(&self) -> Option<&str> {
        let mut lines = self.error()?.canonical_request.lines();
        lines.find_map(|line| line.strip_prefix("host:")).map(str::trim)
    }
}

/// The answer that a body holds, where it is one of S3.
pub(super) async fn parse(
    text: body::Text<'_>,
    headers: &HeaderMap,
    max_bytes: usize,
) -> Result<Option<Answer>, Error> {
    let encoding = headers.get(CONTENT_ENCODING).cloned();
    let is_cut = !text.complete;
    let read = move |bytes: Vec<u8>| {
        let (bytes, _) = content::decode(bytes, encoding.as_ref(), max_bytes)?;
        Ok(match xml::read(&bytes) {
            Some(Answer::Unreadable(_)) if is_cut || bytes.len() == max_bytes => {
                Some(Answer::Unreadable(Unreadable::TooLong))
            }
            answer => answer,
        })
    };
    if text.bytes.len() <= INLINE_BYTES {
        return read(text.bytes);
    }
    let body::Text { bytes, permit, .. } = text;
    let parsed = tokio::task::spawn_blocking(move || read(bytes)).await;
    drop(permit);
    parsed.map_err(|error| Error::Other(error.to_string()))?
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::host("s3.eu.example", "s3.eu.example", false)]
    #[case::bucket("images.s3.eu.example", "s3.eu.example", true)]
    #[case::url("https://images.s3.eu.example:9000/", "https://s3.eu.example:9000", true)]
    #[case::path("http://s3.eu.example/images", "http://s3.eu.example", false)]
    fn endpoints_are_rid_of_the_bucket(#[case] text: &str, #[case] shown: &str, #[case] held_bucket: bool) {
        let hint = EndpointHint::new(text, Some("images")).unwrap();
        assert_eq!((hint.shown.as_str(), hint.held_bucket), (shown, held_bucket));
    }

    #[rstest]
    #[case("")]
    #[case("not a host")]
    #[case("ftp://s3.lab")]
    fn what_is_not_an_endpoint_is_no_hint(#[case] text: &str) {
        assert_eq!(EndpointHint::new(text, Some("images")), None);
    }
}
