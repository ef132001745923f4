//! Makes connections: look-up, TCP and TLS.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;
use rustls::pki_types::{IpAddr, ServerName, UnixTime};
use storage_domain::HostAddr;
use storage_domain::http::CaBundle;
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use url::Url;

use crate::context::OpContext;
use crate::net::tls::certificate::Facts;
use crate::net::tls::{self, roots};
use crate::net::{Network, Permitted, connect};
use crate::scan::TimeSlices;
use crate::web::classify::classify;
use crate::web::connection::Connection;
use crate::web::error::{Error, Tls};
use crate::web::limits::Limits;
use crate::web::origin::Origin;
use crate::web::piece_size::PieceSize;

/// The buffer of a connection, in bytes: the largest header of an answer that is read.
const HEAD_BYTES: usize = 64 * 1024;

/// How long a server may work on one request.
const LONG_WORK: Duration = Duration::from_mins(10);

/// What a handshake showed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Session {
    /// The protocol's version, for people.
    pub(crate) version: &'static str,
    /// The certificate's dates, if it can be read.
    pub(crate) certificate: Option<Facts>,
}

impl Session {
    fn of(stream: &TlsStream<TcpStream>) -> Self {
        let (_, connection) = stream.get_ref();
        let version = match connection.protocol_version() {
            Some(rustls::ProtocolVersion::TLSv1_3) => "TLS 1.3",
            Some(rustls::ProtocolVersion::TLSv1_2) => "TLS 1.2",
            _ => "TLS",
        };
        let certificate = connection.peer_certificates().and_then(|chain| chain.first());
        Self {
            version,
            certificate: certificate.and_then(Facts::of),
        }
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

/// Makes connections, each step under its limit.
#[derive(Clone)]
pub(crate) struct Connector {
    network: Network,
    tls: Arc<ClientConfig>,
    /// The limits of every step.
    pub(crate) limits: Limits,
    /// Whether its connections are for files, of which many may be open for a long time.
    streams: bool,
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
        Ok(Self {
            network,
            tls,
            limits,
            streams: false,
        })
    }

    /// The same for files, whose pieces suit the reader: of connections for them there are many for a long time.
    pub(crate) fn for_streams(&self) -> Self {
        Self {
            streams: true,
            ..self.clone()
        }
    }

    /// The same for requests that a server may work on for minutes before it answers, or while it does.
    pub(crate) fn for_long_work(&self) -> Self {
        let limits = Limits {
            header: LONG_WORK,
            pause: LONG_WORK,
            page: LONG_WORK,
            ..self.limits.clone()
        };
        Self {
            limits,
            ..self.clone()
        }
    }

    /// Returns the permits for the memory of uploads, which all backends share.
    pub(crate) fn upload_memory(&self) -> Arc<Semaphore> {
        self.network.upload_memory()
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
            return Ok((
                Connection::start(to, peer, stream, self.piece_size()).await?,
                None,
            ));
        }
        let stream = self.handshake(&to.host, stream).await?;
        let session = Session::of(&stream);
        let connection = Connection::start(to, peer, stream, self.piece_size()).await?;
        Ok((connection, Some(session)))
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

    fn piece_size(&self) -> PieceSize {
        if self.streams {
            PieceSize::adaptive(self.network.large_pieces())
        } else {
            PieceSize::fixed(HEAD_BYTES)
        }
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
