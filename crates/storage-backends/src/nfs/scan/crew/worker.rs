//! One thread of the crew.

use std::ffi::CStr;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::{self, Scope};
use std::time::{Duration, Instant};

use rustix::io::{Errno, fcntl_dupfd_cloexec};

use super::Crew;
use crate::nfs::scan::frame::{Frame, Names, Place, Task};
use crate::nfs::scan::open::{Held, Opened};
use crate::nfs::scan::reader::{Read, Reader};

/// How long a call takes at the most where it is answered from memory, and what each entry adds.
const AT_ONCE: Duration = Duration::from_micros(80);
const AT_ONCE_AN_ENTRY: Duration = Duration::from_nanos(250);
/// How many slow calls, less the quick ones, make the storage slow.
const SLOW: u32 = 4;
/// How many directories are held open while their children wait; others are opened again.
const MAX_HELD: usize = 256;
/// How many levels of directories are read below the root: a server can make a tree without an end.
const MAX_LEVELS: u32 = 1024;

pub(super) struct Worker<'a, 'crew> {
    crew: &'crew Crew<'a>,
    reader: Reader<'a>,
    stack: Vec<Frame<'a>>,
    /// How many bytes of names wait in the stack.
    waiting: usize,
    slow: u32,
    /// The name that is worked on, with its NUL.
    name: Vec<u8>,
}

impl<'a, 'crew> Worker<'a, 'crew> {
    pub(super) fn new(crew: &'crew Crew<'a>) -> Self {
        Self {
            crew,
            reader: Reader::new(crew.options, crew.tally, crew.cancel),
            stack: Vec::new(),
            waiting: 0,
            slow: 0,
            name: Vec::new(),
        }
    }

    /// Reads the root.
    pub(super) fn begin(&mut self) -> Result<(), Errno> {
        let fd = fcntl_dupfd_cloexec(&self.crew.root.fd, 0)?;
        let begun = Instant::now();
        self.reader.counts.directories += 1;
        let read = self.reader.read(&fd, 0);
        self.timed(begun, read.entries);
        match read.error {
            Some(errno) if read.entries == 0 => Err(errno),
            error => {
                self.unread(error, None, None);
                self.push(None, fd, read.names, read.more);
                Ok(())
            }
        }
    }

    /// Works until all threads are without work.
    pub(super) fn run<'scope>(mut self, scope: &'scope Scope<'scope, '_>)
    where
        'crew: 'scope,
    {
        let guard = StopOnPanic(self.crew);
        loop {
            while let Some(frame) = self.stack.pop() {
                if self.crew.cancel.load(Ordering::Relaxed) {
                    self.crew.stop();
                    break;
                }
                self.step(frame);
                self.share(scope);
            }
            self.reader_done();
            let Some(frame) = self.crew.take() else { break };
            self.waiting = frame.names.len();
            self.stack.push(frame);
        }
        drop(guard);
    }

    fn reader_done(&mut self) {
        self.crew.tally.add(&mut self.reader.counts, Instant::now());
    }

    /// Does one thing of a frame that was taken from the stack, and puts back what is left of it.
    fn step(&mut self, mut frame: Frame<'a>) {
        let mut name = std::mem::take(&mut self.name);
        let before = frame.names.len();
        let task = frame.names.pop(&mut name);
        self.waiting -= before - frame.names.len();
        match frame.held(self.crew.root) {
            Err(errno) => self.unread(
                (errno != Errno::NOENT).then_some(errno),
                frame.place.as_ref(),
                None,
            ),
            Ok(held) => match (task, CStr::from_bytes_with_nul(&name)) {
                (Some(task), Ok(name)) => self.task(task, name, frame, &held),
                _ => self.read_on(frame, &held),
            },
        }
        self.name = name;
    }

    fn task(&mut self, task: Task, name: &CStr, frame: Frame<'a>, held: &Held<'a>) {
        let begun = Instant::now();
        let is_directory = match task {
            Task::Read => Ok(true),
            Task::Size => self.reader.size(&held.fd, name).map(|()| false),
            Task::Kind => self.reader.kind(&held.fd, name),
        };
        let place = frame.place.clone();
        self.keep(frame);
        match is_directory {
            Ok(true) => self.directory(place.as_ref(), name, held, begun),
            Ok(false) => self.timed(begun, 0),
            Err(errno) => self.unread(Some(errno), place.as_ref(), Some(name)),
        }
    }

    fn directory(&mut self, parent: Option<&Arc<Place>>, name: &CStr, held: &Held<'a>, begun: Instant) {
        let fd = match self.crew.root.open(&held.fd, name) {
            Opened::Gone => return,
            Opened::Directory(fd) => fd,
            Opened::Elsewhere => {
                self.reader.counts.directories += 1;
                return;
            }
            Opened::Failed(errno) => {
                self.reader.counts.directories += 1;
                return self.unread(Some(errno), parent, Some(name));
            }
        };
        self.reader.counts.directories += 1;
        if Place::depth(parent) >= MAX_LEVELS {
            self.timed(begun, 0);
            let bound = || format!("directories more than {MAX_LEVELS} levels deep were not entered");
            return self.crew.tally.cut(bound);
        }
        let read = self.reader.read(&fd, self.waiting);
        self.timed(begun, read.entries);
        self.unread(read.error, parent, Some(name));
        if read.more || !read.names.is_empty() {
            self.push(Some(Place::new(parent, name)), fd, read.names, read.more);
        }
    }

    fn read_on(&mut self, mut frame: Frame<'a>, held: &Held<'a>) {
        let Read {
            names, more, error, ..
        } = self.reader.read(&held.fd, self.waiting);
        self.unread(error, frame.place.as_ref(), None);
        self.waiting += names.len();
        frame.names = names;
        frame.more = more;
        self.keep(frame);
    }

    fn push(&mut self, place: Option<Arc<Place>>, fd: OwnedFd, names: Names, more: bool) {
        if self.crew.root.held.load(Ordering::Relaxed) >= MAX_HELD
            && let Some(below) = self.stack.last_mut()
        {
            below.let_go();
        }
        self.waiting += names.len();
        self.keep(Frame::new(place, fd, self.crew.root, names, more));
    }

    /// Puts a frame on the stack, where anything is left to do in it.
    fn keep(&mut self, frame: Frame<'a>) {
        if frame.more || !frame.names.is_empty() {
            self.stack.push(frame);
        }
    }

    /// Notes how long the storage took to answer, and tells what was counted.
    fn timed(&mut self, begun: Instant, entries: u32) {
        let now = Instant::now();
        let at_once = AT_ONCE + AT_ONCE_AN_ENTRY * entries;
        self.slow = if now - begun > at_once {
            (self.slow + 2).min(2 * SLOW)
        } else {
            self.slow.saturating_sub(1)
        };
        self.crew.tally.add(&mut self.reader.counts, now);
    }

    fn unread(&self, error: Option<Errno>, place: Option<&Arc<Place>>, name: Option<&CStr>) {
        if let Some(errno) = error {
            let errno = std::io::Error::from(errno);
            self.crew
                .tally
                .fail(|| format!("Reading {} failed: {errno}", Place::path(place, name)));
        }
    }

    /// Gives work away where others have none.
    fn share<'scope>(&mut self, scope: &'scope Scope<'scope, '_>)
    where
        'crew: 'scope,
    {
        let slow = self.slow >= SLOW;
        for _ in 0..self.crew.wanted(slow) {
            let Some(frame) = self.surplus() else { return };
            self.crew.give(frame);
        }
        if self.crew.may_grow(slow)
            && let Some(frame) = self.surplus()
        {
            self.crew.give(frame);
            self.crew.grow(scope);
        }
    }

    /// Half of the names that wait the longest, or the longest waiting directory whole, but never the last of the work.
    fn surplus(&mut self) -> Option<Frame<'a>> {
        let part = match self.stack.first_mut()?.split() {
            Some(half) => half,
            None if self.stack.len() > 1 => self.stack.remove(0),
            None => return None,
        };
        self.waiting -= part.names.len();
        Some(part)
    }
}

/// A thread that panics must not leave the others waiting for it.
struct StopOnPanic<'a, 'crew>(&'crew Crew<'a>);

impl Drop for StopOnPanic<'_, '_> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.stop();
        }
    }
}
