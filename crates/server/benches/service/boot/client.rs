//! A client that costs next to nothing: the machines that boot are others than the server.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::time::Duration;

use nix::sys::socket::sockopt::RcvBuf;
use nix::sys::socket::{AddressFamily, MsgFlags, SockFlag, SockType, SockaddrIn};
use nix::sys::socket::{bind, connect, recv, setsockopt, socket};

/// How long a server may send nothing.
const PATIENCE: Duration = Duration::from_secs(30);
/// The longest head.
const HEAD_BYTES: usize = 1024;
/// How much is taken at once.
const PIECE_BYTES: usize = 1 << 20;

/// A connection that is kept, and the request that is sent on it.
pub(super) struct Client {
    stream: TcpStream,
    request: String,
    piece: Vec<u8>,
}

impl Client {
    /// One that takes what comes.
    pub(super) fn fast(server: SocketAddr, path: &str) -> Self {
        Self::open(server, path, |_| ())
    }

    /// One that has little room for an answer, at 127.0.0.`source`.
    pub(super) fn slow(server: SocketAddr, path: &str, source: u8) -> Self {
        Self::open(server, path, |socket| {
            setsockopt(socket, RcvBuf, &4096).expect("it can be set");
            let source = SockaddrIn::new(127, 0, 0, source, 0);
            bind(socket.as_raw_fd(), &source).expect("the loopback has this address");
        })
    }

    fn open(server: SocketAddr, path: &str, prepare: impl FnOnce(&OwnedFd)) -> Self {
        let SocketAddr::V4(server) = server else {
            panic!("{server} is not an address of IPv4");
        };
        let socket = socket(
            AddressFamily::Inet,
            SockType::Stream,
            SockFlag::SOCK_CLOEXEC,
            None,
        );
        let socket = socket.expect("a socket can be made");
        prepare(&socket);
        connect(socket.as_raw_fd(), &SockaddrIn::from(server)).expect("the server accepts");
        let stream = TcpStream::from(socket);
        stream.set_read_timeout(Some(PATIENCE)).expect("it can be set");
        Self {
            stream,
            request: format!("GET {path} HTTP/1.1\r\nHost: {server}\r\n\r\n"),
            piece: Vec::new(),
        }
    }

    /// Asks for the file, which has so many bytes, and reads the head of the answer; gives how much of the file came with it.
    pub(super) fn begin(&mut self, bytes: usize) -> usize {
        self.stream
            .write_all(self.request.as_bytes())
            .expect("the request can be sent");
        let (mut head, mut read) = ([0; HEAD_BYTES], 0);
        loop {
            match self.stream.read(&mut head[read..]).expect("an answer") {
                0 => panic!("no head: {}", String::from_utf8_lossy(&head[..read])),
                more => read += more,
            }
            if let Some(end) = head[..read].windows(4).position(|four| four == b"\r\n\r\n") {
                let text = String::from_utf8_lossy(&head[..end]);
                let length = format!("\r\nContent-Length: {bytes}\r\n");
                assert!(text.starts_with("HTTP/1.1 200 OK\r\n"), "{text}");
                assert!(text.contains(&length), "{text}");
                return read - (end + 4);
            }
        }
    }

    /// Sees that the server still sends the file.
    pub(super) fn expect_more(&mut self) {
        self.stream
            .read_exact(&mut [0])
            .expect("the server keeps the connection");
    }

    /// Fetches the file. Its bytes are counted, and dropped by the kernel before they cost a copy (tcp(7), `MSG_TRUNC`).
    pub(super) fn fetch(&mut self, bytes: usize) {
        self.piece.resize(PIECE_BYTES, 0);
        let mut fetched = self.begin(bytes);
        while fetched < bytes {
            let room = PIECE_BYTES.min(bytes - fetched);
            let taken = recv(
                self.stream.as_raw_fd(),
                &mut self.piece[..room],
                MsgFlags::MSG_TRUNC,
            );
            match taken.expect("the rest of the file") {
                0 => panic!("{fetched} of {bytes} bytes"),
                more => fetched += more,
            }
        }
    }
}
