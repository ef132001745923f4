//! The bytes of a read in their pipe, for a socket that takes them without a copy.

use std::any::Any;
use std::fmt;
use std::io;
use std::os::fd::BorrowedFd;
use std::time::Duration;

use bytes::Bytes;
use rustix::io::{Errno, ioctl_fionread, retry_on_intr};
use rustix::pipe::{SpliceFlags, splice};
use tokio::io::Interest;
use tokio::net::unix::pipe;

use super::READ;
use super::active_call::ActiveCall;
use crate::error::Error;
use crate::helper::queue::lease::broken;

/// The bytes of a file that come through a pipe. Dropping it ends the read.
pub struct FilePipe {
    /// What came with the answer's first line.
    start: Bytes,
    pipe: pipe::Receiver,
    left: u64,
    call: ActiveCall,
    patience: Duration,
    _held: Option<Box<dyn Any + Send>>,
}

impl fmt::Debug for FilePipe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FilePipe")
            .field("left", &self.left)
            .finish_non_exhaustive()
    }
}

impl FilePipe {
    /// Has the runtime of whoever takes the bytes watch the pipe: another one would wake two threads for each piece.
    pub(super) fn new(
        pipe: pipe::Receiver,
        start: Bytes,
        left: u64,
        call: ActiveCall,
        patience: Duration,
        held: Option<Box<dyn Any + Send>>,
    ) -> Result<Self, Error> {
        let watched = pipe
            .into_nonblocking_fd()
            .and_then(pipe::Receiver::from_owned_fd_unchecked);
        Ok(Self {
            start,
            pipe: watched.map_err(broken)?,
            left,
            call,
            patience,
            _held: held,
        })
    }

    /// Returns how many bytes were not taken yet, wherever they are.
    pub fn left(&self) -> u64 {
        self.left
    }

    /// Waits until there are bytes to take.
    ///
    /// # Errors
    /// Those of a piece of a stream: a file that became shorter, or a storage that is silent, for instance.
    pub async fn ready(&mut self) -> Result<(), Error> {
        if !self.start.is_empty() {
            return Ok(());
        }
        match self
            .call
            .bound(READ, self.patience, has_bytes(&self.pipe))
            .await?
        {
            Ok(true) => Ok(()),
            Ok(false) | Err(_) => Err(self.call.reason(READ).await),
        }
    }

    /// Takes the bytes that are before those in the pipe, at most a few KiB.
    pub fn take_start(&mut self) -> Bytes {
        self.left = self.left.saturating_sub(self.start.len() as u64);
        std::mem::take(&mut self.start)
    }

    /// Moves bytes of the pipe to a socket that does not block: at most so many, and 0 if they have to be waited for.
    ///
    /// # Errors
    /// `WouldBlock` if the socket takes none; `UnexpectedEof` if the kernel lost the bytes, for their file was changed; and
    /// whatever else is wrong with the socket.
    pub fn splice(&mut self, socket: BorrowedFd<'_>, most: usize) -> io::Result<usize> {
        let most = usize::try_from(self.left).unwrap_or(most).min(most);
        // An empty pipe and a full socket give the same error. Nobody else takes bytes out meanwhile.
        if most == 0 || ioctl_fionread(&self.pipe)? == 0 {
            return Ok(0);
        }
        let flags = SpliceFlags::MOVE | SpliceFlags::NONBLOCK;
        match retry_on_intr(|| splice(&self.pipe, None, socket, None, most, flags)) {
            Ok(0) | Err(Errno::IO) => Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(moved) => {
                self.left -= moved as u64;
                Ok(moved)
            }
            Err(errno) => Err(errno.into()),
        }
    }
}

/// Waits until a pipe has bytes; `false` at its end.
async fn has_bytes(pipe: &pipe::Receiver) -> io::Result<bool> {
    loop {
        // Before the pipe is asked: what was written before its end is there then.
        let is_closed = pipe.ready(Interest::READABLE).await?.is_read_closed();
        let asked = pipe.try_io(|| match ioctl_fionread(pipe)? {
            0 if is_closed => Ok(false),
            0 => Err(io::ErrorKind::WouldBlock.into()),
            _ => Ok(true),
        });
        match asked {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            done => return done,
        }
    }
}
