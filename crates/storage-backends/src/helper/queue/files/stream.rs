//! The bytes of a read, as the service hands them on.

use std::any::Any;
use std::fmt;
use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use futures_util::StreamExt as _;
use futures_util::stream::try_unfold;
use tokio::io::{AsyncReadExt, BufReader};
use tokio::net::unix::pipe;

use super::READ;
use super::active_call::ActiveCall;
use super::pipe::FilePipe;
use crate::error::Error;
use crate::files::ByteStream;

/// Bytes in the largest piece.
const PIECE_BYTES: usize = 256 * 1024;

/// A read under way. Dropping it ends it.
pub struct FileRead {
    input: BufReader<pipe::Receiver>,
    left: u64,
    call: ActiveCall,
    patience: Duration,
    held: Option<Box<dyn Any + Send>>,
}

impl fmt::Debug for FileRead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileRead")
            .field("left", &self.left)
            .finish_non_exhaustive()
    }
}

impl FileRead {
    /// Reads the bytes that follow an answer's first line.
    pub(super) fn new(
        input: BufReader<pipe::Receiver>,
        length: u64,
        call: ActiveCall,
        patience: Duration,
    ) -> Self {
        Self {
            input,
            left: length,
            call,
            patience,
            held: None,
        }
    }

    /// Keeps something until the bytes end or are dropped.
    pub(crate) fn holding(mut self, held: impl Send + 'static) -> Self {
        self.held = Some(Box::new((self.held.take(), held)));
        self
    }

    /// Returns the bytes in pieces.
    pub(crate) fn into_stream(self) -> ByteStream {
        try_unfold(self, Self::next).boxed()
    }

    /// Waits for the first bytes, and leaves them in their pipe; `None` if there are none.
    ///
    /// # Errors
    /// Those of a piece.
    pub(crate) async fn into_pipe(self) -> Result<Option<FilePipe>, Error> {
        if self.left == 0 {
            return Ok(None);
        }
        let start = Bytes::copy_from_slice(self.input.buffer());
        let (input, held) = (self.input.into_inner(), self.held);
        let mut pipe = FilePipe::new(input, start, self.left, self.call, self.patience, held)?;
        pipe.ready().await?;
        Ok(Some(pipe))
    }

    async fn next(mut self) -> Result<Option<(Bytes, Self)>, Error> {
        if self.left == 0 {
            return Ok(None);
        }
        let most = usize::try_from(self.left).unwrap_or(PIECE_BYTES).min(PIECE_BYTES);
        let mut piece = BytesMut::with_capacity(most);
        let mut room = (&mut piece).limit(most);
        let read = self.input.read_buf(&mut room);
        match self.call.bound(READ, self.patience, read).await? {
            Ok(1..) => {
                self.left = self.left.saturating_sub(piece.len() as u64);
                Ok(Some((piece.freeze(), self)))
            }
            Ok(0) | Err(_) => Err(self.call.reason(READ).await),
        }
    }
}
