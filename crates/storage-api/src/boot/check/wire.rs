//! Asks the listener's own code over a connection within this process, as a client does over the network.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::BufMut as _;
use futures_util::future::{Either, select};
use storage_domain::net::Network;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::fault::Fault;
use super::reply::Reply;
use crate::boot::{Audience, Boot};

/// How long a client waits for the next byte: as long as firmware.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);
/// How long all requests of a connection may take.
const WHOLE: Duration = Duration::from_secs(20);
/// How long the listener may take to see that the client is gone.
const CLOSING: Duration = Duration::from_secs(1);
/// The longest head.
const MAX_HEAD_BYTES: usize = 8 * 1024;
/// Bytes that the kernel keeps of an answer on either side, so that little is read of a file beyond what is wanted.
const BUFFER_BYTES: u32 = 64 * 1024;
/// Bytes that are read at once.
const READ_BYTES: usize = 16 * 1024;
/// The address of the client.
const CLIENT: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// A way to ask for one file.
pub(super) struct Wire<'a> {
    boot: &'a Boot,
    target: &'a str,
    host: &'a str,
    /// The name of the file.
    pub(super) name: &'a str,
}

/// A request.
pub(super) struct Request {
    text: String,
    is_get: bool,
    /// How many bytes of the content are wanted.
    wanted: usize,
}

impl<'a> Wire<'a> {
    pub(super) fn new(boot: &'a Boot, target: &'a str, authority: Option<&'a str>, name: &'a str) -> Self {
        Self {
            boot,
            target,
            host: authority.unwrap_or("boot"),
            name,
        }
    }

    /// Makes a GET with further header lines.
    pub(super) fn get(&self, fields: &str, wanted: usize) -> Request {
        Request {
            text: self.text("GET", fields),
            is_get: true,
            wanted,
        }
    }

    /// Makes a HEAD with further header lines.
    pub(super) fn head(&self, fields: &str) -> Request {
        Request {
            text: self.text("HEAD", fields),
            is_get: false,
            wanted: 0,
        }
    }

    fn text(&self, method: &str, fields: &str) -> String {
        let (target, host) = (self.target, self.host);
        format!("{method} {target} HTTP/1.1\r\nHost: {host}\r\n{fields}\r\n")
    }

    /// Sends one request over a connection of its own.
    pub(super) async fn ask(&self, request: Request) -> Result<Reply, Fault> {
        let mut replies = self.ask_all(&[request]).await?;
        replies.pop().ok_or(Fault::BrokeOff)
    }

    /// Sends requests over one connection, and no more of them after one that is refused: there is an answer at least.
    pub(super) async fn ask_all(&self, requests: &[Request]) -> Result<Vec<Reply>, Fault> {
        let refusal = Arc::new(OnceLock::new());
        let boot = Boot {
            networks: vec![Network::one(CLIENT)],
            audience: Audience::Check(Arc::clone(&refusal)),
            ..self.boot.clone()
        };
        let connected = timeout(PATIENCE, pair()).await;
        let connected = connected.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
        let (client, server) = connected.map_err(|error| {
            tracing::warn!(%error, "a boot check could not connect to its own listener");
            Fault::NotAsked
        })?;
        let serving = Box::pin(Arc::new(boot).serve(server, CLIENT, CancellationToken::new()));
        let asking = Box::pin(timeout(WHOLE, converse(client, requests)));
        let answered = match select(asking, serving).await {
            Either::Left((answered, serving)) => {
                let _in_time = timeout(CLOSING, serving).await;
                answered
            }
            Either::Right(((), asking)) => asking.await,
        };
        let mut replies = answered.map_err(|_| Fault::Silent)??;
        for reply in &mut replies {
            reply.reason = refusal.get().cloned();
        }
        Ok(replies)
    }
}

/// Connects this process with itself.
async fn pair() -> io::Result<(TcpStream, TcpStream)> {
    let listener = TcpSocket::new_v4()?;
    listener.set_send_buffer_size(BUFFER_BYTES)?;
    listener.bind(SocketAddr::new(CLIENT, 0))?;
    let listener = listener.listen(1)?;
    let client = TcpSocket::new_v4()?;
    client.set_recv_buffer_size(BUFFER_BYTES)?;
    let client = client.connect(listener.local_addr()?).await?;
    let own = client.local_addr()?;
    loop {
        let (server, peer) = listener.accept().await?;
        // Another process of this host may have been quicker.
        if peer == own {
            return Ok((client, server));
        }
    }
}

async fn converse(mut stream: TcpStream, requests: &[Request]) -> Result<Vec<Reply>, Fault> {
    let mut replies = Vec::with_capacity(requests.len());
    for request in requests {
        let sent = stream.write_all(request.text.as_bytes()).await;
        sent.map_err(|_| Fault::BrokeOff)?;
        let reply = read(&mut stream, request).await?;
        let is_refused = !matches!(reply.status(), Some(200..=299));
        replies.push(reply);
        if is_refused {
            break;
        }
    }
    Ok(replies)
}

/// Reads the head of an answer, and as much of its content as is wanted.
async fn read(stream: &mut TcpStream, request: &Request) -> Result<Reply, Fault> {
    let mut bytes: Vec<u8> = Vec::new();
    let head_bytes = loop {
        if let Some(end) = bytes.windows(4).position(|end| end == b"\r\n\r\n") {
            break end + 4;
        }
        if !more(stream, &mut bytes, MAX_HEAD_BYTES).await? {
            return Err(Fault::BrokeOff);
        }
    };
    let content = bytes.split_off(head_bytes);
    let mut reply = Reply::new(&bytes, content);
    let wanted = if request.is_get { request.wanted } else { 0 };
    let length = reply.length().and_then(|length| usize::try_from(length).ok());
    let most = wanted.min(length.unwrap_or(usize::MAX));
    while reply.content.len() < most {
        if !more(stream, &mut reply.content, most).await? {
            // Without a length, the end of the connection is that of the content.
            return length.map_or(Ok(reply), |_| Err(Fault::BrokeOff));
        }
    }
    Ok(reply)
}

/// Reads on, up to so many bytes; `false` at the end.
async fn more(stream: &mut TcpStream, bytes: &mut Vec<u8>, most: usize) -> Result<bool, Fault> {
    let room = most.saturating_sub(bytes.len());
    bytes.reserve(room.min(READ_BYTES));
    let mut buffer = bytes.limit(room);
    let read = timeout(PATIENCE, stream.read_buf(&mut buffer)).await;
    match read {
        Ok(Ok(read)) => Ok(read > 0),
        Ok(Err(_)) => Err(Fault::BrokeOff),
        Err(_) => Err(Fault::Silent),
    }
}
