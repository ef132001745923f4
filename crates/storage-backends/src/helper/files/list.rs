//! Lists directories in pages.

mod kept;

use std::borrow::Cow;
use std::fmt::Write as _;
use std::os::fd::BorrowedFd;
use std::sync::Arc;
use std::time::Instant;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{AtFlags, FileType, OFlags, Statx, StatxFlags, statx};
use rustix::io::Errno;
use storage_domain::FilePath;

use super::directory::{Directory, Looked, Names};
use super::protocol::{FileFailure, MAX_PAGE_ENTRIES, PAGE_TIME};
use super::root::{Root, attributes, attributes_now, device, entry, failure, is_elsewhere, is_hidden};
use crate::files::{FileEntry, FileKind, FilePage, Position};
use crate::helper::protocol::Step;
pub(super) use kept::Kept;
use kept::{Stamp, State};

/// Lists one directory of a root.
pub(super) struct Listing<'a> {
    pub(super) root: &'a Root,
    pub(super) kept: &'a Kept,
    pub(super) path: &'a FilePath,
    /// Largest number of entries that are sorted.
    pub(super) max_sorted: usize,
    /// Largest number of entries in the page.
    pub(super) limit: usize,
    /// When reading names ends.
    pub(super) end: Instant,
    /// The pipe for the answer.
    pub(super) caller: BorrowedFd<'a>,
}

impl Listing<'_> {
    pub(super) fn page(mut self, after: Option<&Position>) -> Result<FilePage, FileFailure> {
        self.limit = self.limit.clamp(1, MAX_PAGE_ENTRIES);
        let directory = self.open()?;
        // Names that changed on the server are read again then.
        let found = attributes_now(directory.fd())?;
        let after = match after {
            Some(Position::Unsorted(name)) => return self.unsorted(directory, &found, Some(name)),
            Some(Position::Sorted(kind, name)) => Some((*kind, name.as_str())),
            None => None,
        };
        self.sorted(directory, &found, after)
    }

    fn open(&self) -> Result<Directory, FileFailure> {
        if !self.path.is_root() && self.root.ignores(self.path.name()) {
            return Err(FileFailure::NotFound);
        }
        let opened = self.root.open_shown(self.path, OFlags::DIRECTORY);
        match opened {
            Ok(fd) => Ok(Directory::new(fd)),
            // A file, or something below a file.
            Err(FileFailure::NotFound) if self.root.open_shown(self.path, OFlags::PATH).is_ok() => {
                Err(FileFailure::NotADirectory)
            }
            Err(failure) => Err(failure),
        }
    }

    fn sorted(
        &self,
        mut directory: Directory,
        found: &Statx,
        after: Option<(FileKind, &str)>,
    ) -> Result<FilePage, FileFailure> {
        let stamp = Stamp::of(found);
        // A first page is always read: a change within one tick of the server's clock does not show.
        let kept = after.and_then(|_| {
            self.kept.take(self.path, |state| match state {
                State::Sorted(of, names) if of == stamp => Ok(names),
                other => Err(other),
            })
        });
        let names = match kept {
            Some(names) => Some(names),
            None => self.names(&mut directory, found)?.map(Arc::new),
        };
        let Some(names) = names else {
            return match after {
                Some(_) => Err(FileFailure::Changed),
                None => self.unsorted(directory.rewind()?, found, None),
            };
        };
        let end = Instant::now() + PAGE_TIME;
        let (chosen, has_more) = names.after(after, self.limit);
        let mut page = FilePage {
            entries: Vec::with_capacity(chosen.len()),
            next: None,
            sorted: names.all_known,
            skipped: if after.is_none() { names.skipped } else { 0 },
        };
        for (index, (kind, name)) in chosen.iter().enumerate() {
            page.take(self.look(directory.fd(), device(found), name, Some(*kind))?);
            let is_last = index + 1 == chosen.len();
            if (is_last && has_more) || (!is_last && self.is_over(end)) {
                page.next = Some(Position::Sorted(*kind, (*name).to_owned()));
                break;
            }
        }
        if page.next.is_some() {
            self.kept.put(self.path, State::Sorted(stamp, Arc::clone(&names)));
        }
        Ok(page)
    }

    /// Reads a directory to its end; `None` if it has too many entries to be sorted.
    fn names(&self, directory: &mut Directory, found: &Statx) -> Result<Option<Names>, FileFailure> {
        let look = |at: BorrowedFd<'_>, name: &str| {
            Ok(match self.look(at, device(found), name, None)? {
                Looked::Shown(entry) => Looked::Shown(entry.kind),
                Looked::Skipped => Looked::Skipped,
                Looked::Hidden => Looked::Hidden,
            })
        };
        let is_over = || self.is_over(self.end);
        Names::read(
            directory,
            self.max_sorted,
            is_over,
            |name| self.root.ignores(name),
            look,
        )
    }

    fn unsorted(
        &self,
        directory: Directory,
        found: &Statx,
        after: Option<&str>,
    ) -> Result<FilePage, FileFailure> {
        let mut directory = match after {
            None => directory,
            Some(after) => self.read_up_to(directory, after)?,
        };
        let mut page = FilePage {
            entries: Vec::new(),
            next: None,
            sorted: false,
            skipped: 0,
        };
        let (end, mut last) = (Instant::now() + PAGE_TIME, None);
        while page.entries.len() < self.limit && (last.is_none() || !self.is_over(end)) {
            let Some((name, kind)) = directory.next()? else {
                return Ok(page);
            };
            let looked = match (std::str::from_utf8(&name), kind) {
                _ if is_hidden(&name) => Looked::Hidden,
                (
                    Ok(name),
                    FileType::Directory | FileType::RegularFile | FileType::Symlink | FileType::Unknown,
                ) => self.look(directory.fd(), device(found), name, None)?,
                _ => Looked::Skipped,
            };
            page.take(looked);
            last = Some(name);
        }
        if let (Some(last), Some(_)) = (last, directory.peek()?) {
            let last = text(&last).into_owned();
            page.next = Some(Position::Unsorted(last.clone()));
            self.kept.put(self.path, State::Unsorted(last, directory));
        }
        Ok(page)
    }

    /// Reads a directory up to a name and with it.
    fn read_up_to(&self, mut directory: Directory, last: &str) -> Result<Directory, FileFailure> {
        let kept = self.kept.take(self.path, |state| match state {
            State::Unsorted(of, directory) if of == last => Ok(directory),
            other => Err(other),
        });
        if let Some(directory) = kept {
            return Ok(directory);
        }
        while let Some((name, _)) = directory.next()? {
            if text(&name) == last {
                return Ok(directory);
            }
            if self.is_over(self.end) {
                break;
            }
        }
        Err(FileFailure::Changed)
    }

    /// Returns whether it is time to end, or the caller left.
    fn is_over(&self, end: Instant) -> bool {
        Instant::now() >= end || has_left(self.caller)
    }

    /// Finds out what an entry is, or what it leads to if it is a link. `known` is shown if nothing may be found out.
    fn look(
        &self,
        at: BorrowedFd<'_>,
        parent: (u32, u32),
        name: &str,
        known: Option<FileKind>,
    ) -> Result<Looked<FileEntry>, FileFailure> {
        let flags = AtFlags::SYMLINK_NOFOLLOW | AtFlags::NO_AUTOMOUNT;
        let found = match statx(at, name, flags, StatxFlags::BASIC_STATS) {
            Ok(found) => found,
            Err(Errno::NOENT) => return Ok(Looked::Hidden),
            Err(Errno::ACCESS) => {
                let unknown = |kind| FileEntry {
                    kind,
                    ..FileEntry::directory(name)
                };
                return Ok(known.map_or(Looked::Skipped, |kind| Looked::Shown(unknown(kind))));
            }
            Err(errno) => return Err(errno.into()),
        };
        if is_elsewhere(&found, parent) {
            return Ok(Looked::Skipped);
        }
        let entry = match FileType::from_raw_mode(found.stx_mode.into()) {
            FileType::Symlink => self.target(name)?,
            _ => entry(name, &found),
        };
        Ok(match entry {
            None => Looked::Skipped,
            Some(entry) if entry.kind == FileKind::Directory && self.root.ignores(name) => Looked::Hidden,
            Some(entry) => Looked::Shown(entry),
        })
    }

    /// Describes what a link leads to; `None` if it leads nowhere, or out.
    fn target(&self, name: &str) -> Result<Option<FileEntry>, FileFailure> {
        let Ok(path) = self.path.join(name) else {
            return Ok(None);
        };
        match self.root.resolve(&path, OFlags::PATH) {
            Ok(fd) if self.root.is_ignored_place(&fd) => Ok(None),
            Ok(fd) => Ok(entry(name, &attributes(&fd)?)),
            Err(errno) => match failure(Step::Open, errno) {
                FileFailure::NotFound | FileFailure::Denied { .. } => Ok(None),
                other => Err(other),
            },
        }
    }
}

/// Returns whether the other end of a pipe is closed.
pub(super) fn has_left(pipe: BorrowedFd<'_>) -> bool {
    let mut pipes = [PollFd::from_borrowed_fd(pipe, PollFlags::empty())];
    let at_once = Timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    poll(&mut pipes, Some(&at_once)).is_ok() && pipes[0].revents().intersects(PollFlags::ERR | PollFlags::HUP)
}

/// Returns a name as text, with each byte that is not UTF-8 after a slash, which no name has.
fn text(name: &[u8]) -> Cow<'_, str> {
    std::str::from_utf8(name).map_or_else(
        |_| {
            let mut text = String::new();
            for chunk in name.utf8_chunks() {
                text.push_str(chunk.valid());
                for byte in chunk.invalid() {
                    let _written = write!(text, "/{byte:02x}");
                }
            }
            text.into()
        },
        Cow::from,
    )
}

impl FilePage {
    fn take(&mut self, looked: Looked<FileEntry>) {
        match looked {
            Looked::Shown(entry) => self.entries.push(entry),
            Looked::Skipped => self.skipped += 1,
            Looked::Hidden => {}
        }
    }
}
