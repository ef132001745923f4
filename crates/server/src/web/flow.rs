//! Decides when a connection may read.

use std::cell::Cell;
use std::rc::Rc;
use std::task::Waker;

use tokio::time::Instant;

/// What a connection may read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reading {
    /// Requests: none is being answered.
    Requests,
    /// The body that a handler waits for.
    Body,
    /// Nothing: a request is being answered.
    Nothing,
}

/// State of one connection, shared by its stream, its request and its answer.
pub(super) struct Flow {
    reading: Cell<Reading>,
    /// Since when the next request's head may come; `None` while a request is answered.
    idle_since: Cell<Option<Instant>>,
    reader: Cell<Option<Waker>>,
    /// Whether the client waits for `100 Continue` before it sends its body (`Expect: 100-continue`).
    expects: Cell<bool>,
}

impl Flow {
    pub(super) fn new() -> Rc<Self> {
        Rc::new(Self {
            reading: Cell::new(Reading::Requests),
            idle_since: Cell::new(Some(Instant::now())),
            reader: Cell::new(None),
            expects: Cell::new(false),
        })
    }

    /// Begins an answer; reading resumes if the value is dropped.
    pub(super) fn begin(self: &Rc<Self>, expects: bool) -> Answering {
        self.expects.set(expects);
        self.reading.set(Reading::Nothing);
        self.idle_since.set(None);
        Answering(Rc::clone(self))
    }

    /// Reports that a handler waits for the rest of its request's body.
    pub(super) fn wait_for_body(&self) {
        if !self.awaits_body() {
            self.reading.set(Reading::Body);
            self.wake();
        }
    }

    /// Reports that a handler waits for its request's body no longer.
    pub(super) fn stop_waiting(&self) {
        if self.awaits_body() {
            self.reading.set(Reading::Nothing);
        }
    }

    /// Returns, once, whether the client waits for `100 Continue`.
    pub(super) fn take_expectation(&self) -> bool {
        self.expects.take()
    }

    /// Returns since when the next request's head may come.
    pub(super) fn idle_since(&self) -> Option<Instant> {
        self.idle_since.get()
    }

    /// Returns whether the stream may hand out bytes.
    pub(super) fn may_read(&self) -> bool {
        self.reading.get() != Reading::Nothing
    }

    /// Returns whether a handler waits for its request's body.
    pub(super) fn awaits_body(&self) -> bool {
        self.reading.get() == Reading::Body
    }

    /// Keeps the reader's waker until reading resumes.
    pub(super) fn park(&self, reader: &Waker) {
        self.reader.set(Some(reader.clone()));
    }

    /// Wakes the reader, if one is parked.
    pub(super) fn wake(&self) {
        if let Some(reader) = self.reader.take() {
            reader.wake();
        }
    }
}

/// An answer that is being made or sent.
pub(super) struct Answering(Rc<Flow>);

impl Drop for Answering {
    fn drop(&mut self) {
        self.0.reading.set(Reading::Requests);
        self.0.idle_since.set(Some(Instant::now()));
        self.0.wake();
    }
}
