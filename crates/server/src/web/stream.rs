//! A connection that reads no further than it is answered, and asks for a body once a handler waits for it.

use std::io::{self, ErrorKind};
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use memchr::memchr_iter;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::flow::Flow;
use super::share::Patience;

/// The most bytes that are read ahead of the HTTP parser: each of many connections may hold as many.
const READ_AHEAD: usize = 2 * 1024;
/// The same while a handler waits for a body.
const READ_AHEAD_OF_BODY: usize = 16 * 1024;
/// The most bytes that are written per poll of a task, for the other connections of its thread to be served too.
const WRITE_SHARE: usize = 32 * 1024;
/// What the HTTP parser's owner writes before it asks the handler.
const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

/// A byte stream that hands out one piece per poll of its task, and none while an answer is made or sent.
///
/// A piece holds the end of one blank line at most. A request's head ends with one, so a piece completes one request
/// at most, and its body comes along if it is short. That a body's lines look the same costs polls, and changes no byte.
pub(super) struct FlowStream<S> {
    io: S,
    flow: Rc<Flow>,
    patience: Patience,
    /// What was read and not handed out; read even if nothing may be handed out, for the end and errors to be seen.
    ahead: Vec<u8>,
    /// Whether the peer sends no more.
    ended: bool,
    /// Whether a piece was handed out since the task last waited.
    handed_out: bool,
    /// How many bytes were written since the task was last polled.
    written: usize,
    /// Whether the peer does not take what is written.
    congested: bool,
    /// What is left of a `100 Continue` that goes out once the handler waits for the body.
    withheld: &'static [u8],
    line: Line,
}

/// How far the bytes handed out are into a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Line {
    /// Before the first byte of a line.
    Start,
    /// After a CR at the start of a line.
    StartCr,
    /// After any other byte, or before the first line of a head.
    Inside,
}

impl<S> FlowStream<S> {
    pub(super) fn new(io: S, patience: Patience) -> Self {
        Self {
            io,
            flow: Flow::new(),
            patience,
            ahead: Vec::new(),
            ended: false,
            handed_out: false,
            written: 0,
            congested: false,
            withheld: &[],
            line: Line::Inside,
        }
    }

    /// Returns the state that the connection's requests share.
    pub(super) fn flow(&self) -> &Rc<Flow> {
        &self.flow
    }

    /// Moves the next piece into `buffer`.
    fn hand_out(&mut self, buffer: &mut ReadBuf<'_>) {
        let most = buffer.remaining().min(self.ahead.len());
        let (mut length, mut begin, mut has_blank) = (most, 0, false);
        for end in memchr_iter(b'\n', &self.ahead[..most]) {
            let is_blank = self.line.goes_on(&self.ahead[begin..end]) != Line::Inside;
            if is_blank && has_blank {
                length = end;
                break;
            }
            has_blank |= is_blank;
            self.line = if is_blank { Line::Inside } else { Line::Start };
            begin = end + 1;
        }
        self.line = self.line.goes_on(&self.ahead[begin..length]);
        buffer.put_slice(&self.ahead[..length]);
        self.ahead.drain(..length);
        if self.ahead.is_empty() {
            // An idle connection costs no buffer.
            self.ahead = Vec::new();
        }
    }
}

impl Line {
    /// Returns what follows bytes without a line's end.
    fn goes_on(self, bytes: &[u8]) -> Self {
        match (bytes, self) {
            ([], line) => line,
            ([b'\r'], Self::Start) => Self::StartCr,
            _ => Self::Inside,
        }
    }
}

impl<S: AsyncRead + Unpin> FlowStream<S> {
    /// Reads ahead as far as the peer has sent and may be read.
    fn read_ahead(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        let most = if self.flow.awaits_body() {
            READ_AHEAD_OF_BODY
        } else {
            READ_AHEAD
        };
        let mut space = [const { MaybeUninit::uninit() }; READ_AHEAD_OF_BODY];
        while !self.ended && self.ahead.len() < most {
            let mut buffer = ReadBuf::uninit(&mut space[self.ahead.len()..most]);
            match Pin::new(&mut self.io).poll_read(cx, &mut buffer) {
                Poll::Ready(read) => read?,
                Poll::Pending => break,
            }
            self.ended = buffer.filled().is_empty();
            self.ahead.extend_from_slice(buffer.filled());
        }
        Ok(())
    }
}

impl<S: AsyncWrite + Unpin> FlowStream<S> {
    /// Writes what is left of a withheld `100 Continue`.
    fn send_withheld(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.withheld.is_empty() {
            let written = ready!(Pin::new(&mut self.io).poll_write(cx, self.withheld))?;
            self.withheld = &self.withheld[written..];
            if self.withheld.is_empty() {
                return Pin::new(&mut self.io).poll_flush(cx);
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for FlowStream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let handed_out = std::mem::take(&mut self.handed_out);
        self.written = 0;
        self.read_ahead(cx)?;
        if !self.withheld.is_empty() {
            if self.flow.may_read() {
                ready!(self.send_withheld(cx))?;
            } else {
                self.flow.park(cx.waker());
            }
        }
        if self.ahead.is_empty() {
            let since = self.flow.idle_since();
            return if self.ended || self.patience.is_head_overdue(since, cx) {
                Poll::Ready(Ok(()))
            } else {
                Poll::Pending
            };
        }
        if self.congested || !self.flow.may_read() {
            self.flow.park(cx.waker());
            return Poll::Pending;
        }
        if handed_out {
            // The reader would go on: let it answer first.
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        self.hand_out(buffer);
        self.handed_out = true;
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for FlowStream<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if self.flow.take_expectation() && bytes.starts_with(CONTINUE) {
            // A handler that refuses the request answers before it waits for the body.
            self.withheld = CONTINUE;
            self.flow.wake();
            return Poll::Ready(Ok(CONTINUE.len()));
        }
        if self.withheld.len() < CONTINUE.len() {
            ready!(self.send_withheld(cx))?;
        } else {
            self.withheld = &[];
        }
        let written = if self.written < WRITE_SHARE {
            Pin::new(&mut self.io).poll_write(cx, bytes)
        } else {
            self.written = 0;
            cx.waker().wake_by_ref();
            Poll::Pending
        };
        match written {
            Poll::Ready(Ok(count)) => {
                self.written += count;
                self.patience.moved();
            }
            Poll::Ready(Err(_)) => {}
            Poll::Pending => {
                self.congested = true;
                if self.patience.is_stalled(cx) {
                    return Poll::Ready(Err(ErrorKind::TimedOut.into()));
                }
            }
        }
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.io).poll_flush(cx);
        let was_congested = std::mem::replace(&mut self.congested, flushed.is_pending());
        if was_congested && !self.congested {
            self.flow.wake();
        }
        flushed
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests;
