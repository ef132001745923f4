//! One connection to a server: look-up, TCP, TLS and HTTP/1.1.

use std::fmt;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::http1::{Builder, SendRequest};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::pki_types::{IpAddr, ServerName, UnixTime};
use storage_domain::HostAddr;
use storage_domain::http::CaBundle;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_util::task::AbortOnDropHandle;
use url::Url;

use crate::context::OpContext;
use crate::net::tls::certificate::Facts;
use crate::net::tls::{self, roots};
use crate::net::{Network, Permitted, connect, host_of};
use crate::scan::TimeSlices;
use crate::web::classify::classify;
use crate::web::error::{Error, Tls};
use crate::web::http10::Http11;
use crate::web::limits::Limits;

/// The largest header of an answer that is read, in bytes.
const HEAD_BYTES: usize = 64 * 1024;

/// Where a connection leads (RFC 6454, section 4).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Origin {
    /// Whether the scheme is https.
    pub(crate) secure: bool,
    /// The host.
    pub(crate) host: HostAddr,
    port: u16,
}

impl Origin {
    /// Returns the origin of an http or https URL.
    ///
    /// # Errors
    /// [`Error::BadUrl`] if it has no host.
    pub(crate) fn of(url: &Url) -> Result<Self, Error> {
        let secure = url.scheme() == "https";
        Ok(Self {
            secure,
            host: host_of(url).ok_or_else(|| Error::BadUrl(url.path().to_owned()))?,
            port: url
                .port_or_known_default()
                .unwrap_or(if secure { 443 } else { 80 }),
        })
    }
}

/// What a handshake showed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Session {
    /// The protocol's version, for people.
    pub(crate) version: &'static str,
    /// The certificate's dates, if it can be read.
    pub(crate) certificate: Option<Facts>,
}

/// Makes connections, each step under its limit.
#[derive(Clone)]
pub(crate) struct Connector {
    network: Network,
    tls: Arc<ClientConfig>,
    /// The limits of every step.
    pub(crate) limits: Limits,
}

impl Connector {
    /// Makes a connector that verifies certificates or not, with authorities besides the system's.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Config`].
    pub(crate) fn new(
        network: Network,
        (tls_verify, ca_pem): (bool, Option<&CaBundle>),
        limits: Limits,
    ) -> Result<Self, crate::Error> {
        let tls = tls::client_config(tls_verify, ca_pem)?;
        Ok(Self { network, tls, limits })
    }

    pub(super) fn large_bodies(&self) -> &Semaphore {
        self.network.large_bodies()
    }

    /// Returns the slices of counts, which all backends share.
    pub(crate) fn count_slices(&self) -> &TimeSlices {
        self.network.count_slices()
    }

    /// Waits until not too many others probe the server of a URL.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Timeout`] and [`crate::ErrorKind::Cancelled`].
    pub(crate) async fn probe_permit(
        &self,
        url: &Url,
        cx: &OpContext,
    ) -> Result<OwnedSemaphorePermit, crate::Error> {
        let server = url.origin().ascii_serialization();
        self.network.probe_permit(server, cx).await
    }

    /// Looks the host up.
    ///
    /// # Errors
    /// [`Error::Connect`].
    pub(crate) async fn resolve(&self, to: &Origin) -> Result<Vec<Permitted>, Error> {
        Ok(self
            .network
            .resolve(&to.host, to.port, self.limits.resolve)
            .await?)
    }

    /// Connects to the first address that answers.
    ///
    /// # Errors
    /// [`Error::Connect`].
    pub(crate) async fn connect(&self, addrs: &[Permitted]) -> Result<TcpStream, Error> {
        Ok(connect(addrs, self.limits.connect).await?)
    }

    /// Makes the TLS handshake if the origin needs one, and begins HTTP.
    ///
    /// # Errors
    /// [`Error::Tls`].
    pub(crate) async fn open(
        &self,
        to: &Origin,
        stream: TcpStream,
    ) -> Result<(Connection, Option<Session>), Error> {
        let peer = stream.peer_addr().ok();
        if !to.secure {
            return Ok((Connection::start(to, peer, stream).await?, None));
        }
        let stream = self.handshake(&to.host, stream).await?;
        let session = describe(&stream);
        Ok((Connection::start(to, peer, stream).await?, Some(session)))
    }

    /// Makes a connection, all steps of it.
    ///
    /// # Errors
    /// [`Error::Connect`] and [`Error::Tls`].
    /// # Cancel safety
    /// Dropping the future closes the connection.
    pub(crate) async fn dial(&self, to: &Origin) -> Result<Connection, Error> {
        let addrs = self.resolve(to).await?;
        let stream = self.connect(&addrs).await?;
        Ok(self.open(to, stream).await?.0)
    }

    async fn handshake(&self, host: &HostAddr, stream: TcpStream) -> Result<TlsStream<TcpStream>, Error> {
        roots::preload().await;
        let name = match host {
            HostAddr::Name(name) => {
                ServerName::try_from(name.clone()).map_err(|_| Error::BadUrl(name.clone()))?
            }
            HostAddr::V4(addr) => ServerName::IpAddress(IpAddr::from(*addr)),
            HostAddr::V6(addr, _) => ServerName::IpAddress(IpAddr::from(*addr)),
        };
        let connector = TlsConnector::from(Arc::clone(&self.tls));
        timeout(self.limits.tls, connector.connect(name, stream))
            .await
            .map_err(|_| Error::Tls(Tls::Timeout(self.limits.tls)))?
            .map_err(|error| classify(&error))
    }
}

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connector")
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

fn describe(stream: &TlsStream<TcpStream>) -> Session {
    let (_, connection) = stream.get_ref();
    let version = match connection.protocol_version() {
        Some(rustls::ProtocolVersion::TLSv1_3) => "TLS 1.3",
        Some(rustls::ProtocolVersion::TLSv1_2) => "TLS 1.2",
        _ => "TLS",
    };
    let certificate = connection.peer_certificates().and_then(|chain| chain.first());
    Session {
        version,
        certificate: certificate.and_then(Facts::of),
    }
}

impl fmt::Display for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.certificate {
            Some(facts) => f.write_str(&facts.end_in_words(UnixTime::now())),
            None => f.write_str("its certificate can't be read"),
        }
    }
}

/// A connection that carries one request after the other. Dropping it closes it.
pub(crate) struct Connection {
    /// Where it leads.
    pub(crate) origin: Origin,
    /// The other end, if the system names it.
    pub(crate) peer: Option<SocketAddr>,
    sender: SendRequest<Full<Bytes>>,
    _driver: AbortOnDropHandle<()>,
}

impl Connection {
    async fn start<S>(to: &Origin, peer: Option<SocketAddr>, stream: S) -> Result<Self, Error>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let mut http = Builder::new();
        http.max_buf_size(HEAD_BYTES);
        // As browsers and curl do: one bad line is left out, and the others say what there is to know.
        http.allow_spaces_after_header_name_in_responses(true)
            .allow_obsolete_multiline_headers_in_responses(true)
            .ignore_invalid_headers_in_responses(true);
        let (sender, driver) = http
            .handshake(TokioIo::new(Http11::new(stream)))
            .await
            .map_err(|error| classify(&error))?;
        // Its error reaches whoever waits for the answer.
        let driver = tokio::spawn(async move {
            let _ = driver.await;
        });
        Ok(Self {
            origin: to.clone(),
            peer,
            sender,
            _driver: AbortOnDropHandle::new(driver),
        })
    }

    /// Waits until the last answer is done; whether another request can be sent.
    pub(crate) async fn is_usable(&mut self) -> bool {
        self.sender.ready().await.is_ok()
    }

    /// Sends a request and reads the header of its answer.
    ///
    /// # Errors
    /// Any [`Error`] of a request.
    /// # Cancel safety
    /// The connection can't be used again after the future was dropped.
    pub(crate) async fn send(
        &mut self,
        request: Request<Full<Bytes>>,
        limits: &Limits,
    ) -> Result<Response<Incoming>, Error> {
        timeout(limits.header, self.sender.send_request(request))
            .await
            .map_err(|_| Error::HeaderTimeout(limits.header))?
            .map_err(|error| classify(&error))
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("origin", &self.origin)
            .field("peer", &self.peer)
            .finish_non_exhaustive()
    }
}

/// The connections of one client that wait for a further request.
#[derive(Debug, Clone, Default)]
pub(super) struct Idle(Arc<Mutex<Vec<Connection>>>);

impl Idle {
    pub(super) fn put(&self, connection: Connection) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(connection);
    }

    pub(super) fn take(&self, to: &Origin) -> Option<Connection> {
        let mut idle = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let at = idle.iter().rposition(|connection| connection.origin == *to)?;
        Some(idle.swap_remove(at))
    }
}
