//! A running helper for files, as the service sees it.

use std::collections::HashMap;
use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixDatagram as StdSocket;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustix::net::{
    AddressFamily, SendAncillaryBuffer, SendAncillaryMessage, SendFlags, SocketFlags, SocketType, sendmsg,
    socketpair,
};
use rustix::pipe::{PipeFlags, fcntl_setpipe_size, pipe_with};
use tokio::io::{BufReader, Interest};
use tokio::net::unix::pipe;
use tokio::net::{UnixDatagram, UnixStream};
use tokio::process::ChildStdout;
use tokio::sync::{oneshot, watch};
use tokio::time::timeout;

use super::FilesPlace;
use crate::error::{Error, ErrorKind};
use crate::helper::files::protocol::{BrokenRead, FileFailure, FilesRoot, Request};
use crate::helper::process::{Ending, KILL_GRACE, Process};
use crate::helper::protocol;
use crate::helper::queue::lease::{Lease, broken};

/// Bytes that a pipe holds for a client that is slow: as many as the kernel gives any user (`fs.pipe-max-size`). Those of a file
/// are its pages in the kernel's cache, and no copy.
const PIPE_BYTES: usize = 1024 * 1024;

/// Says why a helper ended, or is about to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ended {
    /// The mount is taken away.
    Preempted,
    /// A call did not end in time: all calls of a backend hang together.
    Hung,
    /// It is gone by itself.
    Died,
    /// It had nothing to do, or is for another place.
    Unused,
}

impl Ended {
    pub(super) fn error(self, step: &'static str) -> Error {
        match self {
            Self::Preempted => Error::cancelled(step),
            Self::Hung => {
                Error::new(ErrorKind::Timeout, step).with_source("the storage did not answer in time")
            }
            Self::Died | Self::Unused => Error::new(ErrorKind::Helper, step),
        }
    }
}

#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) calls: usize,
    pub(super) ended: Option<Ended>,
    gone: bool,
}

type Broken = Mutex<HashMap<u64, oneshot::Sender<FileFailure>>>;

/// A helper that works on the files of one root.
#[derive(Debug)]
pub(super) struct FilesHelper {
    pub(super) root: FilesRoot,
    /// The helper ends when this is closed.
    socket: UnixDatagram,
    pub(super) state: watch::Sender<State>,
    pub(super) next_id: AtomicU64,
    /// Reads under way, for the reasons why they break off.
    broken: Broken,
}

impl FilesHelper {
    /// Starts a helper, which holds the lease until it is gone.
    pub(super) fn start(lease: Lease, place: &FilesPlace) -> Result<Arc<Self>, Error> {
        let (socket, theirs) = socketpair(
            AddressFamily::UNIX,
            SocketType::SEQPACKET,
            SocketFlags::CLOEXEC,
            None,
        )
        .map_err(broken)?;
        let root = protocol::encode(&place.root).map_err(broken)?;
        send(socket.as_fd(), &root, &[]).map_err(broken)?;
        let socket = StdSocket::from(socket);
        socket.set_nonblocking(true).map_err(broken)?;
        let helper = Arc::new(Self {
            root: place.root.clone(),
            socket: UnixDatagram::from_std(socket).map_err(broken)?,
            state: watch::Sender::default(),
            next_id: AtomicU64::new(0),
            broken: Mutex::default(),
        });
        let process = lease.start_files(theirs)?;
        tokio::spawn(Arc::clone(&helper).supervise(process, lease, place.idle));
        Ok(helper)
    }

    async fn supervise(self: Arc<Self>, mut process: Process, lease: Lease, idle: Duration) {
        let ended = tokio::select! {
            biased;
            () = lease.preempted() => Ended::Preempted,
            ended = self.ended() => ended,
            () = self.note_broken(&mut process.stdout) => Ended::Died,
            () = self.until_idle(idle) => Ended::Unused,
        };
        self.end(ended);
        let gone = process.end(Ending::Abandoned).await.is_some();
        self.state.send_modify(|state| state.gone = gone);
        self.broken().clear();
    }

    /// Has the helper killed, and waits until it is gone.
    ///
    /// # Errors
    /// [`ErrorKind::Timeout`] if it hangs in the kernel.
    pub(super) async fn end_and_wait(&self, step: &'static str) -> Result<(), Error> {
        self.end(Ended::Unused);
        let mut state = self.state.subscribe();
        let gone = timeout(KILL_GRACE * 2, state.wait_for(|state| state.gone)).await;
        gone.map(|_| ()).map_err(|_| Ended::Hung.error(step))
    }

    /// Passes on why reads break off, until the helper closes its output.
    async fn note_broken(&self, output: &mut ChildStdout) {
        let mut output = BufReader::new(output);
        while let Ok(BrokenRead { id, failure }) = protocol::receive(&mut output).await {
            if let Some(reader) = self.broken().remove(&id) {
                let _left = reader.send(failure);
            }
        }
    }

    async fn until_idle(&self, idle: Duration) {
        let mut state = self.state.subscribe();
        loop {
            drop(state.wait_for(|state| state.calls == 0).await);
            if timeout(idle, state.wait_for(|state| state.calls > 0))
                .await
                .is_ok()
            {
                continue;
            }
            let closed = self.state.send_if_modified(|state| {
                let is_idle = state.calls == 0;
                if is_idle {
                    state.ended.get_or_insert(Ended::Unused);
                }
                is_idle
            });
            if closed {
                return;
            }
        }
    }

    /// Counts a call, unless the helper ends.
    pub(super) fn enter(&self) -> bool {
        self.state.send_if_modified(|state| {
            let is_open = state.ended.is_none();
            state.calls += usize::from(is_open);
            is_open
        })
    }

    /// Has the helper killed.
    pub(super) fn end(&self, why: Ended) {
        self.state.send_modify(|state| {
            state.ended.get_or_insert(why);
        });
    }

    /// Waits until the helper ends.
    pub(super) async fn ended(&self) -> Ended {
        let mut state = self.state.subscribe();
        let ended = state.wait_for(|state| state.ended.is_some()).await;
        ended.ok().and_then(|state| state.ended).unwrap_or(Ended::Died)
    }

    pub(super) fn broken(&self) -> MutexGuard<'_, HashMap<u64, oneshot::Sender<FileFailure>>> {
        self.broken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends a call and the end of the pipe that its answer comes through.
    pub(super) async fn send(&self, request: &Request, pipe: OwnedFd) -> io::Result<()> {
        let line = protocol::encode(request)?;
        let send = || send(self.socket.as_fd(), &line, &[pipe.as_fd()]);
        self.socket.async_io(Interest::WRITABLE, send).await
    }
}

/// Makes the pipe of a call.
pub(super) fn answer_pipe() -> io::Result<(pipe::Receiver, OwnedFd)> {
    let (ours, theirs) = pipe_with(PipeFlags::CLOEXEC)?;
    // Beyond the user's limit it stays as it is (pipe(7)).
    let _smaller = fcntl_setpipe_size(&ours, PIPE_BYTES);
    Ok((pipe::Receiver::from_owned_fd(ours)?, theirs))
}

/// Makes the socket of a call whose caller has more to say.
pub(super) fn socket() -> io::Result<(UnixStream, OwnedFd)> {
    let (ours, theirs) = std::os::unix::net::UnixStream::pair()?;
    ours.set_nonblocking(true)?;
    Ok((UnixStream::from_std(ours)?, theirs.into()))
}

/// Sends one message with descriptors.
fn send(socket: BorrowedFd<'_>, line: &[u8], passed: &[BorrowedFd<'_>]) -> io::Result<()> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    if !passed.is_empty() && !control.push(SendAncillaryMessage::ScmRights(passed)) {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    sendmsg(socket, &[IoSlice::new(line)], &mut control, SendFlags::NOSIGNAL)?;
    Ok(())
}
