//! Reads answers as streams, under bounds of size and time.

use std::future::Future;

use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::body::{Body as _, Incoming};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, timeout, timeout_at};

use crate::web::classify::classify;
use crate::web::connection::{Connection, Idle};
use crate::web::error::Error;
use crate::web::limits::Limits;

/// A text above this size needs a permit, in bytes.
const LARGE_BYTES: usize = 512 * 1024;

/// The body of an answer, as a stream of pieces.
///
/// Reading it to its end leaves the connection to the next request; dropping it earlier closes the connection.
#[derive(Debug)]
pub(crate) struct Body {
    incoming: Incoming,
    held: Option<(Connection, Idle)>,
}

impl Body {
    pub(super) fn new(incoming: Incoming, connection: Connection, idle: Idle) -> Self {
        let mut body = Self {
            incoming,
            held: Some((connection, idle)),
        };
        if body.incoming.is_end_stream() {
            body.release();
        }
        body
    }

    fn release(&mut self) {
        if let Some((connection, idle)) = self.held.take() {
            idle.put(connection);
        }
    }

    /// Waits for the first piece of the body, or for its end, and reads no more of it.
    ///
    /// # Errors
    /// [`Error::BodyStalled`], [`Error::BodyBroken`] and [`Error::Reset`].
    pub(crate) async fn begin(mut self, limits: &Limits) -> Result<(), Error> {
        let first = timeout(limits.pause, self.piece()).await;
        first.map_err(|_| Error::BodyStalled)?.map(|_| ())
    }
}

/// A stream of pieces.
pub(crate) trait Pieces: Send {
    /// Returns the next piece that is not empty; `None` at the end.
    fn piece(&mut self) -> impl Future<Output = Result<Option<Bytes>, Error>> + Send;
}

impl Pieces for Body {
    async fn piece(&mut self) -> Result<Option<Bytes>, Error> {
        while let Some(frame) = self.incoming.frame().await {
            let frame = frame.map_err(|error| match classify(&error) {
                Error::Reset => Error::Reset,
                _ => Error::BodyBroken,
            })?;
            if let Ok(data) = frame.into_data()
                && !data.is_empty()
            {
                if self.incoming.is_end_stream() {
                    self.release();
                }
                return Ok(Some(data));
            }
        }
        self.release();
        Ok(None)
    }
}

/// A text that was read for a parser that needs all of it.
#[derive(Debug)]
pub(crate) struct Text<'a> {
    /// The bytes.
    pub(crate) bytes: Vec<u8>,
    /// Whether that is all of the body.
    pub(crate) complete: bool,
    /// Held while a large text is in memory.
    pub(crate) permit: Option<SemaphorePermit<'a>>,
}

/// Reads at most [`Limits::page_bytes`].
///
/// `large` bounds how many large texts are in memory; waiting for its permit does not count as the server's time.
///
/// # Errors
/// [`Error::BodyStalled`], [`Error::BodyBroken`] and [`Error::Reset`].
pub(crate) async fn read<'a>(
    mut body: impl Pieces,
    limits: &Limits,
    large: &'a Semaphore,
) -> Result<Text<'a>, Error> {
    let mut deadline = Instant::now() + limits.page;
    let mut text = Text {
        bytes: Vec::new(),
        complete: true,
        permit: None,
    };
    loop {
        let end = deadline.min(Instant::now() + limits.pause);
        let piece = timeout_at(end, body.piece()).await;
        let Some(piece) = piece.map_err(|_| Error::BodyStalled)?? else {
            return Ok(text);
        };
        let room = limits.page_bytes - text.bytes.len();
        if piece.len() > room {
            text.bytes.extend_from_slice(&piece[..room]);
            text.complete = false;
            return Ok(text);
        }
        if text.permit.is_none() && text.bytes.len() + piece.len() > LARGE_BYTES {
            let waiting = Instant::now();
            // The semaphore is never closed.
            text.permit = large.acquire().await.ok();
            deadline += waiting.elapsed();
        }
        text.bytes.extend_from_slice(&piece);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use futures_util::FutureExt as _;

    use super::*;

    struct Ready(Vec<Bytes>);

    impl Pieces for Ready {
        async fn piece(&mut self) -> Result<Option<Bytes>, Error> {
            Ok(self.0.pop())
        }
    }

    /// The server has no time left, and needs none: only the permit is missing.
    #[tokio::test]
    async fn waiting_for_a_permit_is_not_the_servers_time() {
        let limits = Limits {
            page: Duration::from_millis(200),
            pause: Duration::from_millis(200),
            ..Limits::default()
        };
        let large = Semaphore::new(0);
        let piece = Bytes::from(vec![0; LARGE_BYTES]);
        let mut read = std::pin::pin!(read(Ready(vec![piece.clone(), piece]), &limits, &large));
        assert!(read.as_mut().now_or_never().is_none(), "it needs a permit");
        // Far longer than the server's limits.
        tokio::time::sleep(Duration::from_millis(500)).await;
        large.add_permits(1);
        let text = read.await.unwrap();
        assert_eq!((text.bytes.len(), text.complete), (2 * LARGE_BYTES, true));
        assert!(text.permit.is_some());
    }
}
