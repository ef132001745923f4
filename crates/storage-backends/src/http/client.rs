//! The pooled client: redirects, credentials and deadlines.

use std::fmt;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{
    ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, HeaderMap, HeaderName, HeaderValue, LOCATION, USER_AGENT,
};
use hyper::{Method, Request, Response, StatusCode, Uri};
use hyper_util::client::legacy::ResponseFuture;
use hyper_util::client::legacy::connect::capture_connection;
use tokio::time::{sleep, timeout};
use url::Url;

use crate::http::auth::Credentials;
use crate::http::classify::classify;
use crate::http::failure::Failure;
use crate::http::limits::Limits;
use crate::http::pool::Pool;
use crate::http::redirect::{Route, shown};

/// What this client calls itself.
pub(crate) const AGENT: &str = concat!("pureboot-storage/", env!("CARGO_PKG_VERSION"));
/// Servers that can tell a listing as JSON (Caddy) do so; the others answer what they have.
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
    /// A request without a body.
    pub(crate) fn new(method: Method, url: Url) -> Self {
        Self {
            method,
            url,
            headers: Vec::new(),
            body: Bytes::new(),
        }
    }

    /// The same request with a header.
    pub(crate) fn with(mut self, name: HeaderName, value: &'static str) -> Self {
        self.headers.push((name, HeaderValue::from_static(value)));
        self
    }

    /// The same request with a body.
    pub(crate) fn with_body(mut self, body: &'static str) -> Self {
        self.body = Bytes::from_static(body.as_bytes());
        self
    }
}

/// The header of an answer, after redirects, and a body that has not been read yet.
#[derive(Debug)]
pub(crate) struct Answer {
    /// The status.
    pub(crate) status: StatusCode,
    /// The header fields.
    pub(crate) headers: HeaderMap,
    /// How the answer was reached.
    pub(crate) route: Route,
    /// The body.
    pub(crate) body: Incoming,
}

/// Talks to one server as one config says. Holds no thread; connections that idle are closed after a while.
#[derive(Clone)]
pub(crate) struct Client {
    pool: Pool,
    credentials: Credentials,
    origin: url::Origin,
    limits: Limits,
}

impl Client {
    /// A client that sends `credentials` to the origin of `base` and nowhere else.
    pub(crate) fn new(base: &Url, credentials: Credentials, pool: Pool, limits: Limits) -> Self {
        Self {
            pool,
            credentials,
            origin: base.origin(),
            limits,
        }
    }

    /// The same client over other connections.
    pub(crate) fn over(&self, pool: &Pool) -> Self {
        Self {
            pool: pool.clone(),
            ..self.clone()
        }
    }

    /// Sends a request and follows its redirects.
    ///
    /// # Errors
    /// Any [`Failure`]; a status is none.
    /// # Cancel safety
    /// Dropping the future closes the connection that was in use.
    pub(crate) async fn send(&self, ask: &Ask) -> Result<Answer, Failure> {
        let trusted = ask.url.origin() == self.origin;
        let mut route = Route::new(ask.url.clone(), trusted);
        loop {
            let response = self.once(ask, &route).await?;
            if !is_redirect(response.status()) {
                let (parts, body) = response.into_parts();
                return Ok(Answer {
                    status: parts.status,
                    headers: parts.headers,
                    route,
                    body,
                });
            }
            let location = response.headers().get(LOCATION);
            route.follow(response.status(), location, self.credentials.are_sent())?;
        }
    }

    async fn once(&self, ask: &Ask, route: &Route) -> Result<Response<Incoming>, Failure> {
        self.exchange(self.request(ask, route)?).await
    }

    /// Sends one request as it is: no redirect is followed, and no credentials are added.
    ///
    /// # Errors
    /// Any [`Failure`]; a status is none.
    /// # Cancel safety
    /// Dropping the future closes the connection that was in use.
    pub(crate) async fn exchange(
        &self,
        mut request: Request<Full<Bytes>>,
    ) -> Result<Response<Incoming>, Failure> {
        let mut connected = capture_connection(&mut request);
        let mut response = self.pool.request(request);
        let connecting = self.limits.resolve + self.limits.connect + self.limits.tls;
        tokio::select! {
            biased;
            early = &mut response => return early.map_err(|error| classify(&error)),
            _ = connected.wait_for_connection_metadata() => {}
            () = sleep(connecting) => return Err(Failure::HeaderTimeout(connecting)),
        }
        self.header_of(response).await
    }

    async fn header_of(&self, response: ResponseFuture) -> Result<Response<Incoming>, Failure> {
        timeout(self.limits.header, response)
            .await
            .map_err(|_| Failure::HeaderTimeout(self.limits.header))?
            .map_err(|error| classify(&error))
    }

    fn request(&self, ask: &Ask, route: &Route) -> Result<Request<Full<Bytes>>, Failure> {
        let bad = || Failure::BadUrl(shown(route.url()));
        let uri: Uri = route.url().as_str().parse().map_err(|_| bad())?;
        let mut request = Request::new(Full::new(ask.body.clone()));
        *request.method_mut() = ask.method.clone();
        *request.uri_mut() = uri;
        let headers = request.headers_mut();
        headers.insert(USER_AGENT, HeaderValue::from_static(AGENT));
        headers.insert(ACCEPT, HeaderValue::from_static(ACCEPTED));
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        for (name, value) in &ask.headers {
            headers.insert(name, value.clone());
        }
        if let Some(credentials) = self.credentials.header().filter(|_| route.trusted) {
            headers.insert(AUTHORIZATION, credentials.clone());
        }
        Ok(request)
    }

    /// What the client proves itself with.
    pub(crate) fn credentials(&self) -> &Credentials {
        &self.credentials
    }

    /// The client's bounds.
    pub(crate) fn limits(&self) -> &Limits {
        &self.limits
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("credentials", &self.credentials)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

fn is_redirect(status: StatusCode) -> bool {
    matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308)
}
