//! The end of a piece of work, for all who wait for it.

use tokio::sync::watch;

/// How a piece of work ends, told once. Clones wait for the same.
#[derive(Debug, Clone)]
pub(crate) struct Ending<T>(watch::Receiver<Option<T>>);

impl<T: Clone> Ending<T> {
    /// An end that is not told yet, and the place where it is.
    pub(crate) fn awaited() -> (watch::Sender<Option<T>>, Self) {
        let (told, end) = watch::channel(None);
        (told, Self(end))
    }

    /// Waits for the end; `None` where the work broke off without telling one.
    pub(crate) async fn told(&self) -> Option<T> {
        let mut end = self.0.clone();
        let told = end.wait_for(Option::is_some).await.ok()?;
        told.clone()
    }

    /// Whether it is still to come.
    pub(crate) fn is_to_come(&self) -> bool {
        self.0.borrow().is_none() && self.0.has_changed().is_ok()
    }
}
