//! The threads that walk a tree together.
//!
//! Each thread has a stack of directories and walks depth first. A thread without work is given half of what waits at
//! the bottom of another's stack. There are as many threads as processors at first; more are started, up to the limit
//! of the options, only by threads that see that they wait for the storage.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, Scope};

use super::WalkOptions;
use super::frame::Frame;
use super::open::Root;
use super::tally::Tally;

mod worker;

use worker::Worker;

/// How much stack a thread gets, in bytes.
const STACK_BYTES: usize = 256 * 1024;
/// No more threads than this work on storage that answers at once: they would only wait for each other.
const MAX_EAGER: usize = 8;

/// What the threads share.
pub(super) struct Crew<'a> {
    root: &'a Root,
    options: &'a WalkOptions,
    tally: &'a Tally<'a>,
    cancel: &'a AtomicBool,
    /// How many threads are of use where the storage answers at once.
    eager: usize,
    pool: Mutex<Pool<'a>>,
    wake: Condvar,
    /// How many threads have no work and none on its way; a copy of what the pool knows, to be read without its lock.
    hungry: AtomicUsize,
    /// How many threads are at work, likewise.
    active: AtomicUsize,
    /// How many more threads may be started, likewise.
    room: AtomicUsize,
}

#[derive(Default)]
struct Pool<'a> {
    queue: Vec<Frame<'a>>,
    threads: usize,
    idle: usize,
    limit: usize,
    over: bool,
}

impl<'a> Crew<'a> {
    pub(super) fn new(
        root: &'a Root,
        options: &'a WalkOptions,
        tally: &'a Tally<'a>,
        cancel: &'a AtomicBool,
    ) -> Self {
        let processors = thread::available_parallelism().map_or(1, usize::from);
        let limit = options.threads.max(1);
        Self {
            root,
            options,
            tally,
            cancel,
            eager: processors.min(limit).min(MAX_EAGER),
            pool: Mutex::new(Pool {
                threads: 1,
                limit,
                ..Pool::default()
            }),
            wake: Condvar::new(),
            hungry: AtomicUsize::new(0),
            active: AtomicUsize::new(1),
            room: AtomicUsize::new(limit - 1),
        }
    }

    /// Walks the tree; the calling thread is the first of the crew.
    pub(super) fn run(&self) -> io::Result<()> {
        thread::scope(|scope| {
            let mut first = Worker::new(self);
            first.begin()?;
            first.run(scope);
            Ok::<_, io::Error>(())
        })?;
        if self.cancel.load(Ordering::Relaxed) {
            return Err(io::Error::new(
                io::ErrorKind::Interrupted,
                "the scan was cancelled",
            ));
        }
        Ok(())
    }

    fn pool(&self) -> MutexGuard<'_, Pool<'a>> {
        self.pool.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn copy(&self, pool: &Pool<'_>) {
        let hungry = pool.idle.saturating_sub(pool.queue.len());
        self.hungry.store(hungry, Ordering::Relaxed);
        self.active.store(pool.threads - pool.idle, Ordering::Relaxed);
        self.room
            .store(pool.limit.saturating_sub(pool.threads), Ordering::Relaxed);
    }

    /// Waits for work; `None` when there will be none.
    fn take(&self) -> Option<Frame<'a>> {
        let mut pool = self.pool();
        loop {
            if pool.over {
                return None;
            }
            if let Some(frame) = pool.queue.pop() {
                self.copy(&pool);
                return Some(frame);
            }
            pool.idle += 1;
            if pool.idle == pool.threads {
                pool.over = true;
                self.wake.notify_all();
                return None;
            }
            self.copy(&pool);
            pool = self.wake.wait(pool).unwrap_or_else(PoisonError::into_inner);
            pool.idle -= 1;
        }
    }

    /// Ends the walk; what waits is left.
    fn stop(&self) {
        let mut pool = self.pool();
        pool.over = true;
        pool.queue.clear();
        self.wake.notify_all();
    }

    /// How many shares of its work a thread should give away.
    fn wanted(&self, slow: bool) -> usize {
        let room = if slow {
            usize::MAX
        } else {
            self.eager.saturating_sub(self.active.load(Ordering::Relaxed))
        };
        if room == 0 {
            return 0;
        }
        self.hungry.load(Ordering::Relaxed).min(room)
    }

    /// Whether one more thread would be of use.
    fn may_grow(&self, slow: bool) -> bool {
        self.room.load(Ordering::Relaxed) > 0
            && self.hungry.load(Ordering::Relaxed) == 0
            && (slow || self.active.load(Ordering::Relaxed) < self.eager)
    }

    /// Gives a share of work to a thread that has none.
    fn give(&self, frame: Frame<'a>) {
        let mut pool = self.pool();
        if !pool.over {
            pool.queue.push(frame);
            self.copy(&pool);
            self.wake.notify_one();
        }
    }

    /// Starts one more thread, unless there are enough. Where the system has none left, those that are there do.
    fn grow<'scope>(&'scope self, scope: &'scope Scope<'scope, '_>) {
        let mut pool = self.pool();
        if pool.threads >= pool.limit || pool.over {
            return;
        }
        pool.threads += 1;
        let thread = thread::Builder::new()
            .name("scan".to_owned())
            .stack_size(STACK_BYTES);
        if thread
            .spawn_scoped(scope, || Worker::new(self).run(scope))
            .is_err()
        {
            pool.threads -= 1;
            pool.limit = pool.threads;
        }
        self.copy(&pool);
    }
}
