//! The checks below HTTP: `resolve`, `connect` and `tls`.

use std::fmt;

use hyper::StatusCode;
use storage_domain::HostAddr;
use url::Url;

use crate::net::Permitted;
use crate::probe::{Checks, Stopped};
use crate::web::connection::Connection;
use crate::web::connector::{Connector, Session};
use crate::web::error::Error;
use crate::web::origin::Origin;

/// Looks the server up, connects, and makes the handshake; the connection is for the probe's requests.
///
/// `field` is the field of the config that names the server. The check that fails is left to the caller.
///
/// # Errors
/// [`Error::Connect`] and [`Error::Tls`].
pub(crate) async fn check(
    checks: &mut Checks,
    connector: &Connector,
    to: &Origin,
    verified: bool,
    field: &'static str,
) -> Result<Connection, Error> {
    let addrs = connector.resolve(to).await?;
    checks.passed(resolved(&to.host, &addrs));
    let stream = connector.connect(&addrs).await?;
    checks.passed(match stream.peer_addr() {
        Ok(addr) => format!("Connected to {addr}"),
        Err(_) => "Connected".to_owned(),
    });
    let (connection, session) = connector.open(to, stream).await?;
    match session {
        Some(session) => checks.passed(Shown { session, verified }.to_string()),
        None => checks.skipped(format!(
            "{field} begins with http://, so that nothing is encrypted"
        )),
    }
    Ok(connection)
}

/// Returns whether an answer may be that of a port that expects TLS to a request without: 400 of most servers, 426
/// (RFC 9110, section 15.5.22), and nginx's own 497.
pub(crate) fn may_want_tls(url: &Url, status: StatusCode) -> bool {
    url.scheme() == "http" && matches!(status.as_u16(), 400 | 426 | 497)
}

/// Ends the check with an error's sentence.
pub(crate) fn failed(checks: &mut Checks, error: &Error, field: &'static str) -> Stopped {
    checks.failed(&error.sentence(field).to_string())
}

fn resolved(host: &HostAddr, addrs: &[Permitted]) -> String {
    let list: Vec<String> = addrs.iter().map(ToString::to_string).collect();
    match host {
        HostAddr::Name(name) => format!("{name} is {}", list.join(", ")),
        HostAddr::V4(_) | HostAddr::V6(..) => format!("{} is an address already", list.join(", ")),
    }
}

struct Shown {
    session: Session,
    verified: bool,
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "The server speaks {}; ", self.session.version)?;
        if !self.verified {
            f.write_str("WHO IT IS WAS NOT VERIFIED, because tls_verify is false; ")?;
        }
        self.session.fmt(f)
    }
}
