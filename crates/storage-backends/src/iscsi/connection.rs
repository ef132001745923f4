//! One TCP connection to a portal, as units in and units out.

use std::time::Duration;

use bytes::{Buf as _, BytesMut};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};

use crate::iscsi::failure::Failure;
use crate::iscsi::pdu::{Digests, Pdu, PduError};

/// How much is read at once.
const CHUNK: usize = 16 * 1024;

/// A connection. Sending and receiving can be broken off anywhere: what is half sent or half received is kept, so
/// that a logout can still follow.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: TcpStream,
    inbox: BytesMut,
    outbox: BytesMut,
    digests: Digests,
    at: String,
    heard: bool,
}

impl Connection {
    pub(crate) fn new(stream: TcpStream) -> Self {
        let at = stream
            .peer_addr()
            .map_or_else(|_| "the portal".to_owned(), |at| at.to_string());
        Self {
            stream,
            inbox: BytesMut::new(),
            outbox: BytesMut::new(),
            digests: Digests::default(),
            at,
            heard: false,
        }
    }

    /// Where the connection goes.
    pub(crate) fn at(&self) -> &str {
        &self.at
    }

    /// Makes every later unit carry these digests (RFC 7143, section 13.1: they begin with the full feature phase).
    pub(crate) fn set_digests(&mut self, digests: Digests) {
        self.digests = digests;
    }

    /// Puts a unit into the line of what is sent next.
    pub(crate) fn queue(&mut self, pdu: &Pdu) {
        pdu.encode(self.digests, &mut self.outbox);
    }

    /// Sends what is in the line.
    async fn flush(&mut self) -> std::io::Result<()> {
        self.stream.write_all_buf(&mut self.outbox).await
    }

    /// Sends what is in the line, and receives the next unit, before `deadline`.
    pub(crate) async fn receive(
        &mut self,
        what: &'static str,
        deadline: Instant,
        limit: Duration,
    ) -> Result<Pdu, Failure> {
        let received = timeout_at(deadline, self.next(what)).await;
        match received {
            Ok(received) => received,
            Err(_) if self.heard => Err(Failure::Slow {
                at: self.at.clone(),
                what,
                limit,
            }),
            Err(_) => Err(Failure::Silent {
                at: self.at.clone(),
                limit,
            }),
        }
    }

    async fn next(&mut self, what: &'static str) -> Result<Pdu, Failure> {
        // A target that closed while something was sent may have said why before.
        let _ = self.flush().await;
        loop {
            match Pdu::decode(&self.inbox, self.digests) {
                Ok(Some((pdu, length))) => {
                    self.inbox.advance(length);
                    self.heard = true;
                    return Ok(pdu);
                }
                Ok(None) => {}
                Err(error) => return Err(self.unreadable(error)),
            }
            self.inbox.reserve(CHUNK);
            let read = self.stream.read_buf(&mut self.inbox).await;
            if !matches!(read, Ok(1..)) {
                return Err(self.closed(what));
            }
        }
    }

    /// A first unit that is none comes from another kind of server.
    fn unreadable(&self, error: PduError) -> Failure {
        let at = self.at.clone();
        if self.heard {
            Failure::Unit { at, error }
        } else {
            Failure::NotIscsi { at }
        }
    }

    fn closed(&self, what: &'static str) -> Failure {
        let at = self.at.clone();
        let first = self.inbox.first().map(|byte| byte & 0x3f);
        match first {
            Some(code) if !self.heard && !matches!(code, 0x23 | 0x3f) => Failure::NotIscsi { at },
            _ => Failure::Closed { at, what },
        }
    }
}
