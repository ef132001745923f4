//! Files as answers: which part of one an answer holds, its validators, and its bytes as a stream.

use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use hyper::StatusCode;
use hyper::header::{
    CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, ETAG, HeaderMap, HeaderName, HeaderValue,
};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc2822;
use tokio::time::timeout;

use crate::error::ErrorKind;
use crate::files::{ByteStream, FileEntry, FileKind, ReadRequest};
use crate::web::body::Pieces;
use crate::web::error::Error;

/// The part of an answer's body that was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Part {
    /// Number of bytes before it.
    skip: u64,
    /// Number of its bytes; `None` if it goes on to the end of the body.
    length: Option<u64>,
}

/// Why an answer does not hold what was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Misfit {
    /// The file ends before the last byte that was asked for.
    Shorter,
    /// It holds another part of the file.
    Other,
}

impl Misfit {
    /// Makes the error of a read; `field` is the field of the config that names the server.
    pub(crate) fn into_error(self, field: &'static str) -> crate::Error {
        match self {
            Self::Shorter => changed(),
            Self::Other => Error::OtherPart.into_backend_error(field),
        }
    }
}

/// Makes the error of a file that is not the version that was asked for.
pub(crate) fn changed() -> crate::Error {
    crate::Error::new(ErrorKind::Changed, "the file")
}

/// Reads no byte: what counts is whether there is a file, and which version of it.
///
/// # Errors
/// [`ErrorKind::NotAFile`] and [`ErrorKind::Changed`].
pub(crate) fn nothing(entry: &FileEntry, request: &ReadRequest) -> Result<ByteStream, crate::Error> {
    if entry.kind == FileKind::Directory {
        return Err(crate::Error::new(ErrorKind::NotAFile, "the file"));
    }
    if request.etag.is_some() && request.etag != entry.etag {
        return Err(changed());
    }
    Ok(stream::empty().boxed())
}

/// Returns the value of `Range` (RFC 9110, section 14.2); `None` if all of the file is asked for.
pub(crate) fn range(request: &ReadRequest) -> Option<HeaderValue> {
    let first = request.offset;
    let text = match request.length {
        None if first == 0 => return None,
        // Some servers refuse ranges, and all of a file needs none.
        Some(_) if first == 0 && request.length == request.size => return None,
        None => format!("bytes={first}-"),
        Some(length) => format!("bytes={first}-{}", first.saturating_add(length.saturating_sub(1))),
    };
    HeaderValue::try_from(text).ok()
}

impl Part {
    /// Finds the part in the answer to a request that has this [`range`].
    ///
    /// # Errors
    /// The answer does not hold it.
    pub(crate) fn of(request: &ReadRequest, status: StatusCode, headers: &HeaderMap) -> Result<Self, Misfit> {
        match status {
            StatusCode::OK => Self::of_all(request, number(headers)),
            StatusCode::PARTIAL_CONTENT => Self::of_range(request, headers),
            // What begins at the end of the file has no bytes.
            StatusCode::RANGE_NOT_SATISFIABLE
                if request.length.is_none() && size(headers) == Some(request.offset) =>
            {
                let (skip, length) = (0, Some(0));
                Ok(Self { skip, length })
            }
            StatusCode::RANGE_NOT_SATISFIABLE => Err(Misfit::Shorter),
            _ => Err(Misfit::Other),
        }
    }

    /// Takes all of an answer's body.
    pub(crate) fn whole(headers: &HeaderMap) -> Self {
        let (skip, length) = (0, number(headers));
        Self { skip, length }
    }

    /// Returns the number of its bytes, if it is known.
    pub(crate) fn length(&self) -> Option<u64> {
        self.length
    }

    /// The part within all of the file.
    fn of_all(request: &ReadRequest, size: Option<u64>) -> Result<Self, Misfit> {
        let (skip, length) = (request.offset, request.length);
        let end = skip.saturating_add(length.unwrap_or(0));
        if size.is_some_and(|size| size < end) {
            return Err(Misfit::Shorter);
        }
        let rest = size.map(|size| size - skip);
        let length = length.or(rest);
        Ok(Self { skip, length })
    }

    fn of_range(request: &ReadRequest, headers: &HeaderMap) -> Result<Self, Misfit> {
        let (first, last) = bounds(headers).ok_or(Misfit::Other)?;
        let length = last.checked_sub(first).ok_or(Misfit::Other)?.saturating_add(1);
        let is_sent = number(headers).is_none_or(|sent| sent == length);
        if first != request.offset || !is_sent {
            return Err(Misfit::Other);
        }
        let size = size(headers);
        let wanted = request.length.or(size.map(|size| size.saturating_sub(first)));
        match wanted {
            Some(wanted) if wanted > length && size == Some(last.saturating_add(1)) => Err(Misfit::Shorter),
            Some(wanted) if wanted != length => Err(Misfit::Other),
            _ => Ok(Self {
                skip: 0,
                length: Some(length),
            }),
        }
    }

    /// Returns the part's bytes as they come. `pause` bounds the wait for each piece; `field` is the field of the config
    /// that names the server.
    pub(crate) fn stream(
        self,
        body: impl Pieces + 'static,
        pause: Duration,
        field: &'static str,
    ) -> ByteStream {
        let next = move |(mut body, mut part): (_, Self)| async move {
            let piece = part.next(&mut body, pause).await;
            let piece = piece.map_err(|error| error.into_backend_error(field))?;
            Ok(piece.map(|piece| (piece, (body, part))))
        };
        stream::try_unfold((body, self), next).boxed()
    }

    async fn next(&mut self, body: &mut impl Pieces, pause: Duration) -> Result<Option<Bytes>, Error> {
        while self.length != Some(0) {
            let piece = timeout(pause, body.piece()).await;
            let Some(piece) = piece.map_err(|_| Error::BodyStalled)?? else {
                let is_all = self.skip == 0 && self.length.is_none();
                return if is_all { Ok(None) } else { Err(Error::BodyBroken) };
            };
            let piece = self.cut(piece);
            if !piece.is_empty() {
                return Ok(Some(piece));
            }
        }
        Ok(None)
    }

    /// Cuts what belongs to the part out of the next piece of the body.
    fn cut(&mut self, mut piece: Bytes) -> Bytes {
        let at = |count: u64| usize::try_from(count).unwrap_or(usize::MAX).min(piece.len());
        let before = at(self.skip);
        let end = self
            .length
            .map_or(piece.len(), |length| at(self.skip.saturating_add(length)));
        piece.truncate(end);
        let rest = piece.split_off(before);
        self.skip -= before as u64;
        self.length = self.length.map(|length| length - rest.len() as u64);
        rest
    }
}

/// Returns the strong validator of an answer without its quotes (RFC 9110, section 8.8.3).
pub(crate) fn etag(headers: &HeaderMap) -> Option<String> {
    strong(headers.get(ETAG)?.to_str().ok()?)
}

/// Returns an entity tag without its quotes, which some servers leave out, if it is a strong one and can be sent.
pub(crate) fn strong(tag: &str) -> Option<String> {
    let tag = tag.trim();
    let opaque = tag.strip_prefix('"').and_then(|tag| tag.strip_suffix('"'));
    let opaque = opaque.unwrap_or(tag);
    let can_be_sent = opaque.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'"');
    let is_strong = !tag.starts_with("W/") && !opaque.is_empty();
    (is_strong && can_be_sent).then(|| opaque.to_owned())
}

/// How the names of compressed files end, whose coding some servers take for one of the transfer.
const COMPRESSED: [&str; 8] = [".gz", ".tgz", ".bz2", ".br", ".xz", ".txz", ".zst", ".z"];

/// Returns the coding that the file of an answer is in, unless the file has it by itself.
pub(crate) fn coding(headers: &HeaderMap, name: &str) -> Option<String> {
    let coding = headers.get(CONTENT_ENCODING)?.to_str().ok()?.trim();
    let name = name.to_ascii_lowercase();
    let is_own = COMPRESSED.iter().any(|end| name.ends_with(end));
    let is_coded = !coding.is_empty() && !coding.eq_ignore_ascii_case("identity");
    (is_coded && !is_own).then(|| coding.chars().take(20).collect())
}

/// Returns the date that a header field holds.
pub(crate) fn date(headers: &HeaderMap, name: HeaderName) -> Option<OffsetDateTime> {
    parse_date(headers.get(name)?.to_str().ok()?)
}

/// Reads a date in the three forms of HTTP (RFC 9110, section 5.6.7), or as mails have it, with a zone.
pub(crate) fn parse_date(text: &str) -> Option<OffsetDateTime> {
    let text = text.trim();
    let date = httpdate::parse_http_date(text).map(OffsetDateTime::from);
    date.ok().or_else(|| OffsetDateTime::parse(text, &Rfc2822).ok())
}

fn number(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.trim().parse().ok()
}

/// Returns what `Content-Range` has before and behind its slash (RFC 9110, section 14.4): `0-9` and `10`.
fn content_range(headers: &HeaderMap) -> Option<(&str, &str)> {
    let text = headers.get(CONTENT_RANGE)?.to_str().ok()?.trim();
    let (range, size) = text.split_once('/')?;
    Some((range.strip_prefix("bytes")?.trim_matches([' ', '=']), size.trim()))
}

/// Returns the first and the last position of a part.
fn bounds(headers: &HeaderMap) -> Option<(u64, u64)> {
    let (first, last) = content_range(headers)?.0.split_once('-')?;
    Some((first.trim().parse().ok()?, last.trim().parse().ok()?))
}

/// Returns the size of the file that an answer holds a part of.
fn size(headers: &HeaderMap) -> Option<u64> {
    content_range(headers)?.1.parse().ok()
}

#[cfg(test)]
mod tests;
