//! Deletes files and directories.

use std::fs::File;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant, SystemTime};

use rustix::fs::{AtFlags, FileType, Mode, OFlags, StatxFlags, openat, statx, unlinkat};
use rustix::io::Errno;
use storage_domain::FilePath;

use super::directory::Directory;
use super::list::has_left;
use super::place::file_type;
use super::protocol::{FileFailure, FileReply, REPORT_TIME, Refusal};
use super::root::{Root, attributes, device, failure, is_directory, is_elsewhere};
use crate::files::{Deletion, is_temporary};
use crate::helper::protocol::{self, Step};

/// Directories in each other that are open at once.
const MAX_DEPTH: usize = 128;
/// Time after which a temporary file that nobody wrote to belongs to no upload.
const ABANDONED_AFTER: Duration = Duration::from_hours(48);

/// Reports to the caller how far a deletion is.
pub(super) struct Report<'a> {
    caller: &'a File,
    entries: u64,
    last: Instant,
}

impl<'a> Report<'a> {
    pub(super) fn new(caller: &'a File) -> Self {
        Self {
            caller,
            entries: 0,
            last: Instant::now(),
        }
    }

    /// Reports now and then.
    ///
    /// # Errors
    /// The caller left.
    fn go_on(&mut self) -> Result<(), FileFailure> {
        if has_left(self.caller.as_fd()) {
            return Err(FileFailure::Left);
        }
        if self.last.elapsed() >= REPORT_TIME {
            self.send()?;
        }
        Ok(())
    }

    fn send(&mut self) -> Result<(), FileFailure> {
        self.last = Instant::now();
        let entries = std::mem::take(&mut self.entries);
        protocol::write(&mut &*self.caller, &FileReply::Progress { entries }).map_err(|_| FileFailure::Left)
    }
}

/// Deletes what is at a path. A link is deleted itself.
pub(super) fn delete(
    root: &Root,
    path: &FilePath,
    deletion: Deletion,
    report: &mut Report<'_>,
) -> Result<(), FileFailure> {
    let place = root.place_of_existing(path)?;
    let found = place.look()?.ok_or(FileFailure::NotFound)?;
    if is_directory(&found) && root.ignores(path.name()) {
        return Err(FileFailure::Refused(Refusal::Ignored));
    }
    let mut deleting = Deleting {
        root,
        report,
        path,
        stays: None,
    };
    let parent = place.parent.as_fd();
    let done = if is_directory(&found) {
        deleting.directory(parent, place.name.as_bytes(), deletion)
    } else {
        match unlinkat(parent, place.name, AtFlags::empty()) {
            Ok(()) => {
                deleting.report.entries += 1;
                Ok(())
            }
            Err(Errno::BUSY) => Err(FileFailure::Refused(Refusal::OtherFileSystem)),
            Err(errno) => Err(failure(Step::Delete, errno)),
        }
    };
    let sent = report.send();
    done.and(sent)
}

/// A directory whose entries are deleted.
struct Level {
    directory: Directory,
    name: Vec<u8>,
    device: (u32, u32),
    /// Whether something of this pass is deleted, so that the storage may have passed over other entries.
    changed: bool,
    /// Whether something in it stays.
    stays: bool,
}

struct Deleting<'a, 'b> {
    root: &'a Root,
    report: &'a mut Report<'b>,
    path: &'a FilePath,
    /// The first that stays.
    stays: Option<String>,
}

impl Deleting<'_, '_> {
    /// Deletes a directory, and what is in it.
    fn directory(
        &mut self,
        parent: BorrowedFd<'_>,
        name: &[u8],
        deletion: Deletion,
    ) -> Result<(), FileFailure> {
        let top = open(parent, name)?.ok_or(FileFailure::NotFound)?;
        let mut levels = vec![top];
        while let Some(level) = levels.last_mut() {
            self.report.go_on()?;
            let entry = match deletion {
                Deletion::Recursive => level.directory.next()?,
                Deletion::Single => None,
            };
            match entry {
                Some((name, kind)) => self.entry(&mut levels, &name, kind)?,
                None => self.end(parent, &mut levels)?,
            }
        }
        match self.stays.take() {
            Some(stays) => Err(FileFailure::NotEmpty { stays }),
            None => Ok(()),
        }
    }

    fn entry(&mut self, levels: &mut Vec<Level>, name: &[u8], kind: FileType) -> Result<(), FileFailure> {
        let depth = levels.len();
        let Some(level) = levels.last_mut() else {
            return Ok(());
        };
        let at = level.directory.fd();
        let flags = AtFlags::SYMLINK_NOFOLLOW | AtFlags::NO_AUTOMOUNT;
        let is_plain = !matches!(kind, FileType::Directory | FileType::Unknown) && !is_temporary(name);
        let look = || statx(at, name, flags, StatxFlags::BASIC_STATS);
        let found = match (!is_plain).then(look).transpose() {
            Err(Errno::NOENT) => return Ok(()),
            found => found?,
        };
        let is_directory = found.as_ref().map_or(kind, file_type) == FileType::Directory;
        let stays = found.as_ref().is_some_and(|found| {
            is_elsewhere(found, level.device)
                || (is_directory && self.root.ignores(name))
                || (is_temporary(name) && age(found.stx_mtime.tv_sec) < ABANDONED_AFTER)
        });
        if !stays && is_directory {
            if depth >= MAX_DEPTH {
                return Err(FileFailure::Refused(Refusal::TooDeep));
            }
            if let Some(below) = open(at, name)? {
                levels.push(below);
                return Ok(());
            }
        } else if !stays {
            match unlinkat(at, name, AtFlags::empty()) {
                Ok(()) => {
                    level.changed = true;
                    self.report.entries += 1;
                    return Ok(());
                }
                Err(Errno::NOENT) => return Ok(()),
                // A mount point, a file that is open, or a directory that took its name.
                Err(Errno::BUSY | Errno::ISDIR) => {}
                Err(errno) => return Err(failure(Step::Delete, errno)),
            }
        }
        level.stays = true;
        self.note(levels, name);
        Ok(())
    }

    /// Deletes a directory of which nothing is left.
    fn end(&mut self, parent: BorrowedFd<'_>, levels: &mut Vec<Level>) -> Result<(), FileFailure> {
        let Some(mut level) = levels.pop() else {
            return Ok(());
        };
        let above = levels.last().map_or(parent, |above| above.directory.fd());
        let deleted = if level.stays {
            Err(Errno::NOTEMPTY)
        } else {
            unlinkat(above, level.name.as_slice(), AtFlags::REMOVEDIR)
        };
        match deleted {
            Ok(()) => {
                self.report.entries += 1;
                if let Some(above) = levels.last_mut() {
                    above.changed = true;
                }
            }
            Err(Errno::NOENT) => {}
            Err(Errno::NOTEMPTY | Errno::EXIST) if level.changed && !level.stays => {
                level.directory = level.directory.rewind()?;
                level.changed = false;
                levels.push(level);
            }
            Err(Errno::NOTEMPTY | Errno::EXIST | Errno::BUSY | Errno::NOTDIR) => {
                let first = if level.stays {
                    None
                } else {
                    level.directory = level.directory.rewind()?;
                    level.directory.next()?
                };
                if let Some(above) = levels.last_mut() {
                    above.stays = true;
                }
                levels.push(level);
                self.note(levels, &first.map_or_else(Vec::new, |(name, _)| name));
                levels.pop();
            }
            Err(errno) => return Err(failure(Step::Delete, errno)),
        }
        Ok(())
    }

    /// Keeps the path of the first that stays.
    fn note(&mut self, levels: &[Level], name: &[u8]) {
        if self.stays.is_some() {
            return;
        }
        let below = levels.iter().skip(1).map(|level| level.name.as_slice());
        let mut stays = self.path.to_string();
        for name in below.chain([name]).filter(|name| !name.is_empty()) {
            stays.push('/');
            stays.push_str(&String::from_utf8_lossy(name));
        }
        self.stays = Some(stays);
    }
}

/// Opens a directory in a directory, without its link; `None` if it is a mount point, or no directory any more.
fn open(parent: BorrowedFd<'_>, name: &[u8]) -> Result<Option<Level>, FileFailure> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let fd = match openat(parent, name, flags, Mode::empty()) {
        Ok(fd) => fd,
        Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => return Ok(None),
        Err(errno) => return Err(failure(Step::Open, errno)),
    };
    let (above, found) = (attributes(parent)?, attributes(&fd)?);
    if is_elsewhere(&found, device(&above)) {
        return Ok(None);
    }
    Ok(Some(Level {
        directory: Directory::new(fd),
        name: name.to_owned(),
        device: device(&found),
        changed: false,
        stays: false,
    }))
}

fn age(modified: i64) -> Duration {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let modified = Duration::from_secs(modified.try_into().unwrap_or_default());
    now.unwrap_or_default().saturating_sub(modified)
}
