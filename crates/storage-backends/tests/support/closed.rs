//! A port where nothing listens, and nobody else will.

use tokio::net::TcpSocket;

/// A port that refuses connections for as long as this is there: it is taken and not listened on. One that was let go
/// again may be the next that another test is given.
#[derive(Debug)]
pub(crate) struct ClosedPort {
    pub(crate) number: u16,
    _taken: TcpSocket,
}

impl ClosedPort {
    pub(crate) fn take() -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(([127, 0, 0, 1], 0).into()).unwrap();
        let number = socket.local_addr().unwrap().port();
        Self {
            number,
            _taken: socket,
        }
    }
}
