//! Reads a file from a URL that a client chose, and goes on where a connection breaks.

use std::fmt;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use futures_util::StreamExt as _;
use hyper::header::{ACCEPT, HeaderValue, IF_RANGE, RANGE, TRANSFER_ENCODING};
use hyper::{Method, StatusCode};
use percent_encoding::percent_decode_str;
use storage_domain::net::FetchUrl;
use url::Url;
use zeroize::Zeroizing;

use super::file::{self, Part};
use super::retry::{self, Backoff};
use super::{Answer, Ask, Authorization, Client, Connector, Error, Limits, Origin, Tls};
use crate::context::OpContext;
use crate::error::ErrorKind;
use crate::files::{ByteStream, ReadRequest};
use crate::net::{ConnectError, Network};

const STEP: &str = "the fetch";
/// What errors call the URL.
const MEMBER: &str = "url";
/// How long a server of the internet may take to answer, and to send the next piece.
const PATIENCE: Duration = Duration::from_secs(30);

/// A file that is read from a URL, of one version.
///
/// A read that breaks goes on where it broke if the file has a strong validator, a bounded number of times in all.
pub struct Fetch {
    client: Client,
    url: Url,
    cx: OpContext,
    backoff: Backoff,
    body: Option<ByteStream>,
    offset: u64,
    version: Option<Version>,
}

/// What is known of the file since the first answer.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Version {
    etag: Option<String>,
    size: Option<u64>,
    /// Whether an answer that breaks off differs from one that ends.
    has_end: bool,
}

/// Why there is no further piece.
struct Failure {
    error: crate::Error,
    /// Whether the same request may succeed soon.
    is_temporary: bool,
    /// How long the server asks to wait.
    wait: Option<Duration>,
}

impl From<crate::Error> for Failure {
    fn from(error: crate::Error) -> Self {
        Self {
            is_temporary: error.is_temporary(),
            error,
            wait: None,
        }
    }
}

impl Fetch {
    /// Checks that the address in a URL may be connected to; names are looked up later.
    ///
    /// # Errors
    /// [`ErrorKind::Server`].
    pub async fn check(network: &Network, url: &FetchUrl) -> Result<(), crate::Error> {
        let to = Origin::of(url.as_url()).map_err(explain)?;
        if matches!(to.host, storage_domain::HostAddr::Name(_)) {
            return Ok(());
        }
        let permitted = network.resolve(&to.host, to.port, Duration::ZERO).await;
        permitted.map(drop).map_err(|error| explain(error.into()))
    }

    /// Makes the read of a file, which begins with [`Fetch::next`]. Only `network` bounds where it leads, redirects
    /// included. User info in the URL is sent to its origin alone; no other credential is sent anywhere.
    ///
    /// # Errors
    /// [`ErrorKind::Config`].
    pub fn new(network: Network, url: &FetchUrl, cx: OpContext) -> Result<Self, crate::Error> {
        let limits = Limits {
            header: PATIENCE,
            pause: PATIENCE,
            ..Limits::default()
        };
        let connector = Connector::new(network, (true, None), limits)?.for_streams();
        let (authorization, mut url) = (basic(url.as_url()), url.as_url().clone());
        // Both fail for URLs without a host only.
        let _ = url.set_username("");
        let _ = url.set_password(None);
        Ok(Self {
            client: Client::new(connector, authorization),
            url,
            cx,
            backoff: Backoff::default(),
            body: None,
            offset: 0,
            version: None,
        })
    }

    /// Returns the size of the file, if an answer gave it.
    pub fn size(&self) -> Option<u64> {
        self.version.as_ref()?.size
    }

    /// Returns whether the end of the file differs from a connection that breaks off.
    pub fn has_end(&self) -> bool {
        self.version.as_ref().is_some_and(|version| version.has_end)
    }

    /// Returns the next piece; `None` at the end.
    ///
    /// # Errors
    /// [`ErrorKind::Server`]; [`ErrorKind::Changed`] if the server has another version meanwhile;
    /// [`ErrorKind::Timeout`] and [`ErrorKind::Cancelled`]. Nothing of a body is in an error.
    pub async fn next(&mut self) -> Result<Option<Bytes>, crate::Error> {
        loop {
            let Failure {
                error,
                is_temporary,
                wait,
            } = match self.piece().await {
                Ok(piece) => return Ok(piece),
                Err(failure) => failure,
            };
            self.body = None;
            let is_same = self.offset == 0 || self.version.as_ref().is_some_and(|v| v.etag.is_some());
            let (cx, backoff) = (&self.cx, &mut self.backoff);
            let again = async { is_temporary && is_same && backoff.wait(cx, wait).await };
            if !cx.bound(STEP, again).await? {
                return Err(error);
            }
        }
    }

    async fn piece(&mut self) -> Result<Option<Bytes>, Failure> {
        let mut body = match self.body.take() {
            Some(body) => body,
            None => self.open().await?,
        };
        let piece = self.cx.bound(STEP, body.next()).await?.transpose()?;
        self.offset += piece.as_ref().map_or(0, |piece| piece.len() as u64);
        self.body = Some(body);
        Ok(piece)
    }

    /// Asks for what is left of the file.
    async fn open(&mut self) -> Result<ByteStream, Failure> {
        let etag = self.version.as_ref().and_then(|version| version.etag.as_ref());
        let if_range = etag.filter(|_| self.offset > 0);
        let request = ReadRequest {
            offset: self.offset,
            length: None,
            etag: None,
            size: None,
        };
        let ask = Ask::new(Method::GET, self.url.clone())
            .with(ACCEPT, "*/*")
            .with_value(RANGE, file::range(&request))
            .with_value(
                IF_RANGE,
                if_range.and_then(|etag| HeaderValue::try_from(format!("\"{etag}\"")).ok()),
            );
        let answer = self.cx.bound(STEP, self.client.send(&ask)).await?;
        let answer = answer.map_err(|error| self.lost(error))?;
        if !matches!(answer.status.as_u16(), 200 | 206 | 416) {
            return Err(refusal(&answer));
        }
        let name = answer.route.url().path().rsplit('/').next().unwrap_or_default();
        if let Some(coding) = file::coding(&answer.headers, name) {
            return Err(explain(Error::Encoding(coding)).into());
        }
        let part = Part::of(&request, answer.status, &answer.headers);
        let part = part.map_err(|misfit| misfit.into_error(MEMBER))?;
        let size = part.length().map(|rest| rest.saturating_add(self.offset));
        let version = Version {
            etag: file::etag(&answer.headers),
            size,
            has_end: size.is_some() || answer.headers.contains_key(TRANSFER_ENCODING),
        };
        self.is_version(&answer, version)?;
        Ok(part.stream(answer.body, self.client.limits().pause, MEMBER))
    }

    /// Compares an answer with the first one; a part need not repeat the validator (RFC 9110, section 15.3.7).
    fn is_version(&mut self, answer: &Answer, now: Version) -> Result<(), Failure> {
        let Some(version) = self.version.as_mut().filter(|_| self.offset > 0) else {
            self.version = Some(now);
            return Ok(());
        };
        let is_part = answer.status != StatusCode::OK;
        let is_same_etag = now.etag == version.etag || is_part && now.etag.is_none();
        let is_same_size = version.size.is_none() || now.size.is_none() || version.size == now.size;
        if is_same_etag && is_same_size {
            version.size = version.size.or(now.size);
            return Ok(());
        }
        let reason = "The server replaced the file, or sends no part of it, after the connection had broken; fetch it again";
        let error = crate::Error::new(ErrorKind::Server, STEP).with_source(reason);
        Err(error.with_temporary(false).into())
    }

    /// Returns why there is no answer. A server that was there before may be starting again.
    fn lost(&self, error: Error) -> Failure {
        let is_away = matches!(
            &error,
            Error::Connect(ConnectError::Refused { .. } | ConnectError::Unreachable { .. })
        );
        let mut failure = Failure::from(explain(error));
        failure.is_temporary |= is_away && self.offset > 0;
        failure
    }
}

/// Shows nothing of the URL.
impl fmt::Debug for Fetch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fetch")
            .field("offset", &self.offset)
            .field("version", &self.version)
            .finish_non_exhaustive()
    }
}

/// Makes the error of an answer that has no file, from its status alone.
fn refusal(answer: &Answer) -> Failure {
    let status = answer.status;
    let is_temporary = matches!(status.as_u16(), 408 | 425 | 429 | 500 | 502..=504);
    let advice = match status.as_u16() {
        401 | 403 => "check the rights that url gives",
        _ if is_temporary => "try again later",
        _ => "check url",
    };
    let error = crate::Error::new(ErrorKind::Server, STEP)
        .with_source(format!("The server answers {status}: {advice}"))
        .with_temporary(is_temporary);
    Failure {
        wait: retry::asked(&answer.headers),
        ..error.into()
    }
}

/// Explains a failure to the client that chose the URL, which has no other field to set.
fn explain(error: Error) -> crate::Error {
    match error {
        Error::Tls(Tls::UnknownIssuer | Tls::OtherKey | Tls::NoRoots) => {
            let reason = "The server's certificate is signed by an authority that is not known here: add the authority to the ca-certificates of this host";
            crate::Error::new(ErrorKind::Server, "the TLS handshake")
                .with_source(reason)
                .with_temporary(false)
        }
        error => error.into_backend_error(MEMBER),
    }
}

/// Returns the user info of a URL as credentials for its origin (RFC 7617).
fn basic(url: &Url) -> Option<Authorization> {
    if url.username().is_empty() && url.password().is_none() {
        return None;
    }
    let decoded = |text: &str| Zeroizing::new(percent_decode_str(text).collect::<Vec<u8>>());
    let (username, password) = (
        decoded(url.username()),
        decoded(url.password().unwrap_or_default()),
    );
    let joined = Zeroizing::new([username.as_slice(), b":", password.as_slice()].concat());
    let text = Zeroizing::new(format!("Basic {}", STANDARD.encode(joined.as_slice())));
    let mut value = HeaderValue::from_str(&text).ok()?;
    value.set_sensitive(true);
    let origin = url.origin();
    Some(Authorization { origin, value })
}
