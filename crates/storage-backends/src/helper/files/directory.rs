//! Reads the names of a directory, and all of them packed.

use std::collections::VecDeque;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use rustix::fs::{FileType, RawDir, SeekFrom, seek};
use rustix::io::Errno;

use super::protocol::FileFailure;
use super::root::is_hidden;
use crate::files::FileKind;

/// Bytes of a directory that one system call reads.
const BUFFER_BYTES: usize = 64 * 1024;
/// The same for the first calls: an NFS client asks for types and attributes with the names only after it saw that
/// they are wanted.
const FIRST_BUFFER_BYTES: usize = 4 * 1024;
const FIRST_BUFFERS: usize = 3;
/// Names of a directory that are kept, in bytes; one with more is not sorted.
const MAX_NAME_BYTES: usize = 16 * 1024 * 1024;
/// Entries of a directory that are asked for what they are or lead to, before it is sorted.
const MAX_RESOLVED: usize = 8192;
/// Time for that.
const RESOLVE_TIME: Duration = Duration::from_secs(5);

/// An open directory that is read on.
#[derive(Debug)]
pub(super) struct Directory {
    fd: OwnedFd,
    buffers: usize,
    /// Names that were read and not taken.
    ahead: VecDeque<(Vec<u8>, FileType)>,
    ended: bool,
}

impl Directory {
    pub(super) fn new(fd: OwnedFd) -> Self {
        Self {
            fd,
            buffers: 0,
            ahead: VecDeque::new(),
            ended: false,
        }
    }

    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }

    /// Goes back to the beginning.
    pub(super) fn rewind(self) -> Result<Self, Errno> {
        seek(&self.fd, SeekFrom::Start(0))?;
        Ok(Self::new(self.fd))
    }

    /// Returns the next name, which stays.
    pub(super) fn peek(&mut self) -> Result<Option<&(Vec<u8>, FileType)>, Errno> {
        while self.ahead.is_empty() && !self.ended {
            let mut ahead = std::mem::take(&mut self.ahead);
            let read = self.read(|name, kind| ahead.push_back((name.to_owned(), kind)));
            self.ahead = ahead;
            self.ended = !read?;
        }
        Ok(self.ahead.front())
    }

    /// Takes the next name.
    pub(super) fn next(&mut self) -> Result<Option<(Vec<u8>, FileType)>, Errno> {
        self.peek()?;
        Ok(self.ahead.pop_front())
    }

    /// Passes the names of one buffer to `each`; returns false at the end.
    fn read(&mut self, mut each: impl FnMut(&[u8], FileType)) -> Result<bool, Errno> {
        let is_first = self.buffers < FIRST_BUFFERS;
        self.buffers += 1;
        let mut buffer = Vec::with_capacity(if is_first {
            FIRST_BUFFER_BYTES
        } else {
            BUFFER_BYTES
        });
        let mut raw = RawDir::new(&self.fd, buffer.spare_capacity_mut());
        loop {
            match raw.next() {
                Some(Ok(entry)) if entry.file_name() == c"." || entry.file_name() == c".." => {}
                Some(Ok(entry)) => each(entry.file_name().to_bytes(), entry.file_type()),
                Some(Err(Errno::INTR)) => continue,
                // A directory that was removed while it was open (getdents(2)).
                None | Some(Err(Errno::NOENT)) => return Ok(false),
                Some(Err(errno)) => return Err(errno),
            }
            if raw.is_buffer_empty() {
                return Ok(true);
            }
        }
    }
}

/// What became of an entry that was looked at.
#[derive(Debug)]
pub(super) enum Looked<T> {
    Shown(T),
    /// It has no place in a list, and is counted.
    Skipped,
    /// It is gone, or nobody's.
    Hidden,
}

/// The names of a whole directory that have a place in a list, in its own order.
#[derive(Debug, Default)]
pub(super) struct Names {
    text: String,
    all: Vec<Name>,
    /// Entries without a place in the list.
    pub(super) skipped: u64,
    /// Whether it is known of every entry whether it is a directory.
    pub(super) all_known: bool,
}

/// A name within the text.
#[derive(Debug, Clone, Copy)]
struct Name {
    start: u32,
    len: u16,
    kind: FileKind,
}

impl Names {
    /// Reads a directory to its end; `None` if it has more than `max` entries, or `is_over` before. `look` finds out what
    /// an entry is whose type the directory does not show.
    pub(super) fn read(
        directory: &mut Directory,
        max: usize,
        is_over: impl Fn() -> bool,
        is_ignored: impl Fn(&str) -> bool,
        look: impl Fn(BorrowedFd<'_>, &str) -> Result<Looked<FileKind>, FileFailure>,
    ) -> Result<Option<Self>, FileFailure> {
        let mut names = Self {
            all_known: true,
            ..Self::default()
        };
        let (begun, mut resolved) = (Instant::now(), 0);
        let at = directory.fd.try_clone().map_err(|_| Errno::MFILE)?;
        let mut failed = None;
        loop {
            let goes_on = directory.read(|name, kind| {
                if failed.is_some() || is_hidden(name) {
                    return;
                }
                let Ok(name) = std::str::from_utf8(name) else {
                    names.skipped += 1;
                    return;
                };
                let kind = match kind {
                    FileType::Directory if is_ignored(name) => return,
                    FileType::Directory => Looked::Shown(FileKind::Directory),
                    FileType::RegularFile => Looked::Shown(FileKind::File),
                    FileType::Symlink | FileType::Unknown => {
                        resolved += 1;
                        if resolved > MAX_RESOLVED || begun.elapsed() > RESOLVE_TIME {
                            names.all_known = false;
                            Looked::Shown(FileKind::File)
                        } else {
                            look(at.as_fd(), name).unwrap_or_else(|error| {
                                failed = Some(error);
                                Looked::Hidden
                            })
                        }
                    }
                    _ => Looked::Skipped,
                };
                match kind {
                    Looked::Shown(kind) => names.push(name, kind),
                    Looked::Skipped => names.skipped += 1,
                    Looked::Hidden => {}
                }
            })?;
            match failed {
                Some(error) => return Err(error),
                None if names.all.len() > max || names.text.len() > MAX_NAME_BYTES => return Ok(None),
                None if !goes_on => return Ok(Some(names)),
                None if is_over() => return Ok(None),
                None => {}
            }
        }
    }

    fn push(&mut self, name: &str, kind: FileKind) {
        let start = u32::try_from(self.text.len()).unwrap_or(u32::MAX);
        let len = u16::try_from(name.len()).unwrap_or(u16::MAX);
        self.text.push_str(name);
        self.all.push(Name { start, len, kind });
    }

    fn key(&self, name: Name) -> (FileKind, &str) {
        let start = name.start as usize;
        (name.kind, &self.text[start..start + usize::from(name.len)])
    }

    /// Returns the first entries after a place, directories first and then by name, and whether there are more.
    pub(super) fn after(
        &self,
        place: Option<(FileKind, &str)>,
        limit: usize,
    ) -> (Vec<(FileKind, &str)>, bool) {
        let is_after = |key| place.is_none_or(|place| key > place);
        let mut rest: Vec<_> = self
            .all
            .iter()
            .map(|name| self.key(*name))
            .filter(|key| is_after(*key))
            .collect();
        let has_more = rest.len() > limit;
        if has_more {
            rest.select_nth_unstable(limit);
            rest.truncate(limit);
        }
        rest.sort_unstable();
        (rest, has_more)
    }
}
