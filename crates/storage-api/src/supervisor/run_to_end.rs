//! Work that a client can't break off.

use std::pin::Pin;
use std::task::{Context, Poll};

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use tokio::runtime::Handle;
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;
use tracing::Instrument as _;

/// Work that whoever waits for it carries out. If nobody waits any more, it goes on as a task.
///
/// On processors that are busy, a task of its own from the start would cost each change two more turns in the thread's queue.
pub(super) struct RunToEnd<T: 'static> {
    /// `None` once it ended, or panicked.
    work: Option<BoxFuture<'static, T>>,
    /// A stop waits for the work from its beginning.
    token: TaskTrackerToken,
    runtime: Handle,
}

impl<T> RunToEnd<T> {
    /// Begins nothing yet. The work is one of `tasks`; its timers, and what is left of it once nobody waits any more, belong
    /// to `runtime`.
    pub(super) fn new(work: BoxFuture<'static, T>, tasks: &TaskTracker, runtime: &Handle) -> Self {
        Self {
            work: Some(work),
            token: tasks.token(),
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
        // The runtime of the caller may end before a timer that it has.
        let _entered = self.runtime.enter();
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
            let tasks = self.token.task_tracker();
            tasks.spawn_on(rest, &self.runtime);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::runtime::Builder;
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
    async fn a_stop_waits_for_it_from_the_beginning() {
        let tasks = TaskTracker::new();
        let work = RunToEnd::new(async {}.boxed(), &tasks, &Handle::current());
        assert_eq!(tasks.len(), 1);
        work.await;
        assert!(tasks.is_empty());
    }

    #[tokio::test]
    async fn it_outlives_the_runtime_that_began_it() {
        let tasks = TaskTracker::new();
        let (go_on, end, work) = work();
        let limited = async {
            let limit = Duration::from_secs(10);
            tokio::time::timeout(limit, work).await.unwrap();
        };
        let work = RunToEnd::new(limited.boxed(), &tasks, &Handle::current());
        let begin = move || {
            let runtime = Builder::new_current_thread().enable_all().build().unwrap();
            let mut work = work;
            assert!(
                runtime
                    .block_on(async { futures_util::poll!(&mut work) })
                    .is_pending()
            );
            drop(work);
        };
        tokio::task::spawn_blocking(begin).await.unwrap();
        // A timer of that runtime would have woken it, to panic.
        tokio::time::sleep(Duration::from_millis(50)).await;
        go_on.send(()).unwrap();
        end.await.unwrap();
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
