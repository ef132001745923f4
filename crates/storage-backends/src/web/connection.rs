//! One connection to a server, which speaks HTTP/1.1.

use std::fmt;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::{Body as _, Incoming};
use hyper::client::conn::http1::{Builder, SendRequest};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;
use tokio_util::task::AbortOnDropHandle;

use crate::web::classify::classify;
use crate::web::error::Error;
use crate::web::http10::Http11;
use crate::web::limits::Limits;
use crate::web::origin::Origin;
use crate::web::piece_size::PieceSize;

/// The slowest that a body is sent, in bytes a second: one that takes longer ends its request.
const SLOWEST: u64 = 64 * 1024;

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
    pub(super) async fn start<S>(
        to: &Origin,
        peer: Option<SocketAddr>,
        stream: S,
        piece: PieceSize,
    ) -> Result<Self, Error>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let mut http = Builder::new();
        http.max_buf_size(piece.largest());
        // As browsers and curl do: one bad line is left out, and the others say what there is to know.
        http.allow_spaces_after_header_name_in_responses(true)
            .allow_obsolete_multiline_headers_in_responses(true)
            .ignore_invalid_headers_in_responses(true);
        let (sender, driver) = http
            .handshake(TokioIo::new(Http11::new(stream, piece)))
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
        let body = request.body().size_hint().exact().unwrap_or_default();
        let limit = limits.header + Duration::from_secs(body / SLOWEST);
        timeout(limit, self.sender.send_request(request))
            .await
            .map_err(|_| Error::HeaderTimeout(limit))?
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

    pub(super) fn close(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    pub(super) fn take(&self, to: &Origin) -> Option<Connection> {
        let mut idle = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let at = idle.iter().rposition(|connection| connection.origin == *to)?;
        Some(idle.swap_remove(at))
    }
}
