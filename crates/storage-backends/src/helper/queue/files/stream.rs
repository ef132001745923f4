//! The bytes of a read, as the service hands them on.

use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};
use futures_util::StreamExt as _;
use futures_util::stream::try_unfold;
use tokio::io::{AsyncReadExt, BufReader};
use tokio::net::unix::pipe;

use super::READ;
use super::active_call::ActiveCall;
use crate::error::Error;
use crate::files::ByteStream;

/// Bytes in the largest piece.
const PIECE_BYTES: usize = 256 * 1024;

/// A read under way.
struct Read {
    input: BufReader<pipe::Receiver>,
    left: u64,
    call: ActiveCall,
    patience: Duration,
}

/// Returns the bytes that follow an answer's first line.
pub(super) fn bytes(
    input: BufReader<pipe::Receiver>,
    length: u64,
    call: ActiveCall,
    patience: Duration,
) -> ByteStream {
    let read = Read {
        input,
        left: length,
        call,
        patience,
    };
    try_unfold(read, Read::next).boxed()
}

impl Read {
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
