//! Makes TCP connections.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

use crate::net::egress::Permitted;
use crate::net::error::ConnectError;

/// Connects to the first address that answers.
///
/// `limit` is for all addresses together; each has an equal share of what is left of it.
///
/// # Errors
/// [`ConnectError`]: the first refusal, or `Timeout` if no address answered.
/// # Cancel safety
/// Dropping the future closes the socket.
pub async fn connect(addrs: &[Permitted], limit: Duration) -> Result<TcpStream, ConnectError> {
    let deadline = Instant::now() + limit;
    let mut first = None;
    for (tried, addr) in addrs.iter().map(Permitted::addr).enumerate() {
        let left = u32::try_from(addrs.len() - tried).unwrap_or(u32::MAX);
        let share = deadline.saturating_duration_since(Instant::now()) / left;
        match timeout(share, TcpStream::connect(addr)).await {
            Ok(Ok(stream)) => {
                // Requests are small and answers are waited for: coalescing only adds delay.
                let _ = stream.set_nodelay(true);
                return Ok(stream);
            }
            Ok(Err(error)) if error.kind() == io::ErrorKind::TimedOut => {}
            Ok(Err(error)) => first = first.or_else(|| Some(refusal(addr, error))),
            Err(_) => {}
        }
    }
    let at = || addrs.iter().map(Permitted::addr).collect();
    Err(first.unwrap_or_else(|| ConnectError::Timeout { at: at(), limit }))
}

fn refusal(at: SocketAddr, source: io::Error) -> ConnectError {
    match source.kind() {
        io::ErrorKind::ConnectionRefused => ConnectError::Refused { at },
        io::ErrorKind::HostUnreachable
        | io::ErrorKind::NetworkUnreachable
        | io::ErrorKind::NetworkDown
        | io::ErrorKind::InvalidInput => ConnectError::Unreachable { at, source },
        _ => ConnectError::Failed { at, source },
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, TcpListener};

    use super::*;
    use crate::net::Egress;

    const LIMIT: Duration = Duration::from_secs(3);

    fn permitted(addr: SocketAddr) -> Vec<Permitted> {
        Egress::default().permit(None, vec![addr], None).unwrap()
    }

    #[tokio::test]
    async fn an_open_port_answers() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let open = permitted(listener.local_addr().unwrap());
        assert!(connect(&open, LIMIT).await.is_ok());
        // Taken and not listened on: no other program is given it.
        let taken = tokio::net::TcpSocket::new_v4().unwrap();
        taken.bind((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
        let closed = permitted(taken.local_addr().unwrap());
        let error = connect(&closed, LIMIT).await.unwrap_err();
        assert!(matches!(error, ConnectError::Refused { .. }), "{error:?}");
        let both = [closed, open].concat();
        assert!(connect(&both, LIMIT).await.is_ok());
    }

    /// A listener whose queue is full answers no more connections, as a silent host does.
    #[tokio::test]
    async fn a_silent_port_is_given_up() {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
        let listener = socket.listen(0).unwrap();
        let full = permitted(listener.local_addr().unwrap());
        // Connections that are not accepted stay in the queue, even if they are closed.
        for _ in 0..100 {
            if let Err(error) = connect(&full, Duration::from_millis(500)).await {
                assert!(matches!(error, ConnectError::Timeout { .. }), "{error:?}");
                return;
            }
        }
        panic!("the queue never fills");
    }
}
