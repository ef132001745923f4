//! Asks for objects.

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};

use crate::s3::service::refusal::Meaning;
use crate::s3::service::{Reply, Service};
use crate::s3::{encoding, place};
use crate::web::body::Body;
use crate::web::{Client, Error};

/// How often one request is sent, at the most: as it is, and for another region.
const TRIES: usize = 2;

/// What a server answers to a request for an object.
#[derive(Debug)]
pub(crate) enum ObjectAnswer {
    /// The object, or a part of it, or that there is no such part.
    Opened(Response<Body>),
    /// Anything else, which was read to its end.
    Refused(Reply),
}

/// A request for an object.
#[derive(Debug, Clone)]
pub(crate) struct ObjectAsk<'a> {
    method: Method,
    key: &'a str,
    /// Header fields that are not signed: a proxy may change them.
    headers: HeaderMap,
}

impl<'a> ObjectAsk<'a> {
    pub(crate) fn new(method: Method, key: &'a str) -> Self {
        let headers = HeaderMap::new();
        Self { method, key, headers }
    }

    /// Adds a header field, if there is a value.
    pub(crate) fn with(mut self, name: HeaderName, value: Option<HeaderValue>) -> Self {
        self.headers.extend(value.map(|value| (name, value)));
        self
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
            match self.object_once(client, ask).await? {
                ObjectAnswer::Refused(reply) if tried < TRIES && self.takes_region(&reply) => tried += 1,
                answer => return Ok(answer),
            }
        }
    }

    async fn object_once(&self, client: &Client, ask: &ObjectAsk<'_>) -> Result<ObjectAnswer, Error> {
        let way = self.way();
        let url = self.url_in(way.style)?;
        let mut request = Request::new(Full::new(Bytes::new()));
        *request.method_mut() = ask.method.clone();
        *request.uri_mut() = place::object_uri(&url, &encoding::path(ask.key))?;
        self.sign(&way.region, &mut request)?;
        request.headers_mut().extend(ask.headers.clone());
        let response = client.exchange(&url, request).await?;
        if response.status().is_success() || response.status() == StatusCode::RANGE_NOT_SATISFIABLE {
            return Ok(ObjectAnswer::Opened(response));
        }
        let reply = self.reply(client, response, (way.region, way.style, url)).await?;
        Ok(ObjectAnswer::Refused(reply))
    }
}
