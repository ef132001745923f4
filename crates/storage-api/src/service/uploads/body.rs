//! The body of a request, on its way from the web server's thread to the work.

use bytes::Bytes;
use tokio::sync::{mpsc, oneshot};

use super::UploadError;

/// Pieces that are on their way at once.
const PIECES: usize = 4;

/// What a body is made of.
#[derive(Debug)]
pub(super) enum Piece {
    Bytes(Bytes),
    End,
    Failed(UploadError),
}

/// The bytes that a client sends. They are not asked for until the first one is wanted.
#[derive(Debug)]
pub struct Body {
    wanted: Option<oneshot::Sender<()>>,
    pieces: mpsc::Receiver<Piece>,
}

/// The other end of a [`Body`]. If it is dropped before the end, the body broke off.
#[derive(Debug)]
pub struct BodySender {
    wanted: Option<oneshot::Receiver<()>>,
    pieces: mpsc::Sender<Piece>,
}

/// Makes both ends of a body.
pub fn body() -> (BodySender, Body) {
    let (want, wanted) = oneshot::channel();
    let (sender, pieces) = mpsc::channel(PIECES);
    let sender = BodySender {
        wanted: Some(wanted),
        pieces: sender,
    };
    let body = Body {
        wanted: Some(want),
        pieces,
    };
    (sender, body)
}

impl Body {
    /// Returns the next piece; a client that is gone is one that broke off.
    pub(super) async fn next(&mut self) -> Piece {
        if let Some(wanted) = self.wanted.take() {
            // Whoever does not wait for it sends nothing.
            let _ = wanted.send(());
        }
        self.pieces
            .recv()
            .await
            .unwrap_or(Piece::Failed(UploadError::Broken))
    }
}

impl BodySender {
    /// Waits until the body is wanted; returns whether it is.
    pub async fn wanted(&mut self) -> bool {
        match self.wanted.take() {
            Some(wanted) => wanted.await.is_ok(),
            None => true,
        }
    }

    /// Sends bytes, once there is room for them; returns whether anybody takes them.
    pub async fn send(&self, bytes: Bytes) -> bool {
        self.pieces.send(Piece::Bytes(bytes)).await.is_ok()
    }

    /// Sends the end of the body, or why it has none.
    pub async fn end(self, failure: Option<UploadError>) {
        let end = failure.map_or(Piece::End, Piece::Failed);
        // Whoever does not take it has ended already.
        let _ = self.pieces.send(end).await;
    }
}
