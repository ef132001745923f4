//! Ties what a connection may read to its requests and answers.

use std::error::Error;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use actix_http::body::{BodySize, BoxBody, MessageBody};
use actix_http::error::PayloadError;
use actix_http::{Payload, Request};
use bytes::Bytes;
use futures_core::Stream;

use super::flow::{Answering, Flow};

/// The most bytes of an answer that are copied into a connection's buffer at once.
pub(super) const PIECE: usize = 32 * 1024;

/// Begins the exchange of a request: nothing more is read before its answer was made and sent.
///
/// Returns `None` if the request belongs to no connection of this module.
pub(super) fn begin(request: &mut Request) -> Option<Answering> {
    let flow = Rc::clone(request.conn_data::<Rc<Flow>>()?);
    let payload = request.take_payload();
    if !matches!(payload, Payload::None) {
        let body = RequestBody {
            payload,
            flow: Rc::clone(&flow),
        };
        *request.payload() = Payload::Stream {
            payload: Box::pin(body),
        };
    }
    Some(flow.begin(request.head().expect()))
}

/// A request's body, which is read if its handler waits for it.
struct RequestBody {
    payload: Payload,
    flow: Rc<Flow>,
}

impl Stream for RequestBody {
    type Item = Result<Bytes, PayloadError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let polled = Pin::new(&mut self.payload).poll_next(cx);
        if polled.is_pending() {
            self.flow.wait_for_body();
        } else {
            self.flow.stop_waiting();
        }
        polled
    }
}

impl Drop for RequestBody {
    fn drop(&mut self) {
        self.flow.stop_waiting();
    }
}

/// An answer's body, sent in pieces: the connection's buffer takes each piece, however large it is.
pub(super) struct AnswerBody {
    body: BoxBody,
    rest: Bytes,
    _answering: Option<Answering>,
}

impl AnswerBody {
    pub(super) fn new(body: BoxBody, answering: Option<Answering>) -> Self {
        Self {
            body,
            rest: Bytes::new(),
            _answering: answering,
        }
    }
}

impl MessageBody for AnswerBody {
    type Error = Box<dyn Error>;

    fn size(&self) -> BodySize {
        self.body.size()
    }

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Self::Error>>> {
        if self.rest.is_empty() {
            match ready!(self.body.as_pin_mut().poll_next(cx)) {
                Some(Ok(bytes)) => self.rest = bytes,
                end => return Poll::Ready(end),
            }
        }
        let length = self.rest.len().min(PIECE);
        Poll::Ready(Some(Ok(self.rest.split_to(length))))
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;

    #[tokio::test]
    async fn a_large_answer_goes_out_in_pieces() {
        let text: Vec<u8> = (0..=u8::MAX).cycle().take(2 * PIECE + 1).collect();
        let mut body = AnswerBody::new(BoxBody::new(text.clone()), None);
        assert_eq!(body.size(), BodySize::Sized(text.len() as u64));
        let mut sent = Vec::new();
        while let Some(piece) = poll_fn(|cx| Pin::new(&mut body).poll_next(cx)).await {
            let piece = piece.unwrap();
            assert!(piece.len() <= PIECE);
            sent.extend_from_slice(&piece);
        }
        assert_eq!(sent, text);
    }
}
