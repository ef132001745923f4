//! A running read helper, as the service sees it.

use std::collections::HashMap;
use std::future::Future;
use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixDatagram as StdSocket;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustix::net::{
    AddressFamily, SendAncillaryBuffer, SendAncillaryMessage, SendFlags, SocketFlags, SocketType, sendmsg,
    socketpair,
};
use rustix::pipe::{PipeFlags, fcntl_setpipe_size, pipe_with};
use tokio::io::{BufReader, Interest};
use tokio::net::UnixDatagram;
use tokio::net::unix::pipe;
use tokio::process::ChildStdout;
use tokio::sync::{OwnedSemaphorePermit, oneshot, watch};
use tokio::time::{sleep, timeout};

use super::FilesPlace;
use crate::error::{Error, ErrorKind};
use crate::helper::files::protocol::{
    BrokenRead, FileCall, FileFailure, FileReply, FilesRoot, MAX_ANSWER_BYTES, Request,
};
use crate::helper::process::{Ending, Process};
use crate::helper::protocol;
use crate::helper::queue::lease::{Lease, broken};

/// Bytes that a pipe holds for a client that is slow.
const PIPE_BYTES: usize = 512 * 1024;
/// Time for the reason of a broken read to arrive: it was sent before the read's pipe was closed.
const REASON_TIME: Duration = Duration::from_secs(1);

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
struct State {
    calls: usize,
    ended: Option<Ended>,
}

type Broken = Mutex<HashMap<u64, oneshot::Sender<FileFailure>>>;

/// A helper that lists and reads the files of one root.
#[derive(Debug)]
pub(super) struct ReadHelper {
    pub(super) root: FilesRoot,
    /// The helper ends when this is closed.
    socket: UnixDatagram,
    state: watch::Sender<State>,
    next_id: AtomicU64,
    /// Reads under way, for the reasons why they break off.
    broken: Broken,
}

impl ReadHelper {
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
        process.end(Ending::Abandoned).await;
        self.broken().clear();
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

    fn broken(&self) -> MutexGuard<'_, HashMap<u64, oneshot::Sender<FileFailure>>> {
        self.broken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends a call and the end of the pipe that its answer comes through.
    async fn send(&self, request: &Request, pipe: OwnedFd) -> io::Result<()> {
        let line = protocol::encode(request)?;
        let send = || send(self.socket.as_fd(), &line, &[pipe.as_fd()]);
        self.socket.async_io(Interest::WRITABLE, send).await
    }
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

/// A call in the helper. Dropping it closes its pipe's last end in the service.
#[derive(Debug)]
pub(super) struct ActiveCall {
    helper: Arc<ReadHelper>,
    id: u64,
    reason: Mutex<oneshot::Receiver<FileFailure>>,
    _permit: OwnedSemaphorePermit,
}

impl ActiveCall {
    /// Makes a call of a helper that counted it.
    pub(super) fn new(helper: &Arc<ReadHelper>, permit: OwnedSemaphorePermit) -> Self {
        let (broken, reason) = oneshot::channel();
        let id = helper.next_id.fetch_add(1, Ordering::Relaxed);
        helper.broken().insert(id, broken);
        Self {
            helper: Arc::clone(helper),
            id,
            reason: Mutex::new(reason),
            _permit: permit,
        }
    }

    /// Sends the call and reads the first line of its answer.
    pub(super) async fn ask(
        &self,
        step: &'static str,
        call: FileCall,
        patience: Duration,
    ) -> Result<(FileReply, BufReader<pipe::Receiver>), Error> {
        let asked = async {
            let (ours, theirs) = pipe_with(PipeFlags::CLOEXEC).map_err(io::Error::from)?;
            // Beyond the user's limit it stays as it is (pipe(7)).
            let _smaller = fcntl_setpipe_size(&ours, PIPE_BYTES);
            let mut input = BufReader::new(pipe::Receiver::from_owned_fd(ours)?);
            self.helper.send(&Request { id: self.id, call }, theirs).await?;
            let answer = protocol::receive_within(&mut input, MAX_ANSWER_BYTES).await?;
            Ok((answer, input))
        };
        match self.bound(step, patience, asked).await? {
            Ok(answer) => Ok(answer),
            // The pipe of a helper that is killed is closed a moment after the reason is known.
            Err(error) => Err(self
                .known_end()
                .map_or_else(|| broken(error), |ended| ended.error(step))),
        }
    }

    /// Waits for an answer, or a part of it; a helper that keeps it waiting for too long is killed.
    pub(super) async fn bound<T>(
        &self,
        step: &'static str,
        patience: Duration,
        wait: impl Future<Output = io::Result<T>>,
    ) -> Result<io::Result<T>, Error> {
        tokio::select! {
            biased;
            done = wait => Ok(done),
            ended = self.helper.ended() => Err(ended.error(step)),
            () = sleep(patience) => {
                self.give_up();
                Err(Ended::Hung.error(step))
            }
        }
    }

    /// Has the helper killed: a call hangs in it.
    pub(super) fn give_up(&self) {
        self.helper.end(Ended::Hung);
    }

    /// Waits until the helper ends.
    pub(super) async fn ended(&self) -> Ended {
        self.helper.ended().await
    }

    fn known_end(&self) -> Option<Ended> {
        self.helper.state.borrow().ended
    }

    /// Returns why a read broke off.
    pub(super) async fn reason(&mut self, step: &'static str) -> Error {
        let reason = self.reason.get_mut().unwrap_or_else(PoisonError::into_inner);
        match timeout(REASON_TIME, reason).await {
            Ok(Ok(failure)) => failure.error(step),
            _ => self.known_end().unwrap_or(Ended::Died).error(step),
        }
    }
}

impl Drop for ActiveCall {
    fn drop(&mut self) {
        self.helper.broken().remove(&self.id);
        self.helper
            .state
            .send_modify(|state| state.calls = state.calls.saturating_sub(1));
    }
}
