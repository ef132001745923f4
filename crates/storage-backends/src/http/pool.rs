//! Connections that are kept for further requests, and what makes them.

use std::fmt;
use std::future::ready;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::Uri;
use hyper_rustls::{HttpsConnector, MaybeHttpsStream};
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use rustls::ClientConfig;
use tokio::net::TcpStream;
use tower_service::Service;

use crate::http::dial::Dialer;
use crate::http::limits::Limits;
use crate::http::reach::Origin;
use crate::net::Network;

/// How long an idle connection is kept.
const IDLE: Duration = Duration::from_secs(10);
/// The largest header of an answer that is read, in bytes.
const HEAD_BYTES: usize = 64 * 1024;

/// A connection.
pub(crate) type Stream = MaybeHttpsStream<TokioIo<TcpStream>>;
/// Sends requests over connections that it keeps. Clones share them.
pub(crate) type Pool = Client<Connector, Full<Bytes>>;
type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// A pool that begins with the connection in `first`, where there is one by then.
pub(crate) fn pool(network: &Network, tls: &Arc<ClientConfig>, limits: &Limits, first: First) -> Pool {
    let dialer = Dialer::new(limits, network);
    let connector = Connector {
        first,
        others: HttpsConnector::from((dialer, Arc::clone(tls))),
    };
    Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(IDLE)
        .pool_max_idle_per_host(limits.parallel)
        .http1_max_buf_size(HEAD_BYTES)
        .build(connector)
}

/// A connection that was made before its pool needed it.
#[derive(Clone, Default)]
pub(crate) struct First(Arc<Mutex<Option<(Origin, Stream)>>>);

impl First {
    /// Leaves a connection for the pool.
    pub(crate) fn put(&self, origin: Origin, stream: Stream) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((origin, stream));
    }

    fn take(&self, to: &Uri) -> Option<Stream> {
        let mut first = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        first
            .take_if(|(origin, _)| origin.is_of(to))
            .map(|(_, stream)| stream)
    }
}

impl fmt::Debug for First {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("First")
    }
}

/// Makes the connections of a pool.
#[derive(Clone)]
pub(crate) struct Connector {
    first: First,
    others: HttpsConnector<Dialer>,
}

impl Service<Uri> for Connector {
    type Response = Stream;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Stream, BoxError>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.others.poll_ready(cx)
    }

    fn call(&mut self, to: Uri) -> Self::Future {
        match self.first.take(&to) {
            Some(stream) => Box::pin(ready(Ok(stream))),
            None => self.others.call(to),
        }
    }
}
