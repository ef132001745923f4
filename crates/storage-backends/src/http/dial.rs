//! Name look-up and TCP connections, each under its deadline.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::Uri;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpStream, lookup_host};
use tokio::time::{Instant, timeout};
use tower_service::Service;
use url::Host;

use crate::egress::{Egress, Permitted};
use crate::http::failure::{Endpoint, Failure};
use crate::http::limits::Limits;
use crate::http::network::Network;

/// The addresses of a host that may be connected to, in the order in which the system prefers them.
///
/// # Errors
/// [`Failure::NameUnknown`], [`Failure::NameTimeout`] and [`Failure::Denied`].
/// # Cancel safety
/// The look-up runs on a thread of the runtime's pool, which the C library's own time limit frees.
pub(crate) async fn resolve(
    host: &Host<String>,
    port: u16,
    limit: Duration,
    egress: &Egress,
) -> Result<Vec<Permitted>, Failure> {
    let found = look_up(host, port, limit).await?;
    Ok(egress.permit(&host.to_string(), found)?)
}

async fn look_up(host: &Host<String>, port: u16, limit: Duration) -> Result<Vec<SocketAddr>, Failure> {
    let name = match host {
        Host::Ipv4(addr) => return Ok(vec![SocketAddr::from((*addr, port))]),
        Host::Ipv6(addr) => return Ok(vec![SocketAddr::from((*addr, port))]),
        Host::Domain(name) => name.clone(),
    };
    let look_up = async { lookup_host((name.as_str(), port)).await.map(Vec::from_iter) };
    match timeout(limit, look_up).await {
        Err(_) => Err(Failure::NameTimeout { host: name, limit }),
        Ok(Ok(addrs)) if !addrs.is_empty() => Ok(addrs),
        Ok(_) => Err(Failure::NameUnknown { host: name }),
    }
}

/// Connects to the first of `addrs` that answers; a silent one leaves its share of `limit` to those after it.
pub(crate) async fn connect(addrs: &[Permitted], limit: Duration) -> Result<TcpStream, Failure> {
    let deadline = Instant::now() + limit;
    let mut first = None;
    for (tried, addr) in addrs.iter().map(|permitted| permitted.addr()).enumerate() {
        let left = u32::try_from(addrs.len() - tried).unwrap_or(u32::MAX);
        let share = deadline.saturating_duration_since(Instant::now()) / left;
        match timeout(share, TcpStream::connect(addr)).await {
            Ok(Ok(stream)) => {
                // Requests are small and answers are waited for: coalescing only adds delay.
                let _ = stream.set_nodelay(true);
                return Ok(stream);
            }
            Ok(Err(error)) => first = first.or_else(|| Some(refusal(addr, &error))),
            Err(_) => {}
        }
    }
    Err(first.unwrap_or_else(|| Failure::ConnectTimeout(Endpoint::all(addrs), limit)))
}

fn refusal(addr: SocketAddr, error: &io::Error) -> Failure {
    let at = Endpoint::of(addr);
    match error.kind() {
        io::ErrorKind::ConnectionRefused => Failure::Refused(at),
        io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => Failure::Unreachable(at),
        io::ErrorKind::ConnectionReset => Failure::Reset,
        _ => Failure::Connect(at, error.to_string()),
    }
}

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
        let host = Host::parse(uri.host().ok_or_else(bad)?).map_err(|_| bad())?;
        let default = if uri.scheme_str() == Some("https") {
            443
        } else {
            80
        };
        let port = uri.port_u16().unwrap_or(default);
        let addrs = self.network.resolve(&host, port, self.resolve).await?;
        connect(&addrs, self.connect).await.map(TokioIo::new)
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
