//! How much of an answer is read at once.
//!
//! Large reads are what makes a download fast, and a large buffer for each of a thousand slow ones is what makes it
//! expensive. A stream reads small pieces until its reader has taken much without a pause, and then large ones while it
//! is one of the few that may.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

/// Bytes of a small piece: too few to fill hyper's first buffer, which would grow. A slow download holds three of them.
const SMALL: usize = 8 * 1024 - 1;
/// Bytes of a large piece, of which a download holds two. With 128 KiB an object came at 0.75 of rclone's best rate.
const LARGE: usize = 256 * 1024;
/// A reader that takes so many bytes without a pause is fast.
const FAST: usize = 4 * 1024 * 1024;
/// A reader that takes longer for a piece is not.
const PAUSE: Duration = Duration::from_millis(100);

/// The size of the pieces that a connection reads.
#[derive(Debug)]
pub(super) struct PieceSize {
    small: usize,
    /// Permits for large pieces, which all streams share; without them every piece is small.
    permits: Option<Arc<Semaphore>>,
    permit: Option<OwnedSemaphorePermit>,
    /// Bytes since the reader's last pause.
    taken: usize,
    last: Instant,
}

impl PieceSize {
    /// Reads so many bytes at once at the most.
    pub(super) fn fixed(bytes: usize) -> Self {
        Self {
            small: bytes,
            permits: None,
            permit: None,
            taken: 0,
            last: Instant::now(),
        }
    }

    /// Adapts the size to the reader; each of the permits allows one stream large pieces.
    pub(super) fn adaptive(permits: Arc<Semaphore>) -> Self {
        Self {
            permits: Some(permits),
            ..Self::fixed(SMALL)
        }
    }

    /// Returns the bytes of the largest piece.
    pub(super) const fn largest(&self) -> usize {
        if self.permits.is_some() { LARGE } else { self.small }
    }

    /// Returns the bytes of the next piece at the most.
    pub(super) fn next(&mut self) -> usize {
        let now = Instant::now();
        if now - std::mem::replace(&mut self.last, now) > PAUSE {
            self.taken = 0;
            self.permit = None;
        }
        if self.permit.is_none() && self.taken >= FAST {
            let permits = self.permits.clone();
            self.permit = permits.and_then(|permits| permits.try_acquire_owned().ok());
        }
        if self.permit.is_some() { LARGE } else { self.small }
    }

    /// Counts bytes that were read.
    pub(super) const fn count(&mut self, bytes: usize) {
        self.taken += bytes;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn pieces_grow_with_the_reader_and_shrink_with_it() {
        let permits = Arc::new(Semaphore::new(1));
        let mut fast = PieceSize::adaptive(Arc::clone(&permits));
        let mut other = PieceSize::adaptive(Arc::clone(&permits));
        for size in [&mut fast, &mut other] {
            assert_eq!(size.next(), SMALL);
            size.count(FAST);
        }
        assert_eq!(fast.next(), LARGE);
        assert_eq!(other.next(), SMALL, "there is one permit");
        tokio::time::advance(PAUSE + Duration::from_millis(1)).await;
        assert_eq!(fast.next(), SMALL, "it paused");
        other.count(FAST);
        assert_eq!(other.next(), SMALL, "it paused as well");
        fast.count(FAST);
        assert_eq!(fast.next(), LARGE);
        drop(fast);
        other.count(FAST);
        assert_eq!(other.next(), LARGE);
    }
}
