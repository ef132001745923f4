//! Reads files into pipes.

use std::fs::File;
use std::io::Write;
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt;

use rustix::fs::{Advice, OFlags, Statx, fadvise, fcntl_setfl};
use rustix::io::Errno;
use rustix::pipe::{PipeFlags, SpliceFlags, fcntl_setpipe_size, pipe_with, splice};
use storage_domain::FilePath;

use super::protocol::{FileFailure, FileReply};
use super::root::{Root, attributes, attributes_now, entry, failure, nanos};
use crate::files::{FileKind, ReadRequest};
use crate::helper::protocol::{self, Step};

/// Bytes that one system call moves, if the user may have pipes of this size.
const PIECE_BYTES: usize = 1024 * 1024;
/// Bytes of a copy, if the file can't be spliced.
const COPY_BYTES: usize = 64 * 1024;

/// A file at the beginning of what is asked for.
#[derive(Debug)]
pub(super) struct OpenFile {
    file: File,
    opened: Content,
    at: u64,
    left: u64,
}

impl OpenFile {
    /// Opens a regular file, and no device: `O_NONBLOCK` keeps a pipe from waiting.
    pub(super) fn open(root: &Root, path: &FilePath, request: &ReadRequest) -> Result<Self, FileFailure> {
        let fd = root.open_shown(path, OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY)?;
        let found = attributes(&fd)?;
        let entry = entry(path.name(), &found).ok_or(FileFailure::NotFound)?;
        if entry.kind == FileKind::Directory {
            let is_ignored = root.ignores(path.name());
            return Err(if is_ignored {
                FileFailure::NotFound
            } else {
                FileFailure::NotAFile
            });
        }
        if request.etag.is_some() && request.etag != entry.etag {
            return Err(FileFailure::Changed);
        }
        fcntl_setfl(&fd, OFlags::empty()).map_err(|errno| failure(Step::Open, errno))?;
        let _hint = fadvise(&fd, request.offset, None, Advice::Sequential);
        let rest = found.stx_size.saturating_sub(request.offset);
        Ok(Self {
            file: File::from(fd),
            opened: Content::of(&found),
            at: request.offset,
            left: request.length.map_or(rest, |length| length.min(rest)),
        })
    }

    /// Writes the header and the bytes; a reader that leaves ends it.
    ///
    /// # Errors
    /// The file can't be read on, became shorter, or was changed in place; its last bytes stay away then.
    pub(super) fn send(mut self, pipe: &mut File) -> Result<(), FileFailure> {
        if protocol::write(pipe, &FileReply::Reading { length: self.left }).is_err() {
            return Ok(());
        }
        let mut stage = Stage::new();
        while self.left > 0 {
            let moved = match &stage {
                Some(stage) => self.splice(stage, pipe),
                None => self.copy(pipe),
            };
            match moved {
                Ok(0) => return Err(FileFailure::Changed),
                Ok(bytes) => self.left = self.left.saturating_sub(bytes),
                Err(Errno::INTR) => {}
                Err(Errno::PIPE) => return Ok(()),
                Err(Errno::STALE) if self.is_rewritten() => return Err(FileFailure::Changed),
                Err(Errno::INVAL | Errno::NOSYS) if stage.is_some() => stage = None,
                Err(errno) => {
                    return Err(FileFailure::Kernel {
                        step: Step::Read,
                        errno: errno.raw_os_error(),
                    });
                }
            }
        }
        Ok(())
    }

    fn splice(&mut self, stage: &Stage, pipe: &File) -> Result<u64, Errno> {
        let length = usize::try_from(self.left).unwrap_or(PIECE_BYTES).min(PIECE_BYTES);
        let none = SpliceFlags::empty();
        let staged = splice(&self.file, Some(&mut self.at), &stage.begin, None, length, none)?;
        self.check_end(staged as u64)?;
        let mut left = staged;
        while left > 0 {
            match splice(&stage.end, None, pipe, None, left, none) {
                Ok(moved) => left -= moved,
                Err(Errno::INTR) => {}
                Err(Errno::PIPE) => return Err(Errno::PIPE),
                // What is staged is lost, so that no copy may take its place.
                Err(_) => return Err(Errno::IO),
            }
        }
        Ok(staged as u64)
    }

    /// Fails before the last bytes of a file go on that was changed in place since it was opened.
    fn check_end(&self, read: u64) -> Result<(), Errno> {
        if read >= self.left && self.is_rewritten() {
            return Err(Errno::STALE);
        }
        Ok(())
    }

    /// Asks the server; a file that was deleted meanwhile was not rewritten.
    fn is_rewritten(&self) -> bool {
        attributes_now(&self.file).is_ok_and(|found| Content::of(&found) != self.opened)
    }

    fn copy(&mut self, pipe: &mut File) -> Result<u64, Errno> {
        let errno = |error: std::io::Error| Errno::from_io_error(&error).unwrap_or(Errno::IO);
        let mut piece = vec![0; usize::try_from(self.left).unwrap_or(COPY_BYTES).min(COPY_BYTES)];
        let read = self.file.read_at(&mut piece, self.at).map_err(errno)?;
        self.check_end(read as u64)?;
        pipe.write_all(&piece[..read]).map_err(errno)?;
        self.at += read as u64;
        Ok(read as u64)
    }
}

/// What changes with the bytes of a file, and not with its names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Content(u64, i128);

impl Content {
    fn of(found: &Statx) -> Self {
        Self(found.stx_size, nanos(found.stx_mtime))
    }
}

/// A pipe between the file and the service's pipe.
///
/// splice(2) keeps a pipe locked while it waits for the file. The service would wait for that lock, in a read or a splice that
/// must not block. From pipe to pipe it waits without a lock.
struct Stage {
    begin: OwnedFd,
    end: OwnedFd,
}

impl Stage {
    fn new() -> Option<Self> {
        let (end, begin) = pipe_with(PipeFlags::CLOEXEC).ok()?;
        let _smaller = fcntl_setpipe_size(&begin, PIECE_BYTES);
        Some(Self { begin, end })
    }
}
