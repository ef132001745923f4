//! The sockets that the service listens on.

mod unix;

use std::io::{self, ErrorKind};
use std::net::TcpListener;
use std::os::unix::net::UnixListener;
use std::time::Duration;

use anyhow::Context;
use nix::sys::socket::setsockopt;
use nix::sys::socket::sockopt::{SndBuf, TcpNoDelay, TcpUserTimeout};

use crate::settings::listen::Listen;
pub(crate) use unix::SocketFile;

/// A socket that clients can connect to already.
#[derive(Debug)]
pub(crate) enum Listener {
    /// At an address.
    Tcp(TcpListener),
    /// In the file system.
    Unix(UnixListener),
}

/// Every socket of the service.
#[derive(Debug)]
pub(crate) struct Listeners {
    /// Where they are, with the ports that were taken.
    pub(crate) places: Vec<Listen>,
    /// The sockets themselves.
    pub(crate) sockets: Vec<Listener>,
    /// Removes the sockets' files when the service ends.
    pub(crate) files: Vec<SocketFile>,
}

/// How long a client may take nothing of an answer that is sent to it, before its connection is given up.
const SEND_TIMEOUT: Duration = Duration::from_secs(30);

/// The bytes of answers that the kernel keeps for a client that does not take them; it reserves twice as many. Without
/// this bound it takes up to 4 MiB a connection (tcp(7), `tcp_wmem`).
const SEND_BUFFER: usize = 128 * 1024;

/// Bounds what a client that does not take its answers costs: its time and the kernel's memory.
///
/// Sends the end of an answer at once too: answers go out in pieces, and the last would wait 40 ms for the client's
/// acknowledgement. Connections inherit all of it from the socket that accepts them (tcp(7), `TCP_USER_TIMEOUT` and
/// `TCP_NODELAY`; socket(7), `SO_SNDBUF`).
fn bound_sending(listener: &TcpListener) -> io::Result<()> {
    setsockopt(listener, TcpNoDelay, &true)?;
    let millis = u32::try_from(SEND_TIMEOUT.as_millis()).unwrap_or(u32::MAX);
    setsockopt(listener, TcpUserTimeout, &millis)?;
    Ok(setsockopt(listener, SndBuf, &SEND_BUFFER)?)
}

/// Listens at every place of a setting; sockets in the file system have the permissions `mode`.
///
/// # Errors
/// The first place where that fails, and what to do.
pub(crate) fn bind(flag: &str, places: &[Listen], mode: u32) -> anyhow::Result<Listeners> {
    let mut bound = Listeners {
        places: Vec::new(),
        sockets: Vec::new(),
        files: Vec::new(),
    };
    for place in places {
        let failed = |error: io::Error| {
            let remedy = remedy(flag, place, &error);
            anyhow::Error::new(error).context(format!("listening on {place} failed. {remedy}"))
        };
        match place {
            Listen::Tcp(address) => {
                let listener = TcpListener::bind(address).map_err(failed)?;
                bound_sending(&listener).map_err(failed)?;
                let address = listener.local_addr();
                let address = address.context("asking for the listening address failed")?;
                bound.places.push(Listen::Tcp(address));
                bound.sockets.push(Listener::Tcp(listener));
            }
            Listen::Unix(path) => {
                let (listener, file) = unix::bind(path, mode).map_err(failed)?;
                bound.places.push(place.clone());
                bound.sockets.push(Listener::Unix(listener));
                bound.files.push(file);
            }
        }
    }
    Ok(bound)
}

/// Returns what to do where listening failed.
fn remedy(flag: &str, place: &Listen, error: &io::Error) -> String {
    match (place, error.kind()) {
        (Listen::Unix(path), ErrorKind::NotFound) => {
            let directory = path.parent().unwrap_or(path).display();
            format!("Make the directory {directory}, which this user has to be able to write to")
        }
        (Listen::Unix(path), ErrorKind::PermissionDenied) => {
            let directory = path.parent().unwrap_or(path).display();
            format!("Let this user write to {directory}, or set another path with --{flag}")
        }
        (Listen::Unix(path), ErrorKind::AlreadyExists) => {
            format!("Remove {}, or set another path with --{flag}", path.display())
        }
        (Listen::Tcp(_), ErrorKind::AddrNotAvailable) => {
            format!("No network interface has this address. Set another one with --{flag}")
        }
        (Listen::Tcp(_), ErrorKind::PermissionDenied) => {
            format!("Ports below 1024 need CAP_NET_BIND_SERVICE. Set another one with --{flag}")
        }
        _ => format!("Is another service there? Set another address with --{flag}"),
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpStream;

    use nix::sys::socket::getsockopt;

    use super::*;

    #[test]
    fn connections_inherit_the_bounds_of_sending() {
        let place = Listen::parse("127.0.0.1:0").expect("a place");
        let bound = bind("listen", &[place], 0o600).expect("the loopback has a free port");
        let (Listener::Tcp(listener), Listen::Tcp(address)) = (&bound.sockets[0], &bound.places[0]) else {
            panic!("a TCP socket was asked for")
        };
        let _client = TcpStream::connect(address).expect("it accepts");
        let (connection, _) = listener.accept().expect("it accepts");
        let millis = getsockopt(&connection, TcpUserTimeout).expect("it can be asked");
        assert_eq!(u128::from(millis), SEND_TIMEOUT.as_millis());
        assert!(getsockopt(&connection, TcpNoDelay).expect("it can be asked"));
        let reserved = getsockopt(&connection, SndBuf).expect("it can be asked");
        assert_eq!(reserved, 2 * SEND_BUFFER);
    }
}
