//! Reads directories and asks for what their entries don't tell.

use std::ffi::CStr;
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use rustix::fs::{AtFlags, FileType, RawDir, RawDirEntry, StatxFlags, statat, statx};
use rustix::io::Errno;

use super::WalkOptions;
use super::frame::{Names, Task};
use super::tally::{Counts, Tally};

/// How much of a directory one call reads, in bytes.
const BUFFER_BYTES: usize = 64 * 1024;
/// The same where enough names wait already, so that few are added.
const SMALL_BUFFER_BYTES: usize = 4 * 1024;
/// How many bytes of names may wait in one thread before it stops reading wide directories.
pub(super) const MAX_WAITING_BYTES: usize = 128 * 1024;

/// What one thread reads with, and counts into.
pub(super) struct Reader<'a> {
    options: &'a WalkOptions,
    tally: &'a Tally<'a>,
    cancel: &'a AtomicBool,
    buffer: Vec<u8>,
    pub(super) counts: Counts,
}

/// What reading a directory gave.
#[derive(Debug, Default)]
pub(super) struct Read {
    /// What has to be done about its entries.
    pub(super) names: Names,
    /// Whether there may be more entries to read.
    pub(super) more: bool,
    /// How many entries were read.
    pub(super) entries: u32,
    /// What kept it from being read to the end.
    pub(super) error: Option<Errno>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(options: &'a WalkOptions, tally: &'a Tally<'a>, cancel: &'a AtomicBool) -> Self {
        Self {
            options,
            tally,
            cancel,
            buffer: Vec::with_capacity(BUFFER_BYTES),
            counts: Counts::default(),
        }
    }

    /// Reads a directory on from where it was left, to its end or until enough names wait. `waiting` is how many bytes
    /// of names wait already.
    pub(super) fn read(&mut self, directory: impl AsFd, waiting: usize) -> Read {
        let mut buffer = std::mem::take(&mut self.buffer);
        let mut space = buffer.spare_capacity_mut();
        if waiting >= MAX_WAITING_BYTES {
            space = &mut space[..SMALL_BUFFER_BYTES];
        }
        let mut entries = RawDir::new(directory, space);
        let mut read = Read::default();
        loop {
            if entries.is_buffer_empty() {
                let enough = !read.names.is_empty() && waiting + read.names.len() >= MAX_WAITING_BYTES;
                if enough || self.cancel.load(Ordering::Relaxed) {
                    read.more = true;
                    break;
                }
                if read.entries > 0 {
                    self.tally.add(&mut self.counts, Instant::now());
                }
            }
            match entries.next() {
                Some(Ok(entry)) => {
                    read.entries += 1;
                    self.sort(&entry, &mut read.names);
                }
                Some(Err(Errno::INTR)) => {}
                // A directory that was removed while it was open (getdents(2)).
                None | Some(Err(Errno::NOENT)) => break,
                Some(Err(errno)) => {
                    read.error = Some(errno);
                    break;
                }
            }
        }
        self.buffer = buffer;
        read
    }

    fn sort(&mut self, entry: &RawDirEntry<'_>, names: &mut Names) {
        let name = entry.file_name();
        match entry.file_type() {
            FileType::RegularFile => {
                self.file(name);
                if self.options.bytes {
                    names.push(Task::Size, name);
                }
            }
            FileType::Directory if name != c"." && name != c".." => names.push(Task::Read, name),
            FileType::Unknown if name != c"." && name != c".." => names.push(Task::Kind, name),
            _ => {}
        }
    }

    fn file(&mut self, name: &CStr) {
        self.counts.files += 1;
        self.counts.templates += u64::from(self.options.templates.matches(name.to_bytes()));
    }

    /// Adds a file's size. What the kernel has kept of it will do: the server need not be asked again.
    pub(super) fn size(&mut self, directory: impl AsFd, name: &CStr) -> Result<(), Errno> {
        let flags = AtFlags::SYMLINK_NOFOLLOW | AtFlags::STATX_DONT_SYNC;
        match statx(directory, name, flags, StatxFlags::SIZE) {
            Ok(stat) => self.counts.bytes = self.counts.bytes.saturating_add(stat.stx_size),
            Err(Errno::NOENT) => {}
            Err(errno) => return Err(errno),
        }
        Ok(())
    }

    /// Finds out what an entry is, and counts it where it is a file. True where it is a directory.
    pub(super) fn kind(&mut self, directory: impl AsFd, name: &CStr) -> Result<bool, Errno> {
        let stat = match statat(directory, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => stat,
            Err(Errno::NOENT) => return Ok(false),
            Err(errno) => return Err(errno),
        };
        let kind = FileType::from_raw_mode(stat.st_mode);
        if kind == FileType::RegularFile {
            self.file(name);
            let size = u64::try_from(stat.st_size).unwrap_or_default();
            self.counts.bytes = self.counts.bytes.saturating_add(size);
        }
        Ok(kind == FileType::Directory)
    }
}
