//! Multipart uploads: begun, filled, completed, and aborted.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use bytes::Bytes;
use hyper::Method;
use hyper::header::{ETAG, HeaderMap};
use quick_xml::escape::escape;

use super::ObjectTree;
use super::change::Changed;
use crate::error::{Error, ErrorKind};
use crate::s3::service::{ObjectAsk, Reply};
use crate::s3::xml::{Answer, Part, Written};

/// The most parts of an upload.
pub(crate) const MAX_PARTS: u32 = 10_000;
/// Pages of parts that are read: a thousand in each, and servers that send fewer.
const MAX_PAGES: usize = 100;

/// Parts that are stored, by their numbers.
pub(crate) type Parts = BTreeMap<u32, Part>;

impl ObjectTree<'_> {
    /// Begins an upload, and returns its id.
    pub(crate) async fn begin(&self, key: &str, headers: HeaderMap) -> Result<String, Error> {
        self.settled().await?;
        let ask = ObjectAsk::new(Method::POST, key)
            .asking("uploads", "")
            .with_headers(headers);
        let reply = self.made(&ask, self.writing()).await?;
        match written(&reply).map(|written| &written.upload_id) {
            Some(id) if !id.is_empty() => Ok(id.clone()),
            _ => Err(unreadable(
                "The server began an upload and did not name it: update it",
            )),
        }
    }

    /// Stores a part. To store it once more replaces it.
    pub(crate) async fn put_part(
        &self,
        (key, id): (&str, &str),
        number: u32,
        bytes: Bytes,
    ) -> Result<Part, Error> {
        let (size, text) = (bytes.len() as u64, number.to_string());
        let ask = ObjectAsk::new(Method::PUT, key)
            .asking("partNumber", &text)
            .asking("uploadId", id)
            .with_body(bytes);
        let reply = self.made(&ask, self.writing()).await?;
        let etag = reply.headers.get(ETAG).and_then(|value| value.to_str().ok());
        part(number, size, etag)
    }

    /// Stores a part of another object.
    pub(super) async fn copy_part(
        &self,
        (key, id): (&str, &str),
        number: u32,
        (headers, size): (HeaderMap, u64),
    ) -> Result<Part, Error> {
        let text = number.to_string();
        let ask = ObjectAsk::new(Method::PUT, key)
            .asking("partNumber", &text)
            .asking("uploadId", id)
            .with_headers(headers);
        let reply = self.made(&ask, self.writing()).await?;
        part(number, size, written(&reply).map(|written| written.etag.as_str()))
    }

    /// Makes the object of the parts appear. The server may work on it for minutes.
    pub(crate) async fn complete(
        &self,
        (key, id): (&str, &str),
        parts: &Parts,
        headers: HeaderMap,
    ) -> Result<Changed, Error> {
        let mut body =
            String::from("<CompleteMultipartUpload xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">");
        for part in parts.values() {
            let _ = write!(
                body,
                "<Part><PartNumber>{}</PartNumber><ETag>{}</ETag></Part>",
                part.number,
                escape(&part.etag)
            );
        }
        body.push_str("</CompleteMultipartUpload>");
        let ask = ObjectAsk::new(Method::POST, key)
            .asking("uploadId", id)
            .with_headers(headers)
            .with_body(body);
        self.change(&ask, &self.writing()).await
    }

    /// Removes what was stored of an upload. That it is gone is success.
    pub(crate) async fn abort(&self, key: &str, id: &str) -> Result<(), Error> {
        let ask = ObjectAsk::new(Method::DELETE, key).asking("uploadId", id);
        match self.made(&ask, self.writing()).await {
            Err(error) if *error.kind() != ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// Returns the parts that the server has of an upload.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] if it is gone.
    pub(crate) async fn parts(&self, key: &str, id: &str) -> Result<Parts, Error> {
        self.settled().await?;
        let mut parts = Parts::new();
        let mut behind = 0;
        for _ in 0..MAX_PAGES {
            let text = behind.to_string();
            let ask = ObjectAsk::new(Method::GET, key)
                .asking("part-number-marker", &text)
                .asking("uploadId", id);
            let reply = self.made(&ask, self.writing()).await?;
            let Some(Answer::Parts(page)) = reply.answer else {
                return Err(unreadable("The server's list of parts can't be read: update it"));
            };
            parts.extend(page.parts.into_iter().map(|part| (part.number, part)));
            match page.next.filter(|next| *next > behind) {
                Some(next) => behind = next,
                None => break,
            }
        }
        Ok(parts)
    }
}

/// Returns what an answer says that was written.
pub(crate) fn written(reply: &Reply) -> Option<&Written> {
    match &reply.answer {
        Some(Answer::Written(written)) => Some(written),
        _ => None,
    }
}

fn part(number: u32, size: u64, etag: Option<&str>) -> Result<Part, Error> {
    let etag = etag.filter(|etag| !etag.is_empty()).map(str::to_owned);
    let etag = etag.ok_or_else(|| unreadable("The server stored a part and gave it no ETag: update it"))?;
    Ok(Part { number, size, etag })
}

fn unreadable(reason: &'static str) -> Error {
    Error::new(ErrorKind::Server, "the upload")
        .with_temporary(false)
        .with_source(reason)
}
