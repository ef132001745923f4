//! The connection of one probe: look-up, connection and handshake, each made once.

use std::fmt;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use hyper::Uri;
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::pki_types::{IpAddr, ServerName, UnixTime};
use storage_domain::HostAddr;
use tokio::net::TcpStream;
use tokio::sync::OnceCell;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use url::Url;

use crate::http::classify::classify;
use crate::http::failure::{Failure, TlsFailure};
use crate::http::limits::Limits;
use crate::http::pool::{First, Pool, Stream, pool};
use crate::net::tls::certificate::Facts;
use crate::net::tls::roots;
use crate::net::{Network, Permitted, connect, host_of};

/// Where connections lead (RFC 6454, section 4).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Origin {
    scheme: String,
    host: String,
    port: Option<u16>,
}

impl Origin {
    /// The origin of a URL.
    pub(crate) fn of(url: &Url) -> Self {
        Self {
            scheme: url.scheme().to_owned(),
            host: url.host_str().unwrap_or_default().to_owned(),
            port: url.port(),
        }
    }

    /// Whether a request's target is of this origin. A URL never has its scheme's own port.
    pub(crate) fn is_of(&self, uri: &Uri) -> bool {
        let own_port = if uri.scheme_str() == Some("https") {
            443
        } else {
            80
        };
        uri.scheme_str() == Some(&self.scheme)
            && uri.host() == Some(&self.host)
            && uri.port_u16().filter(|port| *port != own_port) == self.port
    }
}

/// What a handshake showed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Session {
    /// The protocol's version, for people.
    pub(crate) version: &'static str,
    /// When the server's certificate ends, for people.
    pub(crate) end: String,
}

/// The connection of one probe. Each step is made once; requests go over the connection that was made.
pub(crate) struct Reach {
    host: HostAddr,
    port: u16,
    origin: Origin,
    tls: Arc<ClientConfig>,
    limits: Limits,
    network: Network,
    addrs: OnceCell<Result<Vec<Permitted>, Failure>>,
    peer: OnceCell<Result<Option<SocketAddr>, Failure>>,
    session: OnceCell<Result<Option<Session>, Failure>>,
    stream: Mutex<Option<TcpStream>>,
    first: First,
    pool: Pool,
}

impl Reach {
    /// The way to where a URL leads; nothing of it is made yet.
    ///
    /// # Errors
    /// [`Failure::BadUrl`].
    pub(crate) fn new(
        url: &Url,
        tls: &Arc<ClientConfig>,
        limits: &Limits,
        network: &Network,
    ) -> Result<Self, Failure> {
        let host = host_of(url);
        let first = First::default();
        Ok(Self {
            host: host.ok_or_else(|| Failure::BadUrl(url.to_string()))?,
            port: url.port_or_known_default().unwrap_or(80),
            origin: Origin::of(url),
            tls: Arc::clone(tls),
            limits: limits.clone(),
            network: network.clone(),
            addrs: OnceCell::new(),
            peer: OnceCell::new(),
            session: OnceCell::new(),
            stream: Mutex::default(),
            pool: pool(network, tls, limits, first.clone()),
            first,
        })
    }

    /// Sends requests over the connections of this way.
    pub(crate) fn pool(&self) -> &Pool {
        &self.pool
    }

    /// The server's host.
    pub(crate) fn host(&self) -> &HostAddr {
        &self.host
    }

    /// Whether there is a handshake to make.
    pub(crate) fn is_secure(&self) -> bool {
        self.origin.scheme == "https"
    }

    /// Looks the name up.
    pub(crate) async fn resolved(&self) -> Result<&[Permitted], &Failure> {
        let look_up = || async {
            let found = self.network.resolve(&self.host, self.port, self.limits.resolve);
            found.await.map_err(Failure::from)
        };
        self.addrs.get_or_init(look_up).await.as_deref()
    }

    /// Connects, and gives the other end's address where the system tells it.
    pub(crate) async fn connected(&self) -> Result<Option<SocketAddr>, &Failure> {
        let addrs = self.resolved().await?;
        let dial = || async {
            let stream = connect(addrs, self.limits.connect).await?;
            let peer = stream.peer_addr().ok();
            self.keep(stream);
            Ok(peer)
        };
        let peer = self.peer.get_or_init(dial).await.as_ref();
        peer.copied()
    }

    /// Shakes hands where the scheme is https, and leaves the connection to the pool.
    pub(crate) async fn secured(&self) -> Result<Option<&Session>, &Failure> {
        self.connected().await?;
        let session = self.session.get_or_init(|| self.open()).await.as_ref();
        session.map(Option::as_ref)
    }

    fn keep(&self, stream: TcpStream) {
        *self.stream.lock().unwrap_or_else(PoisonError::into_inner) = Some(stream);
    }

    fn kept(&self) -> Option<TcpStream> {
        self.stream.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    async fn open(&self) -> Result<Option<Session>, Failure> {
        let stream = if let Some(stream) = self.kept() {
            stream
        } else {
            // Whoever had it was dropped in the middle of the handshake.
            let addrs = self.resolved().await.map_err(Clone::clone)?;
            connect(addrs, self.limits.connect).await?
        };
        let stream = TokioIo::new(stream);
        let (session, stream) = if self.is_secure() {
            let shaken = handshake(stream, &self.host, &self.tls, &self.limits).await?;
            (Some(describe(&shaken)), Stream::from(shaken))
        } else {
            (None, Stream::from(stream))
        };
        self.first.put(self.origin.clone(), stream);
        Ok(session)
    }
}

type Shaken = TlsStream<TokioIo<TokioIo<TcpStream>>>;

async fn handshake(
    stream: TokioIo<TcpStream>,
    host: &HostAddr,
    tls: &Arc<ClientConfig>,
    limits: &Limits,
) -> Result<Shaken, Failure> {
    roots::preload().await;
    let name = match host {
        HostAddr::Name(name) => {
            ServerName::try_from(name.clone()).map_err(|_| Failure::BadUrl(name.clone()))?
        }
        HostAddr::V4(addr) => ServerName::IpAddress(IpAddr::from(*addr)),
        HostAddr::V6(addr, _) => ServerName::IpAddress(IpAddr::from(*addr)),
    };
    let connector = TlsConnector::from(Arc::clone(tls));
    let shaken = timeout(limits.tls, connector.connect(name, TokioIo::new(stream))).await;
    shaken
        .map_err(|_| Failure::Tls(TlsFailure::Timeout(limits.tls)))?
        .map_err(|error| classify(&error))
}

fn describe(shaken: &Shaken) -> Session {
    let (_, connection) = shaken.get_ref();
    let version = match connection.protocol_version() {
        Some(rustls::ProtocolVersion::TLSv1_3) => "TLS 1.3",
        Some(rustls::ProtocolVersion::TLSv1_2) => "TLS 1.2",
        _ => "TLS",
    };
    let certificate = connection.peer_certificates().and_then(|chain| chain.first());
    let end = certificate.and_then(Facts::of).map_or_else(
        || "its certificate can't be read".to_owned(),
        |facts| facts.end_in_words(UnixTime::now()),
    );
    Session { version, end }
}

impl fmt::Debug for Reach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reach")
            .field("origin", &self.origin)
            .field("peer", &self.peer)
            .field("session", &self.session)
            .finish_non_exhaustive()
    }
}
