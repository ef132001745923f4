use std::future::{pending, ready};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use futures_util::FutureExt as _;
use futures_util::future::join_all;
use tokio::sync::Semaphore;

use super::*;

const LONG: Duration = Duration::from_hours(1);
/// A cached value is always too old, and always of use if the database fails.
const TIMES: Times = Times {
    what: "the numbers",
    max_age: Duration::ZERO,
    min_interval: Duration::ZERO,
    timeout: LONG,
    retry_after: LONG,
    stale_if_error: LONG,
};

/// A database that answers when it is let.
#[derive(Debug)]
struct Database {
    reads: AtomicUsize,
    answers: Semaphore,
    fails: AtomicBool,
}

impl Database {
    fn silent() -> Arc<Self> {
        Arc::new(Self {
            reads: AtomicUsize::new(0),
            answers: Semaphore::new(0),
            fails: AtomicBool::new(false),
        })
    }

    fn read(self: &Arc<Self>) -> impl Future<Output = Result<u32, StoreError>> + Send + use<> {
        let database = Arc::clone(self);
        async move {
            database.reads.fetch_add(1, Ordering::SeqCst);
            database.answers.acquire().await.unwrap().forget();
            if database.fails.load(Ordering::SeqCst) {
                return Err(StoreError::no_answer("the test"));
            }
            Ok(7)
        }
    }

    fn answer(&self) {
        self.answers.add_permits(1);
    }

    /// Waits until it is asked.
    async fn asked(&self) {
        while self.reads() == 0 {
            tokio::task::yield_now().await;
        }
    }

    fn reads(&self) -> usize {
        self.reads.load(Ordering::SeqCst)
    }
}

/// With something that was read.
async fn holding(times: Times) -> (Arc<Cache<u32>>, Arc<u32>) {
    let cache = Cache::new(times, Handle::current());
    let known = cache.load(ready(Ok(7))).await.unwrap();
    (cache, known)
}

async fn soon<T>(work: impl Future<Output = T>) -> T {
    let ended = timeout(Duration::from_secs(10), work).await;
    ended.expect("it ends")
}

#[tokio::test]
async fn all_who_wait_share_one_attempt_and_nobody_begins_another_at_once() {
    let stale_if_error = Duration::ZERO;
    let (cache, _) = holding(Times {
        stale_if_error,
        ..TIMES
    })
    .await;
    let database = Database::silent();
    let mut waiting: Vec<_> = (0..15)
        .map(|_| Box::pin(cache.fresh(|| database.read())))
        .collect();
    for call in &mut waiting {
        assert!(call.as_mut().now_or_never().is_none());
    }
    // The one who began hangs up.
    drop(waiting.remove(0));
    database.fails.store(true, Ordering::SeqCst);
    database.answer();
    let outcomes = soon(join_all(waiting)).await;
    assert!(outcomes.iter().all(Result::is_err));
    let late = cache.fresh(|| database.read()).now_or_never();
    assert!(late.expect("nobody waits in the pause").is_err());
    let new = cache.reread(|| database.read()).now_or_never();
    assert!(new.expect("nobody waits in the pause").is_err());
    assert_eq!(database.reads(), 1);
}

#[tokio::test]
async fn the_first_request_waits_for_the_first_read() {
    let max_age = LONG;
    let cache = Cache::new(Times { max_age, ..TIMES }, Handle::current());
    let database = Database::silent();
    let mut first = Box::pin(cache.fresh(|| database.read()));
    assert!(first.as_mut().now_or_never().is_none());
    database.answer();
    let read = soon(first).await.unwrap();
    let again = cache.fresh(|| database.read()).now_or_never();
    assert!(Arc::ptr_eq(&read, &again.unwrap().unwrap()));
    assert_eq!(database.reads(), 1);
}

/// What was revoked since must not be let in for having come with another request.
#[tokio::test]
async fn who_comes_during_a_read_waits_for_it() {
    let (cache, old) = holding(TIMES).await;
    let database = Database::silent();
    let mut calls = [(); 2].map(|()| Box::pin(cache.fresh(|| database.read())));
    for call in &mut calls {
        assert!(call.as_mut().now_or_never().is_none());
    }
    database.answer();
    for read in soon(join_all(calls)).await {
        assert!(!Arc::ptr_eq(&read.unwrap(), &old));
    }
    assert_eq!(database.reads(), 1);
}

#[tokio::test]
async fn while_the_database_is_away_one_waits_and_the_others_go_on_with_what_is_known() {
    let retry_after = Duration::ZERO;
    let (cache, old) = holding(Times { retry_after, ..TIMES }).await;
    let database = Database::silent();
    database.fails.store(true, Ordering::SeqCst);
    database.answer();
    let known = soon(cache.fresh(|| database.read())).await.unwrap();
    assert!(Arc::ptr_eq(&known, &old));

    let mut one = Box::pin(cache.fresh(|| database.read()));
    assert!(one.as_mut().now_or_never().is_none());
    let other = cache.fresh(|| database.read()).now_or_never();
    assert!(Arc::ptr_eq(
        &other.expect("the other does not wait").unwrap(),
        &old
    ));
    // It is back.
    database.fails.store(false, Ordering::SeqCst);
    database.answer();
    assert!(!Arc::ptr_eq(&soon(one).await.unwrap(), &old));
    assert_eq!(database.reads(), 2);
}

#[tokio::test]
async fn what_is_read_again_is_read_after_it_was_asked_for() {
    let (cache, _) = holding(TIMES).await;
    let database = Database::silent();
    let mut current = Box::pin(cache.fresh(|| database.read()));
    assert!(current.as_mut().now_or_never().is_none());
    soon(database.asked()).await;
    let mut new = [(); 2].map(|()| Box::pin(cache.reread(|| database.read())));
    for call in &mut new {
        assert!(call.as_mut().now_or_never().is_none());
    }
    database.answer();
    let first = soon(current).await.unwrap();
    database.answer();
    for read in soon(join_all(new)).await {
        assert!(!Arc::ptr_eq(&read.unwrap(), &first));
    }
    assert_eq!(database.reads(), 2);
}

#[tokio::test]
async fn an_attempt_ends_though_its_read_does_not() {
    let timeout = Duration::from_millis(10);
    let cache = Cache::<u32>::new(Times { timeout, ..TIMES }, Handle::current());
    assert!(soon(cache.fresh(pending)).await.is_err());
}

#[tokio::test]
async fn an_attempt_that_breaks_off_is_over() {
    let cache = Cache::new(TIMES, Handle::current());
    let broken = cache.fresh(|| async { panic!("it was asked to") });
    assert!(soon(broken).await.is_err());
    assert!(soon(cache.fresh(|| ready(Ok(7)))).await.is_ok());
}
