//! Ports for the servers that tests start.

use std::net::TcpListener;
use std::sync::atomic::{AtomicU16, Ordering};

/// Returns a port of the loopback that nothing listens on, a different one each time.
///
/// It lies below the ports that the kernel hands out by itself (`ip_local_port_range`): between this call and the
/// server's start no connection and no other test is given it.
pub(crate) fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    // Binaries that run at the same time begin at different places.
    let first = std::process::id() % 1000 * 10;
    loop {
        let offset = u32::from(NEXT.fetch_add(1, Ordering::Relaxed));
        let port = u16::try_from(20_000 + (first + offset) % 10_000).unwrap();
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}
