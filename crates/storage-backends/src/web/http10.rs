//! Reads answers of HTTP/1.0 as answers of HTTP/1.1, in pieces that suit the reader.
//!
//! hyper refuses chunked answers of HTTP/1.0 (RFC 9112, section 6.1), which some servers send and browsers read. Nothing
//! else depends on the version: a connection that its server closes is replaced by a new one.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::web::piece_size::PieceSize;

/// Where the minor version stands in an answer.
const MINOR: usize = "HTTP/1.".len();

/// A stream whose first answer has version 1.1 where it has 1.0.
#[derive(Debug)]
pub(super) struct Http11<S> {
    stream: S,
    /// How many bytes before the minor version are still to come.
    before: Option<usize>,
    piece: PieceSize,
}

impl<S> Http11<S> {
    pub(super) const fn new(stream: S, piece: PieceSize) -> Self {
        Self {
            stream,
            before: Some(MINOR),
            piece,
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Http11<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let mut piece = ReadBuf::new(buf.initialize_unfilled_to(self.piece.next().min(buf.remaining())));
        ready!(Pin::new(&mut self.stream).poll_read(cx, &mut piece))?;
        let read = piece.filled_mut();
        self.piece.count(read.len());
        if let Some(before) = self.before {
            if let Some(minor @ b'0') = read.get_mut(before) {
                *minor = b'1';
            }
            self.before = (before >= read.len()).then(|| before - read.len());
        }
        let read = read.len();
        buf.advance(read);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Http11<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use tokio::io::AsyncReadExt as _;

    use super::*;

    #[rstest]
    #[case("HTTP/1.0 200 OK HTTP/1.0 0000000", "HTTP/1.1 200 OK HTTP/1.0 0000000")]
    #[case("HTTP/1.1 200", "HTTP/1.1 200")]
    #[case("SSH-2.0-OpenSSH", "SSH-2.0-OpenSSH")]
    #[case("HTTP", "HTTP")]
    #[tokio::test]
    async fn the_first_answer_is_of_version_1_1(#[case] sent: &str, #[case] expected: &str) {
        for at in 0..sent.len() {
            let (one, other) = sent.as_bytes().split_at(at);
            let mut read = String::new();
            let mut stream = Http11::new(one.chain(other), PieceSize::fixed(1024));
            stream.read_to_string(&mut read).await.unwrap();
            assert_eq!(read, expected, "{at}");
        }
    }
}
