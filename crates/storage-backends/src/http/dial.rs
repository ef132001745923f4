//! Makes the TCP connections of the pooled client.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::Uri;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tower_service::Service;
use url::Url;

use crate::http::failure::Failure;
use crate::http::limits::Limits;
use crate::net::{Network, connect, host_of};

/// Makes the TCP connections of the pooled client.
#[derive(Debug, Clone)]
pub(crate) struct Dialer {
    resolve: Duration,
    connect: Duration,
    network: Network,
}

impl Dialer {
    pub(crate) fn new(limits: &Limits, network: &Network) -> Self {
        Self {
            resolve: limits.resolve,
            connect: limits.connect,
            network: network.clone(),
        }
    }

    async fn dial(self, uri: Uri) -> Result<TokioIo<TcpStream>, Failure> {
        let bad = || Failure::BadUrl(uri.path().to_owned());
        let url = Url::parse(&uri.to_string()).map_err(|_| bad())?;
        let host = host_of(&url).ok_or_else(bad)?;
        let port = url.port_or_known_default().unwrap_or(80);
        let addrs = self.network.resolve(&host, port, self.resolve).await?;
        Ok(TokioIo::new(connect(&addrs, self.connect).await?))
    }
}

impl Service<Uri> for Dialer {
    type Response = TokioIo<TcpStream>;
    type Error = Failure;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Failure>> + Send>>;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        Box::pin(self.clone().dial(uri))
    }
}
