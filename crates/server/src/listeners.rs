//! The sockets that the service listens on.

mod unix;

use std::net::TcpListener;
use std::os::unix::net::UnixListener;

use anyhow::Context;

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

/// Listens at every place; sockets in the file system have the permissions `mode`.
///
/// # Errors
/// The first place where that fails, and what to do.
pub(crate) fn bind(places: &[Listen], mode: u32) -> anyhow::Result<Listeners> {
    let mut bound = Listeners {
        places: Vec::new(),
        sockets: Vec::new(),
        files: Vec::new(),
    };
    for place in places {
        let failed = || {
            format!(
                "listening on {place} failed; is another service there? Set another address with --listen"
            )
        };
        match place {
            Listen::Tcp(address) => {
                let listener = TcpListener::bind(address).with_context(failed)?;
                let address = listener.local_addr();
                let address = address.context("asking for the listening address failed")?;
                bound.places.push(Listen::Tcp(address));
                bound.sockets.push(Listener::Tcp(listener));
            }
            Listen::Unix(path) => {
                let (listener, file) = unix::bind(path, mode).with_context(failed)?;
                bound.places.push(place.clone());
                bound.sockets.push(Listener::Unix(listener));
                bound.files.push(file);
            }
        }
    }
    Ok(bound)
}
