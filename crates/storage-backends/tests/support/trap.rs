//! An address of this host that nothing may connect to.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};

use storage_backends::Egress;
use storage_backends::net::Network;

/// Another address of the loopback than that of the tests' servers.
pub(crate) const FORBIDDEN: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

/// Where everything but [`FORBIDDEN`] may be connected to.
pub(crate) fn egress() -> Egress {
    Egress::new([], [storage_domain::net::Network::one(IpAddr::V4(FORBIDDEN))])
}

/// A network that is guarded so.
pub(crate) fn network() -> Network {
    Network::default().guarded(egress())
}

/// Listens at [`FORBIDDEN`], and never answers.
pub(crate) struct Trap {
    listener: TcpListener,
    pub(crate) at: SocketAddr,
}

impl Trap {
    pub(crate) fn set() -> Self {
        let listener = TcpListener::bind((FORBIDDEN, 0)).unwrap();
        listener.set_nonblocking(true).unwrap();
        let at = listener.local_addr().unwrap();
        Self { listener, at }
    }

    /// Whether anybody connected since the last call: the kernel completes connections by itself.
    pub(crate) fn sprang(&self) -> bool {
        self.listener.accept().is_ok()
    }
}

/// The trap works, or no test that relies on it shows anything.
#[test]
fn a_trap_springs() {
    let trap = Trap::set();
    assert!(!trap.sprang());
    drop(std::net::TcpStream::connect(trap.at).unwrap());
    assert!(trap.sprang());
}
