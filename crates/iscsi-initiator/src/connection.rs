//! One connection to a portal, as PDUs out and PDUs in.

use std::fmt;
use std::time::Duration;

use bytes::{Buf as _, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::time::{Instant, timeout_at};

use crate::error::Cause;
use crate::pdu::{Digests, Pdu, opcode};

/// How many bytes are read at once.
const CHUNK: usize = 16 * 1024;

/// A stream of bytes in both directions.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// A connection.
///
/// # Cancel safety
/// What is half sent or half received is kept, so that a logout can follow a dropped future.
pub(crate) struct Connection {
    stream: Box<dyn Stream>,
    inbox: BytesMut,
    outbox: BytesMut,
    digests: Digests,
    /// Whether the peer has sent a PDU.
    heard: bool,
    /// Whether the digests were chosen, and no PDU with them was received.
    digests_untried: bool,
}

impl Connection {
    pub(crate) fn new(stream: Box<dyn Stream>) -> Self {
        Self {
            stream,
            inbox: BytesMut::new(),
            outbox: BytesMut::new(),
            digests: Digests::default(),
            heard: false,
            digests_untried: false,
        }
    }

    /// Makes every later PDU carry these digests (RFC 7143, section 13.1: from the full feature phase on).
    pub(crate) fn set_digests(&mut self, digests: Digests) {
        self.digests = digests;
        self.digests_untried = digests != Digests::default();
    }

    /// Queues a PDU, which the next [`receive`](Self::receive) sends.
    pub(crate) fn queue(&mut self, pdu: &Pdu) {
        pdu.encode(self.digests, &mut self.outbox);
    }

    /// Sends what is queued, and receives the next PDU before `deadline`, which is `limit` after the request.
    pub(crate) async fn receive(&mut self, deadline: Instant, limit: Duration) -> Result<Pdu, Cause> {
        let received = match timeout_at(deadline, self.next()).await {
            Ok(received) => received,
            Err(_) if self.heard => Err(Cause::Timeout(limit)),
            Err(_) => Err(Cause::Silent(limit)),
        };
        match received {
            Err(cause) if self.digests_untried => Err(Cause::AfterDigests(Box::new(cause))),
            received => received,
        }
    }

    async fn next(&mut self) -> Result<Pdu, Cause> {
        // A target that closed while something was sent may have sent the reason before.
        let _ = self.stream.write_all_buf(&mut self.outbox).await;
        let _ = self.stream.flush().await;
        loop {
            match Pdu::decode(&self.inbox, self.digests) {
                Ok(Some((pdu, length))) => {
                    self.inbox.advance(length);
                    self.heard = true;
                    self.digests_untried = false;
                    return Ok(pdu);
                }
                Ok(None) => {}
                Err(error) if self.heard => return Err(Cause::Pdu(error)),
                Err(_) => return Err(Cause::NotIscsi),
            }
            self.inbox.reserve(CHUNK);
            if !matches!(self.stream.read_buf(&mut self.inbox).await, Ok(1..)) {
                return Err(self.closed());
            }
        }
    }

    /// A peer that sends something else than the beginning of a login response is another kind of server.
    fn closed(&self) -> Cause {
        let first = self.inbox.first().map(|byte| byte & 0x3f);
        match first {
            Some(code) if !self.heard && !matches!(code, opcode::LOGIN_RESPONSE | opcode::REJECT) => {
                Cause::NotIscsi
            }
            _ => Cause::Closed,
        }
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").finish_non_exhaustive()
    }
}
