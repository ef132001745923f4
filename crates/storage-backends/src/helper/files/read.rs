//! Reads files into pipes.

use std::fs::File;
use std::io::Write;
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt;

use rustix::fs::{Advice, OFlags, fadvise, fcntl_setfl};
use rustix::io::Errno;
use rustix::pipe::{PipeFlags, SpliceFlags, fcntl_setpipe_size, pipe_with, splice};
use storage_domain::FilePath;

use super::protocol::{FileFailure, FileReply};
use super::root::{Root, attributes, entry, failure};
use crate::files::FileKind;
use crate::helper::protocol::{self, Step};

/// Bytes that one system call moves.
const PIECE_BYTES: usize = 256 * 1024;
/// Bytes of a copy, if the file can't be spliced.
const COPY_BYTES: usize = 64 * 1024;

/// Which bytes of a file are read.
pub(super) struct Range<'a> {
    pub(super) offset: u64,
    pub(super) length: Option<u64>,
    pub(super) etag: Option<&'a str>,
}

/// A file at the beginning of what is asked for.
#[derive(Debug)]
pub(super) struct OpenFile {
    file: File,
    at: u64,
    left: u64,
}

impl OpenFile {
    /// Opens a regular file, and no device: `O_NONBLOCK` keeps a pipe from waiting.
    pub(super) fn open(root: &Root, path: &FilePath, range: &Range<'_>) -> Result<Self, FileFailure> {
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
        if range.etag.is_some() && range.etag != entry.etag.as_deref() {
            return Err(FileFailure::Changed);
        }
        fcntl_setfl(&fd, OFlags::empty()).map_err(|errno| failure(Step::Open, errno))?;
        let _hint = fadvise(&fd, range.offset, None, Advice::Sequential);
        let rest = found.stx_size.saturating_sub(range.offset);
        Ok(Self {
            file: File::from(fd),
            at: range.offset,
            left: range.length.map_or(rest, |length| length.min(rest)),
        })
    }

    /// Writes the header and the bytes; a reader that leaves ends it.
    ///
    /// # Errors
    /// The file can't be read on, or became shorter.
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

    fn copy(&mut self, pipe: &mut File) -> Result<u64, Errno> {
        let errno = |error: std::io::Error| Errno::from_io_error(&error).unwrap_or(Errno::IO);
        let mut piece = vec![0; usize::try_from(self.left).unwrap_or(COPY_BYTES).min(COPY_BYTES)];
        let read = self.file.read_at(&mut piece, self.at).map_err(errno)?;
        pipe.write_all(&piece[..read]).map_err(errno)?;
        self.at += read as u64;
        Ok(read as u64)
    }
}

/// A pipe between the file and the service's pipe.
///
/// splice(2) keeps a pipe locked while it waits for the file. The service would wait for that lock, in a read that must not
/// block.
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
