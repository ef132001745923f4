//! Calls of an HTTP API with a token, such as that of the service itself.

use bytes::Bytes;
use hyper::Method;
use hyper::header::{HeaderName, HeaderValue};
use serde_json::Value;
use storage_domain::http::CaBundle;
use storage_domain::{BaseUrl, Secret};
use url::Url;

use super::{Answer, Ask, Authorization, Client, Connector, Limits, body};
use crate::error::{Error, ErrorKind};
use crate::files::ByteStream;
use crate::net::Network;
use crate::web::file::Part;

/// What errors call the URL.
const SETTING: &str = "url";
/// How long an API may take to answer: it may have to mount first.
const HEADER_LIMIT: std::time::Duration = std::time::Duration::from_mins(2);

/// A client of one API.
#[derive(Debug)]
pub struct ApiClient {
    client: Client,
    base: Url,
}

/// A request of an API.
#[derive(Debug, Clone)]
pub struct ApiRequest {
    method: Method,
    path: String,
    headers: Vec<(&'static str, String)>,
    body: Bytes,
}

impl ApiRequest {
    /// Makes a request that reads what is at a path below the base, query included.
    pub fn get(path: impl Into<String>) -> Self {
        Self::new(Method::GET, path.into())
    }

    /// Makes a request that asks for the header of what is at a path.
    pub fn head(path: impl Into<String>) -> Self {
        Self::new(Method::HEAD, path.into())
    }

    /// Makes a request that does something.
    pub fn post(path: impl Into<String>) -> Self {
        Self::new(Method::POST, path.into())
    }

    /// Makes a request that changes what is at a path.
    pub fn patch(path: impl Into<String>) -> Self {
        Self::new(Method::PATCH, path.into())
    }

    fn new(method: Method, path: String) -> Self {
        Self {
            method,
            path,
            headers: Vec::new(),
            body: Bytes::new(),
        }
    }

    /// Adds a header, whose name is in lower case.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// Adds a body of a content type.
    #[must_use]
    pub fn with_body(mut self, content_type: &str, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self.with("content-type", content_type)
    }
}

/// An answer whose body was not read yet.
#[derive(Debug)]
pub struct ApiAnswer {
    answer: Answer,
    limits: Limits,
}

impl ApiClient {
    /// Makes a client that trusts the system's authorities and those of `ca`, and sends `token` to this origin alone.
    ///
    /// # Errors
    /// [`ErrorKind::Config`].
    pub fn new(base: &BaseUrl, ca: Option<&CaBundle>, token: Option<&Secret>) -> Result<Self, Error> {
        let limits = Limits {
            header: HEADER_LIMIT,
            ..Limits::default()
        };
        let base = base.directory();
        let connector = Connector::new(Network::default(), (true, ca), limits)?;
        let authorization = match token {
            None => None,
            Some(token) => {
                let value = HeaderValue::try_from(format!("Bearer {}", token.expose()));
                let mut value = value.map_err(|_| {
                    let reason = "The token has characters that no token has";
                    Error::new(ErrorKind::Config, "the client").with_source(reason)
                })?;
                value.set_sensitive(true);
                let origin = base.origin();
                Some(Authorization { origin, value })
            }
        };
        let client = Client::new(connector, authorization);
        Ok(Self { client, base })
    }

    /// Sends a request.
    ///
    /// # Errors
    /// [`ErrorKind::Server`]; a status is none.
    /// # Cancel safety
    /// Dropping the future closes the connection.
    pub async fn send(&self, request: ApiRequest) -> Result<ApiAnswer, Error> {
        let url = self.base.join(request.path.trim_start_matches('/'));
        let url = url.map_err(|_| super::Error::BadUrl(request.path).into_backend_error(SETTING))?;
        let mut ask = Ask::new(request.method, url).with_body(request.body);
        for (name, value) in request.headers {
            let value = HeaderValue::try_from(value).map_err(|_| {
                let reason = format!("The value of {name} has characters that no header field has");
                Error::new(ErrorKind::Config, "the request").with_source(reason)
            })?;
            ask = ask.with_value(HeaderName::from_static(name), Some(value));
        }
        let answer = self.client.send(&ask).await;
        Ok(ApiAnswer {
            answer: answer.map_err(|error| error.into_backend_error(SETTING))?,
            limits: self.client.limits().clone(),
        })
    }
}

impl ApiAnswer {
    /// Returns the status.
    pub fn status(&self) -> u16 {
        self.answer.status.as_u16()
    }

    /// Returns a header field, if it is there once and in ASCII.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.answer.headers.get(name)?.to_str().ok()
    }

    /// Reads a body that is JSON, of bounded size.
    ///
    /// # Errors
    /// [`ErrorKind::Server`].
    pub async fn json(self) -> Result<Value, Error> {
        let large = tokio::sync::Semaphore::new(1);
        let text = body::read(self.answer.body, &self.limits, &large).await;
        let text = text.map_err(|error| error.into_backend_error(SETTING))?;
        serde_json::from_slice(&text.bytes).map_err(|_| {
            let reason = "The answer is not JSON; check url";
            Error::new(ErrorKind::Server, "the answer").with_source(reason)
        })
    }

    /// Returns the body as a stream, which ends with an error if the body ends early.
    pub fn into_stream(self) -> ByteStream {
        Part::whole(&self.answer.headers).stream(self.answer.body, self.limits.pause, SETTING)
    }
}
