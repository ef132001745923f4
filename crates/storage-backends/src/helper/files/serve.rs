//! Serves the calls that come with a pipe each, on threads of the helper.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, IoSliceMut, Write};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use nix::sys::resource::{Resource, setrlimit};
use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};
use serde::de::DeserializeOwned;
use storage_domain::FilePath;

use super::list::{Kept, Listing, has_left};
use super::protocol::{
    BrokenRead, FileCall, FileFailure, FileReply, FilesRoot, MAX_LOOKUPS, MAX_TRANSFERS, Request,
};
use super::read::{OpenFile, Range};
use super::root::{Root, stat};
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
        files,
        root: Mutex::default(),
        kept: Kept::default(),
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
    files: FilesRoot,
    /// The root, from the first call that could open it.
    root: Mutex<Option<Arc<Root>>>,
    kept: Kept,
    lines: Mutex<[Line; 2]>,
}

/// The calls of a class: reads wait for clients, and must not keep lists waiting.
#[derive(Debug, Default)]
struct Line {
    threads: usize,
    waiting: VecDeque<(Request, OwnedFd)>,
}

impl Server {
    fn lines(&self) -> MutexGuard<'_, [Line; 2]> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives a call to a thread, or has it wait for one. A call that is dropped closes its pipe, which its caller sees.
    fn accept(self: &Arc<Self>, request: Request, pipe: OwnedFd) {
        let is_transfer = request.call.is_transfer();
        let (class, max) = (
            usize::from(is_transfer),
            [MAX_LOOKUPS, MAX_TRANSFERS][usize::from(is_transfer)],
        );
        let mut lines = self.lines();
        let line = &mut lines[class];
        if line.waiting.len() >= MAX_WAITING {
            return;
        }
        line.waiting.push_back((request, pipe));
        if line.threads >= max {
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
    fn work(&self, class: usize) {
        loop {
            let mut lines = self.lines();
            let Some((request, pipe)) = lines[class].waiting.pop_front() else {
                lines[class].threads -= 1;
                return;
            };
            drop(lines);
            if !has_left(pipe.as_fd()) {
                self.answer(&request, pipe);
            }
        }
    }

    /// Makes a call. A caller that left takes no answer.
    fn answer(&self, request: &Request, pipe: OwnedFd) {
        let mut pipe = File::from(pipe);
        let answer = match self.make(&request.call, pipe.as_fd()) {
            Ok(Made::Reply(answer)) => answer,
            Ok(Made::Open(file)) => {
                if let Err(failure) = file.send(&mut pipe) {
                    // The reason has to be there before the pipe is closed.
                    let id = request.id;
                    let _service_gone =
                        protocol::write(&mut io::stdout().lock(), &BrokenRead { id, failure });
                }
                return;
            }
            Err(failure) => FileReply::Failed(failure),
        };
        if let Ok(mut line) = serde_json::to_vec(&answer) {
            line.push(b'\n');
            let _caller_left = pipe.write_all(&line);
        }
    }

    fn make(&self, call: &FileCall, caller: BorrowedFd<'_>) -> Result<Made, FileFailure> {
        let (FileCall::List { path, .. } | FileCall::Stat { path } | FileCall::Read { path, .. }) = call;
        let path: FilePath = path.parse().map_err(|_| FileFailure::NotFound)?;
        let root = self.root()?;
        Ok(match call {
            FileCall::List { after, limit, .. } => {
                let listing = Listing {
                    root: &root,
                    kept: &self.kept,
                    path: &path,
                    max_sorted: self.files.max_sorted,
                    limit: *limit,
                    end: Instant::now() + self.files.names_time,
                    caller,
                };
                Made::Reply(FileReply::Page(listing.page(after.as_ref())?))
            }
            FileCall::Stat { .. } => Made::Reply(FileReply::Entry(stat(&root, &path)?)),
            FileCall::Read {
                offset, length, etag, ..
            } => {
                let range = Range {
                    offset: *offset,
                    length: *length,
                    etag: etag.as_deref(),
                };
                Made::Open(OpenFile::open(&root, &path, &range)?)
            }
        })
    }

    fn root(&self) -> Result<Arc<Root>, FileFailure> {
        let mut root = self.root.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(root) = &*root {
            return Ok(Arc::clone(root));
        }
        let opened = Arc::new(Root::open(&self.files)?);
        *root = Some(Arc::clone(&opened));
        Ok(opened)
    }
}

/// What became of a call.
enum Made {
    Reply(FileReply),
    Open(OpenFile),
}
