//! The checks below HTTP: `resolve`, `connect` and `tls`.

use url::Host;

use crate::egress::Permitted;
use crate::http::checks::{Checks, Stopped};
use crate::http::reach::{Reach, Session};

/// Looks the server up, connects and shakes hands; the connection waits for the requests. `setting` is the field of
/// the config that names the server.
pub(crate) async fn check(
    checks: &mut Checks,
    reach: &Reach,
    verified: bool,
    setting: &str,
) -> Result<(), Stopped> {
    let addrs = reach.resolved().await;
    let addrs = addrs.map_err(|failure| checks.failed(&failure.told(setting)))?;
    checks.passed(resolved(reach.host(), addrs));
    let peer = reach.connected().await;
    let peer = peer.map_err(|failure| checks.failed(&failure.told(setting)))?;
    checks.passed(match peer {
        Some(addr) => format!("Connected to {addr}"),
        None => "Connected".to_owned(),
    });
    let session = reach.secured().await;
    match session.map_err(|failure| checks.failed(&failure.told(setting)))? {
        Some(session) => checks.passed(describe(session, verified)),
        None => checks.skipped(format!(
            "{setting} begins with http://, so that nothing is encrypted"
        )),
    }
    Ok(())
}

fn resolved(host: &Host<String>, addrs: &[Permitted]) -> String {
    let list: Vec<String> = addrs
        .iter()
        .map(|permitted| permitted.addr().ip().to_string())
        .collect();
    match host {
        Host::Domain(name) => format!("{name} is {}", list.join(", ")),
        Host::Ipv4(_) | Host::Ipv6(_) => format!("{} is an address already", list.join(", ")),
    }
}

fn describe(session: &Session, verified: bool) -> String {
    let Session { version, end } = session;
    if verified {
        format!("The server speaks {version}; {end}")
    } else {
        format!("The server speaks {version}; WHO IT IS WAS NOT VERIFIED, because tls_verify is false; {end}")
    }
}
