//! Asks for objects, and changes them.

use aws_sigv4::http_request::SignableBody;
use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{CONTENT_LENGTH, HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use sha2::{Digest as _, Sha256};
use url::Url;

use crate::s3::place::Style;
use crate::s3::service::refusal::Meaning;
use crate::s3::service::{Reply, Service};
use crate::s3::{encoding, place};
use crate::web::body::Body;
use crate::web::{Client, Error};

/// How often one request is sent, at the most: as it is, and for another region.
const TRIES: usize = 2;
/// What the header fields begin with that have to be signed.
const SIGNED_FIELDS: &str = "x-amz-";
/// A body above this size is hashed on a thread for such work, in bytes.
const INLINE_BYTES: usize = 64 * 1024;

/// What a server answers to a request for an object.
#[derive(Debug)]
pub(crate) enum ObjectAnswer {
    /// The object, or a part of it, or that there is no such part.
    Opened(Response<Body>),
    /// Anything else, which was read to its end.
    Refused(Reply),
}

/// A request for an object, or with an empty key, for a bucket.
#[derive(Debug, Clone)]
pub(crate) struct ObjectAsk<'a> {
    method: Method,
    key: &'a str,
    query: Vec<(&'a str, &'a str)>,
    /// Header fields. S3's own are signed, and others are not: a proxy may change them.
    headers: HeaderMap,
    body: Bytes,
}

impl<'a> ObjectAsk<'a> {
    pub(crate) fn new(method: Method, key: &'a str) -> Self {
        Self {
            method,
            key,
            query: Vec::new(),
            headers: HeaderMap::new(),
            body: Bytes::new(),
        }
    }

    /// Adds a header field, if there is a value.
    pub(crate) fn with(mut self, name: HeaderName, value: Option<HeaderValue>) -> Self {
        self.headers.extend(value.map(|value| (name, value)));
        self
    }

    /// Adds header fields.
    pub(crate) fn with_headers(mut self, headers: HeaderMap) -> Self {
        self.headers.extend(headers);
        self
    }

    /// Adds a parameter of the query.
    pub(crate) fn asking(mut self, name: &'a str, value: &'a str) -> Self {
        self.query.push((name, value));
        self
    }

    /// Adds a body.
    pub(crate) fn with_body(self, body: impl Into<Bytes>) -> Self {
        let body = body.into();
        Self { body, ..self }
    }
}

impl Service {
    /// Finds out where requests name the bucket, unless that is known: the answer to a listing shows it, and that to a
    /// request for an object may not.
    ///
    /// # Errors
    /// Any [`Error`]; a refusal is none.
    /// # Cancel safety
    /// Dropping the future closes the connection that was in use.
    pub(crate) async fn settle(&self, client: &Client, prefix: &str) -> Result<(), Error> {
        if !self.is_auto() || self.way().is_settled {
            return Ok(());
        }
        let query = [("list-type", "2"), ("max-keys", "1"), ("prefix", prefix)];
        let reply = self.get(client, &query).await?;
        if self.meaning(&reply) == Meaning::Denied {
            self.learn(|way| way.is_settled = true);
        }
        Ok(())
    }

    /// Asks for an object of the bucket.
    ///
    /// # Errors
    /// Any [`Error`]; a refusal is none.
    /// # Cancel safety
    /// Dropping the future closes the connection that was in use.
    pub(crate) async fn object(&self, client: &Client, ask: &ObjectAsk<'_>) -> Result<ObjectAnswer, Error> {
        let mut tried = 1;
        loop {
            let (response, sent) = self.send(client, ask).await?;
            if response.status().is_success() || response.status() == StatusCode::RANGE_NOT_SATISFIABLE {
                return Ok(ObjectAnswer::Opened(response));
            }
            let reply = self.reply(client, response, sent).await?;
            if tried == TRIES || !self.takes_region(&reply) {
                return Ok(ObjectAnswer::Refused(reply));
            }
            tried += 1;
        }
    }

    /// Changes something, and reads the answer to its end: it may be an error although its status is 200.
    ///
    /// # Errors
    /// Any [`Error`]; a refusal is none.
    /// # Cancel safety
    /// Dropping the future closes the connection that was in use; the server may have made the change.
    pub(crate) async fn change(&self, client: &Client, ask: &ObjectAsk<'_>) -> Result<Reply, Error> {
        let mut tried = 1;
        loop {
            let (response, sent) = self.send(client, ask).await?;
            let reply = self.reply(client, response, sent).await?;
            if tried == TRIES || !self.takes_region(&reply) {
                return Ok(reply);
            }
            tried += 1;
        }
    }

    /// Returns the answer, and how it was asked for.
    async fn send(
        &self,
        client: &Client,
        ask: &ObjectAsk<'_>,
    ) -> Result<(Response<Body>, (String, Style, Url)), Error> {
        let way = self.way();
        let url = self.url_in(way.style)?;
        let mut request = Request::new(Full::new(ask.body.clone()));
        *request.method_mut() = ask.method.clone();
        *request.uri_mut() = place::object_uri(&url, &encoding::path(ask.key), &ask.query)?;
        let is_signed = |name: &HeaderName| name.as_str().starts_with(SIGNED_FIELDS);
        for (name, value) in ask.headers.iter().filter(|(name, _)| is_signed(name)) {
            request.headers_mut().append(name, value.clone());
        }
        let payload = self.payload(&ask.body).await?;
        self.sign(&way.region, payload, &mut request)?;
        for (name, value) in ask.headers.iter().filter(|(name, _)| !is_signed(name)) {
            request.headers_mut().append(name, value.clone());
        }
        // hyper sends no length with an empty body, and servers ask for one.
        if ask.body.is_empty() && matches!(ask.method, Method::PUT | Method::POST) {
            request.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(0));
        }
        let response = client.exchange(&url, request).await?;
        Ok((response, (way.region, way.style, url)))
    }

    /// Returns what the signature says of a body. TLS protects a large one already, and to hash it takes a second a GiB.
    async fn payload<'b>(&self, body: &'b Bytes) -> Result<SignableBody<'b>, Error> {
        if body.len() <= INLINE_BYTES || !self.signs() {
            return Ok(SignableBody::Bytes(body));
        }
        if self.endpoint().scheme() == "https" {
            return Ok(SignableBody::UnsignedPayload);
        }
        let body = body.clone();
        let hash = tokio::task::spawn_blocking(move || base16(&Sha256::digest(&body))).await;
        let hash = hash.map_err(|error| Error::Other(error.to_string()))?;
        Ok(SignableBody::Precomputed(hash))
    }
}

/// Writes bytes in hexadecimal digits.
pub(crate) fn base16(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
