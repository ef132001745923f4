//! The bytes of a file: in pieces, or in a pipe that a socket takes them from.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::stream;
use futures_util::{Stream, StreamExt as _};

use crate::error::Error;
use crate::files::ByteStream;
use crate::helper::{FilePipe, FileRead};

/// The bytes of a file that was opened. Dropping them ends the read.
///
/// As a stream they come in pieces, and an error ends it. Whoever sends them on can leave them where they
/// [begin](Self::begin).
pub struct FileBytes {
    /// Nothing as long as there is a `read`.
    pieces: ByteStream,
    read: Option<Box<FileRead>>,
}

/// How the bytes of a file begin.
#[derive(Debug)]
pub enum Begun {
    /// With this piece, and the rest follows.
    Piece(Bytes, FileBytes),
    /// In a pipe.
    Pipe(Box<FilePipe>),
}

impl FileBytes {
    /// Waits for the first bytes, in the runtime that takes the others too; `None` if there are none.
    ///
    /// # Errors
    /// Those of a piece.
    pub async fn begin(self) -> Result<Option<Begun>, Error> {
        if let Some(read) = self.read {
            let pipe = read.into_pipe().await?;
            return Ok(pipe.map(|pipe| Begun::Pipe(Box::new(pipe))));
        }
        let mut pieces = self.pieces;
        let first = pieces.next().await.transpose()?;
        Ok(first.map(|first| Begun::Piece(first, pieces.into())))
    }

    /// Keeps something until the bytes end or are dropped.
    #[must_use]
    pub fn holding(self, held: impl Send + 'static) -> Self {
        if let Some(read) = self.read {
            return read.holding(held).into();
        }
        let holding = move |piece| {
            let _until_the_stream_is_dropped = &held;
            piece
        };
        self.pieces.map(holding).boxed().into()
    }
}

impl From<ByteStream> for FileBytes {
    fn from(pieces: ByteStream) -> Self {
        Self { pieces, read: None }
    }
}

impl From<FileRead> for FileBytes {
    fn from(read: FileRead) -> Self {
        Self {
            pieces: stream::empty().boxed(),
            read: Some(Box::new(read)),
        }
    }
}

impl fmt::Debug for FileBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileBytes").finish_non_exhaustive()
    }
}

impl Stream for FileBytes {
    type Item = Result<Bytes, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if let Some(read) = self.read.take() {
            self.pieces = read.into_stream();
        }
        self.pieces.poll_next_unpin(cx)
    }
}
