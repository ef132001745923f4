//! The checks below HTTP: `resolve`, `connect` and `tls`.

use std::net::SocketAddr;
use std::sync::Arc;

use rustls::ClientConfig;
use rustls::pki_types::{IpAddr, ServerName, UnixTime};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use url::{Host, Url};

use crate::http::checks::{Checks, Stopped};
use crate::http::classify::classify;
use crate::http::dial;
use crate::http::failure::{Failure, TlsFailure};
use crate::http::limits::Limits;
use crate::http::tls::certificate::Facts;
use crate::http::tls::roots;

/// Looks the server up, connects and shakes hands; the connection is closed again. `setting` is
/// the field of the config that names the server.
pub(crate) async fn check(
    checks: &mut Checks,
    base: &Url,
    tls: &Arc<ClientConfig>,
    verified: bool,
    limits: &Limits,
    setting: &str,
) -> Result<(), Stopped> {
    let host = base.host().map(|host| host.to_owned());
    let host = host.ok_or_else(|| checks.failed("The URL has no host"))?;
    let port = base.port_or_known_default().unwrap_or(80);
    let addrs = dial::resolve(&host, port, limits.resolve).await;
    let addrs = addrs.map_err(|failure| checks.failed(&failure.told(setting)))?;
    checks.passed(resolved(&host, &addrs));
    let stream = dial::connect(&addrs, limits.connect).await;
    let stream = stream.map_err(|failure| checks.failed(&failure.told(setting)))?;
    checks.passed(match stream.peer_addr() {
        Ok(addr) => format!("Connected to {addr}"),
        Err(_) => "Connected".to_owned(),
    });
    if base.scheme() != "https" {
        checks.skipped(format!(
            "{setting} begins with http://, so that nothing is encrypted"
        ));
        return Ok(());
    }
    let session = handshake(stream, &host, tls, limits).await;
    let session = session.map_err(|failure| checks.failed(&failure.told(setting)))?;
    checks.passed(describe(&session, verified));
    Ok(())
}

/// Does what [`check`] does, and reports nothing.
pub(crate) async fn try_out(base: &Url, tls: &Arc<ClientConfig>, limits: &Limits) -> Result<(), Failure> {
    let host = base.host().map(|host| host.to_owned());
    let host = host.ok_or_else(|| Failure::BadUrl(base.to_string()))?;
    let port = base.port_or_known_default().unwrap_or(80);
    let addrs = dial::resolve(&host, port, limits.resolve).await?;
    let stream = dial::connect(&addrs, limits.connect).await?;
    if base.scheme() == "https" {
        handshake(stream, &host, tls, limits).await?;
    }
    Ok(())
}

fn resolved(host: &Host<String>, addrs: &[SocketAddr]) -> String {
    let list: Vec<String> = addrs.iter().map(|addr| addr.ip().to_string()).collect();
    match host {
        Host::Domain(name) => format!("{name} is {}", list.join(", ")),
        Host::Ipv4(_) | Host::Ipv6(_) => format!("{} is an address already", list.join(", ")),
    }
}

async fn handshake(
    stream: TcpStream,
    host: &Host<String>,
    tls: &Arc<ClientConfig>,
    limits: &Limits,
) -> Result<TlsStream<TcpStream>, Failure> {
    roots::preload().await;
    let name = match host {
        Host::Domain(name) => {
            ServerName::try_from(name.clone()).map_err(|_| Failure::BadUrl(name.clone()))?
        }
        Host::Ipv4(addr) => ServerName::IpAddress(IpAddr::from(*addr)),
        Host::Ipv6(addr) => ServerName::IpAddress(IpAddr::from(*addr)),
    };
    let shaken = timeout(
        limits.tls,
        TlsConnector::from(Arc::clone(tls)).connect(name, stream),
    )
    .await;
    shaken
        .map_err(|_| Failure::Tls(TlsFailure::Timeout(limits.tls)))?
        .map_err(|error| classify(&error))
}

fn describe(session: &TlsStream<TcpStream>, verified: bool) -> String {
    let (_, connection) = session.get_ref();
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
    if verified {
        format!("The server speaks {version}; {end}")
    } else {
        format!("The server speaks {version}; WHO IT IS WAS NOT VERIFIED, because tls_verify is false; {end}")
    }
}
