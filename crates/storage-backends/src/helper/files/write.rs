//! Writes uploads.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use rustix::fs::{Mode, OFlags, fsync, ftruncate, openat};
use rustix::io::Errno;
use storage_domain::FilePath;
use uuid::Uuid;

use super::place::set_permissions;
use super::protocol::{FileFailure, FileReply, WriteStep};
use super::root::{Root, attributes_now, failure};
use super::upload::{FILE_MODE, check, find};
use crate::files::{Condition, temporary_name};
use crate::helper::protocol::{self, Step};

/// Bytes that are taken from the service at once.
const PIECE_BYTES: usize = 256 * 1024;
/// Most bytes that are written before they are stored: what a killed helper leaves to the kernel.
const MAX_UNSTORED: u64 = 64 * 1024 * 1024;
/// Fewest such bytes; so many are stored first.
const MIN_UNSTORED: u64 = 4 * 1024 * 1024;
/// Time for storing that a server should take: half of it doubles the bytes, more than twice of it halves them.
const STORE_TIME: Duration = Duration::from_secs(2);

/// An upload that is open for writing.
#[derive(Debug)]
pub(super) struct OpenUpload {
    file: OwnedFd,
    at: u64,
    stored: u64,
    /// Bytes that are written before they are stored.
    unstored: u64,
}

impl OpenUpload {
    /// Makes the file of an upload, or opens the one that is there.
    pub(super) fn open(
        root: &Root,
        path: &FilePath,
        upload: Uuid,
        resume: bool,
    ) -> Result<Self, FileFailure> {
        let name = temporary_name(upload);
        let flags = OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        // It is there already if whoever began it did not wait for the helper.
        let new = OFlags::CREATE | OFlags::TRUNC;
        let (directory, flags) = if resume {
            let found = find(root, path, upload)?.ok_or(FileFailure::NotFound)?;
            (found.directory, flags)
        } else {
            check(root, path, &Condition::None)?;
            let parent = path.parent().ok_or(FileFailure::NotAFile)?;
            (root.nearest(&parent)?.1, flags | new)
        };
        let file = openat(&directory, name.as_str(), flags, Mode::from_raw_mode(FILE_MODE));
        let file = file.map_err(|errno| failure(Step::Open, errno))?;
        if !resume {
            set_permissions(&file, FILE_MODE)?;
        }
        let mut upload = Self {
            file,
            at: 0,
            stored: 0,
            unstored: MIN_UNSTORED,
        };
        if resume {
            upload.take_up()?;
        }
        Ok(upload)
    }

    /// Finds out what is there. If the kernel lost something of it, nothing is.
    fn take_up(&mut self) -> Result<(), FileFailure> {
        self.store()?;
        let found = attributes_now(&self.file).map_err(|errno| failure(Step::Stat, errno))?;
        (self.at, self.stored) = (found.stx_size, found.stx_size);
        Ok(())
    }

    /// Makes the steps that the service sends until it leaves, or one fails.
    pub(super) fn serve(mut self, service: &File) {
        let stored = FileReply::Stored { bytes: self.stored };
        if protocol::write(&mut &*service, &stored).is_err() {
            return;
        }
        let mut input = BufReader::with_capacity(PIECE_BYTES, service);
        while let Ok(Some(step)) = protocol::read::<WriteStep>(&mut input) {
            let made = match step {
                WriteStep::Bytes(length) => match self.write(&mut input, length) {
                    Ok(true) => continue,
                    Ok(false) => return,
                    Err(failure) => Err(failure),
                },
                WriteStep::Store => self.store(),
                WriteStep::Close => {
                    let closed = self.store().and_then(|()| close(self.file));
                    let reply =
                        closed.map_or_else(FileReply::Failed, |()| FileReply::Stored { bytes: self.stored });
                    let _service_gone = protocol::write(&mut &*service, &reply);
                    return;
                }
            };
            let failed = made.is_err();
            let reply = made.map_or_else(FileReply::Failed, |()| FileReply::Stored { bytes: self.stored });
            if protocol::write(&mut &*service, &reply).is_err() || failed {
                return;
            }
        }
    }

    /// Writes bytes as they come; false if the service left.
    fn write(&mut self, input: &mut impl BufRead, length: u64) -> Result<bool, FileFailure> {
        let mut left = length;
        while left > 0 {
            let room = left.min(self.unstored - (self.at - self.stored));
            let Ok(piece) = input.fill_buf() else {
                return Ok(false);
            };
            if piece.is_empty() {
                return Ok(false);
            }
            let most = usize::try_from(room).unwrap_or(piece.len()).min(piece.len());
            self.write_all(&piece[..most])?;
            input.consume(most);
            left -= most as u64;
            if self.at - self.stored >= self.unstored {
                self.store()?;
            }
        }
        Ok(true)
    }

    fn write_all(&mut self, mut piece: &[u8]) -> Result<(), FileFailure> {
        while !piece.is_empty() {
            match rustix::io::pwrite(&self.file, piece, self.at) {
                Ok(written) => {
                    self.at += written as u64;
                    piece = &piece[written..];
                }
                Err(Errno::INTR) => {}
                Err(errno) => return Err(self.lose(failure(Step::Write, errno))),
            }
        }
        Ok(())
    }

    /// Stores what was written. The kernel reports once that it could not: a second try would succeed.
    fn store(&mut self) -> Result<(), FileFailure> {
        let begun = Instant::now();
        fsync(&self.file).map_err(|errno| self.lose(failure(Step::Sync, errno)))?;
        self.stored = self.at;
        self.unstored = match begun.elapsed() {
            took if took < STORE_TIME / 2 => (self.unstored * 2).min(MAX_UNSTORED),
            took if took > STORE_TIME * 2 => (self.unstored / 2).max(MIN_UNSTORED),
            _ => self.unstored,
        };
        Ok(())
    }

    /// Cuts off what may not be stored, so that nobody takes it up.
    fn lose(&self, failure: FileFailure) -> FileFailure {
        let _stays = ftruncate(&self.file, self.stored);
        failure
    }
}

/// Closes a file, which reports what went wrong since it was stored.
fn close(file: OwnedFd) -> Result<(), FileFailure> {
    nix::unistd::close(file).map_err(|errno| failure(Step::Sync, Errno::from_raw_os_error(errno as i32)))
}
