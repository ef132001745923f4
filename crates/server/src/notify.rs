//! Reports the service's state to systemd, as sd_notify(3) does.

use std::env;
use std::ffi::OsStr;
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};

/// Requests are answered now.
pub(crate) const READY: &str = "READY=1";
/// The service is stopping.
pub(crate) const STOPPING: &str = "STOPPING=1";

/// Reports `state`, if a service manager listens (`NOTIFY_SOCKET`). A failure is no reason to stop.
pub(crate) fn report(state: &str) {
    let Some(name) = env::var_os("NOTIFY_SOCKET").filter(|n| !n.is_empty()) else {
        return;
    };
    if let Err(error) = send(&name, state) {
        tracing::warn!(%error, "telling the service manager failed");
    }
}

fn send(name: &OsStr, state: &str) -> io::Result<()> {
    let address = match name.as_bytes().strip_prefix(b"@") {
        Some(abstract_name) => SocketAddr::from_abstract_name(abstract_name)?,
        None => SocketAddr::from_pathname(name)?,
    };
    UnixDatagram::unbound()?.send_to_addr(state.as_bytes(), &address)?;
    Ok(())
}
