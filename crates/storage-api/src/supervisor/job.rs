//! Background work that can be cancelled and waited for.

use tokio::task::{JoinError, JoinHandle};
use tokio_util::sync::CancellationToken;

/// A task and the token that ends it early.
pub(super) struct Job<T> {
    pub(super) cancel: CancellationToken,
    task: JoinHandle<T>,
}

impl<T> Job<T> {
    pub(super) fn new(cancel: CancellationToken, task: JoinHandle<T>) -> Self {
        Self { cancel, task }
    }

    /// Waits for the end; not to be called again after that.
    ///
    /// # Errors
    /// The task panicked.
    /// # Cancel safety
    /// Dropping the future loses nothing.
    pub(super) async fn ended(&mut self) -> Result<T, JoinError> {
        (&mut self.task).await
    }
}
