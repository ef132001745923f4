//! Sends requests: redirects, credentials and deadlines.

use std::fmt;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{
    ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, HOST, HeaderMap, HeaderName, HeaderValue, LOCATION, RANGE,
    USER_AGENT,
};
use hyper::{Method, Request, Response, StatusCode, Uri};
use url::{Position, Url};

use tokio::sync::Semaphore;

use crate::web::body::Body;
use crate::web::connection::{Connection, Idle};
use crate::web::connector::Connector;
use crate::web::error::{Error, Head};
use crate::web::limits::Limits;
use crate::web::origin::Origin;
use crate::web::redirect::{Route, shown};

/// What this client calls itself.
const AGENT: &str = concat!("pureboot-storage/", env!("CARGO_PKG_VERSION"));
/// Servers that have a listing as JSON (Caddy) send it; the others send what they have.
const ACCEPTED: &str = "application/json, text/html;q=0.9, */*;q=0.5";

/// One request, before redirects.
#[derive(Debug, Clone)]
pub(crate) struct Ask {
    method: Method,
    url: Url,
    headers: Vec<(HeaderName, HeaderValue)>,
    body: Bytes,
}

impl Ask {
    /// Makes a request without a body.
    pub(crate) fn new(method: Method, url: Url) -> Self {
        Self {
            method,
            url,
            headers: Vec::new(),
            body: Bytes::new(),
        }
    }

    /// Adds a header.
    pub(crate) fn with(mut self, name: HeaderName, value: &'static str) -> Self {
        self.headers.push((name, HeaderValue::from_static(value)));
        self
    }

    /// Adds a header, if there is a value.
    pub(crate) fn with_value(mut self, name: HeaderName, value: Option<HeaderValue>) -> Self {
        self.headers.extend(value.map(|value| (name, value)));
        self
    }

    /// Adds a body.
    pub(crate) fn with_body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }
}

/// The header of an answer, after redirects, and a body that was not read yet.
#[derive(Debug)]
pub(crate) struct Answer {
    /// The status.
    pub(crate) status: StatusCode,
    /// The header fields.
    pub(crate) headers: HeaderMap,
    /// How the answer was reached.
    pub(crate) route: Route,
    /// The body.
    pub(crate) body: Body,
}

/// What a client proves itself with, and the only origin that it is sent to.
#[derive(Clone)]
pub(crate) struct Authorization {
    /// The origin.
    pub(crate) origin: url::Origin,
    /// The header's value, marked as sensitive.
    pub(crate) value: HeaderValue,
}

impl fmt::Debug for Authorization {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Authorization([redacted])")
    }
}

/// Sends the requests of one operation: a probe or a scan.
///
/// Requests one after the other share a connection, and requests at once have one each. All of them are closed when
/// the client, its clones and the answers are dropped.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    connector: Connector,
    authorization: Option<Authorization>,
    idle: Idle,
}

impl Client {
    /// Makes a client without a connection.
    pub(crate) fn new(connector: Connector, authorization: Option<Authorization>) -> Self {
        Self {
            connector,
            authorization,
            idle: Idle::default(),
        }
    }

    /// Makes a client that begins with this connection.
    pub(crate) fn over(
        connector: Connector,
        authorization: Option<Authorization>,
        connection: Connection,
    ) -> Self {
        let client = Self::new(connector, authorization);
        client.idle.put(connection);
        client
    }

    /// Makes a client with the same connections and without credentials.
    pub(crate) fn anonymous(&self) -> Self {
        Self {
            connector: self.connector.clone(),
            authorization: None,
            idle: self.idle.clone(),
        }
    }

    /// Returns the limits of every step.
    pub(crate) fn limits(&self) -> &Limits {
        &self.connector.limits
    }

    /// Returns the permits for large bodies, which all backends share.
    pub(crate) fn large_bodies(&self) -> &Semaphore {
        self.connector.large_bodies()
    }

    /// Closes the connections that no request uses.
    pub(crate) fn close_idle(&self) {
        self.idle.close();
    }

    /// Sends a request and follows its redirects.
    ///
    /// # Errors
    /// Any [`Error`]; a status is none.
    /// # Cancel safety
    /// Dropping the future closes the connection that was in use.
    pub(crate) async fn send(&self, ask: &Ask) -> Result<Answer, Error> {
        let origin = ask.url.origin();
        let authorization = self.authorization.as_ref();
        let trusted = authorization.is_none_or(|proof| proof.origin == origin);
        let mut route = Route::new(ask.url.clone(), trusted);
        loop {
            let request = self.request(ask, &route)?;
            let (response, connection) = self.send_once(route.url(), request).await?;
            let (parts, incoming) = response.into_parts();
            let body = Body::new(incoming, connection, self.idle.clone());
            if !is_redirect(parts.status) {
                return Ok(Answer {
                    status: parts.status,
                    headers: parts.headers,
                    route,
                    body,
                });
            }
            let location = parts.headers.get(LOCATION);
            route.follow(parts.status, location, authorization.is_some())?;
        }
    }

    /// Asks for a resource by HEAD, and for its first byte if that answer is not `enough`; no more of a body is read.
    ///
    /// The GET decides: there are servers that answer HEAD with nearly every status there is, or hang up on it.
    ///
    /// # Errors
    /// As [`Client::send`].
    pub(crate) async fn look(&self, url: &Url, enough: impl Fn(&Answer) -> bool) -> Result<Answer, Error> {
        match self.send(&Ask::new(Method::HEAD, url.clone())).await {
            Ok(answer) if enough(&answer) => return Ok(answer),
            Ok(_) | Err(Error::ClosedEarly | Error::Reset | Error::NotHttp) => {}
            Err(error) => return Err(error),
        }
        let get = Ask::new(Method::GET, url.clone());
        self.send(&get.with(RANGE, "bytes=0-0")).await
    }

    /// Sends one request as it is: no redirect is followed, and no credentials are added.
    ///
    /// # Errors
    /// Any [`Error`]; a status is none.
    /// # Cancel safety
    /// Dropping the future closes the connection that was in use.
    pub(crate) async fn exchange(
        &self,
        url: &Url,
        request: Request<Full<Bytes>>,
    ) -> Result<Response<Body>, Error> {
        let (response, connection) = self.send_once(url, request).await?;
        Ok(response.map(|incoming| Body::new(incoming, connection, self.idle.clone())))
    }

    /// Sends a request over an idle connection, or over a new one if there is none, or if the server closed it meanwhile.
    async fn send_once(
        &self,
        url: &Url,
        request: Request<Full<Bytes>>,
    ) -> Result<(Response<Incoming>, Connection), Error> {
        let to = Origin::of(url)?;
        let request = in_origin_form(url, request)?;
        while let Some(mut connection) = self.idle.take(&to) {
            if !connection.is_usable().await {
                continue;
            }
            match connection.send(request.clone(), self.limits()).await {
                // Of answers of HTTP/1.0 only the first one of a connection may be chunked.
                Err(Error::BadHead(Head::TransferEncodingOfHttp10)) => break,
                Err(error) if error.is_closed_unanswered() => break,
                sent => return Ok((sent?, connection)),
            }
        }
        // The handshake takes much memory, and most requests need none.
        let mut connection = Box::pin(self.connector.dial(&to)).await?;
        let response = connection.send(request, self.limits()).await?;
        Ok((response, connection))
    }

    fn request(&self, ask: &Ask, route: &Route) -> Result<Request<Full<Bytes>>, Error> {
        let bad = || Error::BadUrl(shown(route.url()));
        let mut request = Request::new(Full::new(ask.body.clone()));
        *request.method_mut() = ask.method.clone();
        *request.uri_mut() = route.url().as_str().parse().map_err(|_| bad())?;
        let headers = request.headers_mut();
        headers.insert(ACCEPT, HeaderValue::from_static(ACCEPTED));
        for (name, value) in &ask.headers {
            headers.insert(name, value.clone());
        }
        if let Some(proof) = self.authorization.as_ref().filter(|_| route.trusted) {
            headers.insert(AUTHORIZATION, proof.value.clone());
        }
        Ok(request)
    }
}

/// Adds what every request needs, and cuts its target to path and query (RFC 9112, section 3.2.1).
fn in_origin_form(url: &Url, mut request: Request<Full<Bytes>>) -> Result<Request<Full<Bytes>>, Error> {
    let bad = || Error::BadUrl(shown(url));
    let host = &url[Position::BeforeHost..Position::AfterPort];
    let host = HeaderValue::from_str(host).map_err(|_| bad())?;
    let target = request.uri().path_and_query().ok_or_else(bad)?;
    *request.uri_mut() = Uri::from(target.clone());
    let headers = request.headers_mut();
    headers.insert(HOST, host);
    headers.insert(USER_AGENT, HeaderValue::from_static(AGENT));
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    Ok(request)
}

fn is_redirect(status: StatusCode) -> bool {
    matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308)
}
