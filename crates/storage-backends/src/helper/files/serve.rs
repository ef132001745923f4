//! Serves the calls that come with a pipe each, on threads of the helper.

use std::collections::VecDeque;
use std::io::{self, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use nix::sys::resource::{Resource, setrlimit};
use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};
use serde::de::DeserializeOwned;

use super::list::has_left;
use super::protocol::{Class, FilesRoot, Request};
use super::work::Work;
use crate::helper::protocol::{self, MAX_MESSAGE_BYTES};
use crate::helper::{EXIT_PROTOCOL, panic_ends_process};

/// Stack of a thread, in bytes.
const STACK_BYTES: usize = 256 * 1024;
/// Calls of a class that wait for a thread: those whose callers left while their threads hang may be in front.
const MAX_WAITING: usize = 64;

/// Serves calls until the service closes the socket, even while some hang.
pub(in crate::helper) fn serve() -> i32 {
    let files = match receive::<FilesRoot>() {
        Ok(Some((files, _))) => files,
        Ok(None) => return 0,
        Err(_) => return EXIT_PROTOCOL,
    };
    panic_ends_process();
    if setrlimit(Resource::RLIMIT_DATA, files.max_memory, files.max_memory).is_err() {
        return EXIT_PROTOCOL;
    }
    let server = Arc::new(Server {
        work: Work::new(files),
        lines: Mutex::default(),
    });
    loop {
        match receive::<Request>() {
            Ok(Some((request, Some(pipe)))) => server.accept(request, pipe),
            Ok(None) => return 0,
            Ok(Some((_, None))) | Err(_) => return EXIT_PROTOCOL,
        }
    }
}

/// Receives a message from the socket that is the standard input, with what was passed along; `None` at its end.
fn receive<T: DeserializeOwned>() -> io::Result<Option<(T, Option<OwnedFd>)>> {
    let mut bytes = vec![0; MAX_MESSAGE_BYTES];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let flags = RecvFlags::CMSG_CLOEXEC;
    let received = loop {
        match recvmsg(
            io::stdin(),
            &mut [IoSliceMut::new(&mut bytes)],
            &mut control,
            flags,
        ) {
            Err(rustix::io::Errno::INTR) => {}
            received => break received?,
        }
    };
    let passed = control.drain().find_map(|message| match message {
        RecvAncillaryMessage::ScmRights(mut passed) => passed.next(),
        _ => None,
    });
    let message = protocol::read(&mut &bytes[..received.bytes])?;
    Ok(message.map(|message| (message, passed)))
}

/// What the threads of a helper share.
#[derive(Debug)]
struct Server {
    work: Work,
    lines: Mutex<[Line; Class::ALL.len()]>,
}

/// The calls of a class.
#[derive(Debug, Default)]
struct Line {
    threads: usize,
    waiting: VecDeque<(Request, OwnedFd)>,
}

impl Server {
    fn lines(&self) -> MutexGuard<'_, [Line; Class::ALL.len()]> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives a call to a thread, or has it wait for one. A call that is dropped closes its pipe, which its caller sees.
    fn accept(self: &Arc<Self>, request: Request, pipe: OwnedFd) {
        let class = request.call.class();
        let mut lines = self.lines();
        let line = &mut lines[class as usize];
        if line.waiting.len() >= MAX_WAITING {
            return;
        }
        line.waiting.push_back((request, pipe));
        if line.threads >= class.max() {
            return;
        }
        let server = Arc::clone(self);
        let thread = std::thread::Builder::new().stack_size(STACK_BYTES);
        match thread.spawn(move || server.work(class)) {
            Ok(_) => line.threads += 1,
            Err(_) => drop(line.waiting.pop_back()),
        }
    }

    /// Makes calls of a class until none waits.
    fn work(&self, class: Class) {
        loop {
            let mut lines = self.lines();
            let line = &mut lines[class as usize];
            let Some((request, pipe)) = line.waiting.pop_front() else {
                line.threads -= 1;
                return;
            };
            drop(lines);
            if !has_left(pipe.as_fd()) {
                self.work.answer(&request, pipe);
            }
        }
    }
}
