//! The checks below HTTP: `resolve`, `connect` and `tls`.

use storage_domain::HostAddr;

use crate::http::checks::{Checks, Stopped};
use crate::http::reach::{Reach, Session};
use crate::net::Permitted;

/// Looks the server up, connects and shakes hands; the connection waits for the requests. `setting` is the field of
/// the config that names the server.
pub(crate) async fn check(
    checks: &mut Checks,
    reach: &Reach,
    verified: bool,
    setting: &'static str,
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

fn resolved(host: &HostAddr, addrs: &[Permitted]) -> String {
    let list: Vec<String> = addrs.iter().map(ToString::to_string).collect();
    match host {
        HostAddr::Name(name) => format!("{name} is {}", list.join(", ")),
        HostAddr::V4(_) | HostAddr::V6(..) => format!("{} is an address already", list.join(", ")),
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
