//! Finding the mount daemon as showmount does, to see who does not answer.
//!
//! showmount reports the failure of its last attempt, which is one over UDP, with the same words for rpcbind and for the
//! mount daemon. So one call to rpcbind (RFC 1833) and one connection show which of the two can't be reached.

use std::io;
use std::net::IpAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::net::{ConnectError, Permitted, connect};
use crate::nfs::CONNECT_DEADLINE;

/// Program number of rpcbind (RFC 1833, section 2).
const RPCBIND: u32 = 100_000;
/// Program number of the mount daemon, and the version that NFS version 3 uses (RFC 1813, appendix I).
const MOUNT: [u32; 2] = [100_005, 3];
/// `PMAPPROC_GETPORT` of version 2 of the protocol, and `RPCBPROC_GETADDR` of version 3.
const GET: u32 = 3;
/// Number of TCP as a protocol of IP.
const TCP: u32 = 6;
/// Transaction id of the call; a connection has one call.
const XID: u32 = 1;
/// The flag of a record's last fragment (RFC 5531, section 11).
const LAST_FRAGMENT: u32 = 1 << 31;
/// Limit of an answer, in bytes; one with an address takes about 60.
const MAX_ANSWER_BYTES: u32 = 1024;

/// What answers on the way to the export list.
#[derive(Debug)]
pub(super) enum Reached {
    /// rpcbind accepts connections and does not answer.
    Nothing,
    /// rpcbind answers, and names no TCP port of a mount daemon.
    Rpcbind,
    /// rpcbind names a port of the mount daemon, which can't be connected to.
    NotMountd { port: u16, error: ConnectError },
    /// The mount daemon accepts connections.
    Mountd,
}

/// Asks the rpcbind at the other end for the mount daemon of the server at `addr`, and connects to that.
///
/// Takes twice [`CONNECT_DEADLINE`] at most.
pub(super) async fn find_mountd(rpcbind: TcpStream, addr: &Permitted) -> Reached {
    let port = match tokio::time::timeout(CONNECT_DEADLINE, ask(rpcbind, addr.ip())).await {
        Ok(Ok(Some(port))) => port,
        Ok(Ok(None)) => return Reached::Rpcbind,
        Ok(Err(_)) | Err(_) => return Reached::Nothing,
    };
    match connect(&[addr.with_port(port)], CONNECT_DEADLINE).await {
        Ok(_) => Reached::Mountd,
        Err(error) => Reached::NotMountd { port, error },
    }
}

async fn ask(mut stream: TcpStream, server: IpAddr) -> io::Result<Option<u16>> {
    stream.write_all(&call(server)).await?;
    let length = stream.read_u32().await? & !LAST_FRAGMENT;
    if length > MAX_ANSWER_BYTES {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let mut answer = vec![0; length as usize];
    stream.read_exact(&mut answer).await?;
    Ok(port(&answer, server))
}

/// Encodes the call: version 2 of the protocol knows IPv4 alone, and version 3 is not known everywhere.
fn call(server: IpAddr) -> Vec<u8> {
    let version = if server.is_ipv4() { 2 } else { 3 };
    let header = [XID, 0, 2, RPCBIND, version, GET, 0, 0, 0, 0];
    let mut words: Vec<u32> = header.into_iter().chain(MOUNT).collect();
    if server.is_ipv4() {
        words.extend([TCP, 0]);
    } else {
        // The network id, and an empty address and owner.
        words.extend([4, u32::from_be_bytes(*b"tcp6"), 0, 0]);
    }
    let length = u32::try_from(words.len() * 4).unwrap_or_default();
    let words = std::iter::once(length | LAST_FRAGMENT).chain(words);
    words.flat_map(u32::to_be_bytes).collect()
}

/// Reads the port from an answer; `None` if it has none, for whatever reason.
fn port(answer: &[u8], server: IpAddr) -> Option<u16> {
    let word = |at: usize| {
        let bytes = answer.get(at..at.checked_add(4)?)?;
        Some(u32::from_be_bytes(bytes.try_into().ok()?))
    };
    // The id, a reply, accepted, and a verifier with as many bytes as it says.
    let is_accepted = word(0)? == XID && word(4)? == 1 && word(8)? == 0;
    let status = 20_usize.checked_add(word(16)? as usize)?.next_multiple_of(4);
    if !is_accepted || word(status)? != 0 {
        return None;
    }
    let result = word(status + 4)?;
    let port = match server {
        IpAddr::V4(_) => u16::try_from(result).ok()?,
        IpAddr::V6(_) => {
            let address = answer.get(status + 8..)?.get(..result as usize)?;
            port_of(std::str::from_utf8(address).ok()?)?
        }
    };
    (port != 0).then_some(port)
}

/// Reads the port of a universal address, whose last two numbers it is (RFC 5665, section 5.2.3.3).
fn port_of(address: &str) -> Option<u16> {
    let mut numbers = address.rsplit('.').map(str::parse::<u8>);
    let (low, high) = (numbers.next()?.ok()?, numbers.next()?.ok()?);
    Some(u16::from_be_bytes([high, low]))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const V4: &str = "10.0.0.5";
    const V6: &str = "fd00::5";

    fn answer(words: &[u32], tail: &[u8]) -> Vec<u8> {
        let words = words.iter().flat_map(|word| word.to_be_bytes());
        words.chain(tail.iter().copied()).collect()
    }

    #[rstest]
    #[case::port(V4, &[XID, 1, 0, 0, 0, 0, 20048], b"", Some(20048))]
    #[case::not_registered(V4, &[XID, 1, 0, 0, 0, 0, 0], b"", None)]
    #[case::with_verifier(V4, &[XID, 1, 0, 1, 4, 9, 0, 20048], b"", Some(20048))]
    #[case::other_id(V4, &[XID + 1, 1, 0, 0, 0, 0, 20048], b"", None)]
    #[case::denied(V4, &[XID, 1, 1, 0, 0, 0, 20048], b"", None)]
    #[case::no_such_version(V4, &[XID, 1, 0, 0, 0, 2, 3, 4], b"", None)]
    #[case::no_port(V4, &[XID, 1, 0, 0, 0, 0, 99_999], b"", None)]
    #[case::address(V6, &[XID, 1, 0, 0, 0, 0, 8], b"::.78.80", Some(20048))]
    #[case::no_address(V6, &[XID, 1, 0, 0, 0, 0, 0], b"", None)]
    #[case::not_an_address(V6, &[XID, 1, 0, 0, 0, 0, 4], b"nas.", None)]
    #[case::cut(V6, &[XID, 1, 0, 0, 0, 0, 8], b"::.78", None)]
    #[case::long_verifier(V4, &[XID, 1, 0, 1, u32::MAX, 0, 20048], b"", None)]
    #[case::short(V4, &[XID, 1, 0], b"", None)]
    fn a_port_is_read_from_an_answer(
        #[case] server: &str,
        #[case] words: &[u32],
        #[case] tail: &[u8],
        #[case] expected: Option<u16>,
    ) {
        assert_eq!(port(&answer(words, tail), server.parse().unwrap()), expected);
    }

    #[test]
    fn a_call_has_its_length() {
        for server in [V4, V6] {
            let call = call(server.parse().unwrap());
            let length = u32::from_be_bytes(call[..4].try_into().unwrap()) & !LAST_FRAGMENT;
            assert_eq!(length as usize, call.len() - 4, "{server}");
        }
    }
}
