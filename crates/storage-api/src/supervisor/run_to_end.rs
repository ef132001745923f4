//! Work that a client can't break off.

use std::pin::Pin;
use std::task::{Context, Poll};

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use tokio::runtime::Handle;
use tokio_util::task::TaskTracker;
use tracing::Instrument as _;

/// Work that whoever waits for it carries out. If nobody waits any more, it goes on as a task.
///
/// On processors that are busy, a task of its own from the start would cost each change two more turns in the queue of the
/// thread.
pub(crate) struct RunToEnd<T: 'static> {
    /// `None` once it ended, or panicked.
    work: Option<BoxFuture<'static, T>>,
    tasks: TaskTracker,
    runtime: Handle,
}

impl<T> RunToEnd<T> {
    /// Begins nothing. Where nobody waits any more, `tasks` has the work on `runtime`.
    pub(super) fn new(work: BoxFuture<'static, T>, tasks: &TaskTracker, runtime: &Handle) -> Self {
        Self {
            work: Some(work),
            tasks: tasks.clone(),
            runtime: runtime.clone(),
        }
    }
}

impl<T> Future for RunToEnd<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        let Some(mut work) = self.work.take() else {
            return Poll::Pending;
        };
        let polled = work.as_mut().poll(context);
        if polled.is_pending() {
            self.work = Some(work);
        }
        polled
    }
}

impl<T> Drop for RunToEnd<T> {
    fn drop(&mut self) {
        if let Some(work) = self.work.take() {
            let rest = work.map(drop).in_current_span();
            self.tasks.spawn_on(rest, &self.runtime);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::sync::oneshot;

    use super::*;

    fn work() -> (
        oneshot::Sender<()>,
        oneshot::Receiver<()>,
        impl Future<Output = ()> + Send,
    ) {
        let (go_on, gate) = oneshot::channel();
        let (ended, end) = oneshot::channel();
        let work = async {
            gate.await.unwrap();
            ended.send(()).unwrap();
        };
        (go_on, end, work)
    }

    #[tokio::test]
    async fn whoever_waits_carries_it_out() {
        let tasks = TaskTracker::new();
        let work = RunToEnd::new(async { tokio::task::id() }.boxed(), &tasks, &Handle::current());
        let waits = tokio::spawn(work);
        let id = waits.id();
        assert_eq!(waits.await.unwrap(), id);
        assert!(tasks.is_empty());
    }

    #[tokio::test]
    async fn what_nobody_waits_for_goes_on_as_a_task() {
        for is_begun in [true, false] {
            let tasks = TaskTracker::new();
            let (go_on, end, work) = work();
            let mut work = RunToEnd::new(work.boxed(), &tasks, &Handle::current());
            if is_begun {
                assert!(futures_util::poll!(&mut work).is_pending());
            }
            assert!(tasks.is_empty());
            drop(work);
            assert_eq!(tasks.len(), 1);
            go_on.send(()).unwrap();
            tokio::time::timeout(Duration::from_secs(10), end)
                .await
                .expect("it goes on")
                .unwrap();
            tasks.close();
            tasks.wait().await;
        }
    }

    #[tokio::test]
    async fn what_panicked_is_not_begun_again() {
        let tasks = TaskTracker::new();
        let work = RunToEnd::new(
            async { panic!("as it should") }.boxed(),
            &tasks,
            &Handle::current(),
        );
        let waits = tokio::spawn(work);
        assert!(waits.await.unwrap_err().is_panic());
        assert!(tasks.is_empty());
    }
}
