//! How much runs at once.

use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

use storage_backends::OpContext;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, SemaphorePermit};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::AppError;

/// How many tests, checks and discoveries run at once; the others wait for a permit, as long as a test may take.
const MAX_TESTS_AT_ONCE: usize = 16;
/// How many of them are checks of backends that passed their last one: neither clients nor silent servers take these.
const RESERVED: usize = 3;

/// A client's share of what may run at once, held by the work that it asked for, even if it hangs up. The use cases
/// don't know what it is. A client that joins the work of another one gives its permit back when it hangs up.
#[derive(Debug, Clone, Default)]
pub struct ClientPermit(#[expect(dead_code, reason = "it is only held")] Option<Arc<dyn Any + Send + Sync>>);

impl ClientPermit {
    /// Returns the permit of work that is not limited.
    pub fn none() -> Self {
        Self::default()
    }

    /// Drops this value with the last clone of the permit.
    pub(crate) fn holding(value: impl Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(value)))
    }
}

/// Why there is no permit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NoPermit {
    /// All were taken for as long as one is waited for.
    TooBusy,
    /// The work was cancelled meanwhile.
    Cancelled,
}

impl From<NoPermit> for AppError {
    fn from(no: NoPermit) -> Self {
        match no {
            NoPermit::TooBusy => Self::TooBusy,
            NoPermit::Cancelled => Self::ShuttingDown,
        }
    }
}

/// How long work on files waits for other work to end.
const FILES_WAIT: Duration = Duration::from_secs(10);

/// Bounds how much work of one sort goes on at once; further work waits for [`FILES_WAIT`].
#[derive(Debug)]
pub(crate) struct Bounded {
    most: usize,
    permits: Arc<Semaphore>,
}

impl Bounded {
    pub(crate) fn new(most: usize) -> Self {
        let permits = Arc::new(Semaphore::new(most));
        Self { most, permits }
    }

    /// Waits for a permit; `None` if nothing ended in time.
    pub(crate) async fn acquire(&self) -> Option<OwnedSemaphorePermit> {
        let permit = timeout(FILES_WAIT, Arc::clone(&self.permits).acquire_owned()).await;
        // The semaphore is never closed.
        permit.ok()?.ok()
    }

    /// Returns whether anything goes on.
    pub(crate) fn is_busy(&self) -> bool {
        self.permits.available_permits() < self.most
    }
}

/// The permits of what asks storage.
#[derive(Debug)]
pub(crate) struct Permits {
    shared: Semaphore,
    reserved: Semaphore,
}

impl Default for Permits {
    fn default() -> Self {
        Self {
            shared: Semaphore::new(MAX_TESTS_AT_ONCE - RESERVED),
            reserved: Semaphore::new(RESERVED),
        }
    }
}

impl Permits {
    /// Waits for a permit, of the reserved ones too if `may_use_reserve`, at most for `limit`. The time of what needs it
    /// begins afterwards.
    ///
    /// # Errors
    /// [`NoPermit`].
    pub(crate) async fn acquire(
        &self,
        limit: Duration,
        may_use_reserve: bool,
        cancel: &CancellationToken,
    ) -> Result<SemaphorePermit<'_>, NoPermit> {
        let cx = OpContext::within(limit).with_cancel(cancel.clone());
        let permit = async {
            tokio::select! {
                biased;
                permit = self.reserved.acquire(), if may_use_reserve => permit,
                permit = self.shared.acquire() => permit,
            }
        };
        match cx.bound("waiting for a permit", permit).await {
            Ok(Ok(permit)) => Ok(permit),
            Err(error) if error.is_cancelled() => Err(NoPermit::Cancelled),
            Ok(Err(_)) | Err(_) => Err(NoPermit::TooBusy),
        }
    }

    /// Takes every permit that clients may have and that is free.
    #[cfg(test)]
    pub(crate) async fn all_of_clients(&self) -> SemaphorePermit<'_> {
        let all = u32::try_from(self.shared.available_permits()).expect("a small number");
        self.shared.acquire_many(all).await.expect("it is never closed")
    }
}
