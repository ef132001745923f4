//! Finds the places where something is changed: no link leads there.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{AtFlags, FileType, Mode, OFlags, Statx, StatxFlags, fchmod, mkdirat, openat, statx};
use rustix::io::Errno;
use storage_domain::FilePath;

use super::protocol::{FileFailure, Refusal};
use super::root::{Root, attributes, attributes_now, device, failure, is_directory, is_elsewhere};
use crate::helper::protocol::Step;

/// Permissions of new directories, whatever the umask is.
const DIRECTORY_MODE: u32 = 0o755;
/// The bits of a mode that are permissions.
pub(super) const PERMISSIONS: u32 = 0o777;

/// A name in an open directory.
#[derive(Debug)]
pub(super) struct Place<'a> {
    pub(super) parent: OwnedFd,
    pub(super) name: &'a str,
    device: (u32, u32),
}

impl<'a> Place<'a> {
    pub(super) fn new(parent: OwnedFd, name: &'a str) -> Result<Self, FileFailure> {
        // What is asked for in it is as the server knows it then.
        let found = attributes_now(&parent).map_err(|errno| failure(Step::Stat, errno))?;
        Ok(Self {
            parent,
            name,
            device: device(&found),
        })
    }

    /// Returns what is there, and not what a link leads to; `None` if nothing is.
    pub(super) fn look(&self) -> Result<Option<Statx>, FileFailure> {
        match look(self.parent.as_fd(), self.name) {
            Ok(Some(found)) if is_elsewhere(&found, self.device) => {
                Err(FileFailure::Refused(Refusal::OtherFileSystem))
            }
            found => found.map_err(|errno| failure(Step::Stat, errno)),
        }
    }

    /// Returns whether a file is there that was there before under another name: the reply to a call may be lost, and
    /// its repetition fails.
    pub(super) fn is(&self, inode: u64) -> bool {
        let found = look(self.parent.as_fd(), self.name);
        found.is_ok_and(|found| found.is_some_and(|found| found.stx_ino == inode))
    }
}

/// Returns what is in a directory under a name, as the server knows it now.
pub(super) fn look(directory: BorrowedFd<'_>, name: &str) -> Result<Option<Statx>, Errno> {
    let flags = AtFlags::SYMLINK_NOFOLLOW | AtFlags::NO_AUTOMOUNT | AtFlags::STATX_FORCE_SYNC;
    match statx(directory, name, flags, StatxFlags::BASIC_STATS) {
        Ok(found) => Ok(Some(found)),
        Err(Errno::NOENT) => Ok(None),
        Err(errno) => Err(errno),
    }
}

pub(super) fn file_type(found: &Statx) -> FileType {
    FileType::from_raw_mode(found.stx_mode.into())
}

pub(super) fn permissions(found: &Statx) -> u32 {
    u32::from(found.stx_mode) & PERMISSIONS
}

impl Root {
    /// Opens a directory that no link leads to.
    pub(super) fn directory(&self, path: &FilePath) -> Result<OwnedFd, FileFailure> {
        let flags = OFlags::PATH | OFlags::DIRECTORY;
        let opened = match self.resolve_strictly(path, flags) {
            Err(Errno::NOENT) => {
                self.refresh_parent(path);
                self.resolve_strictly(path, flags)
            }
            opened => opened,
        };
        opened.map_err(|errno| match errno {
            Errno::NOTDIR => FileFailure::NotADirectory,
            Errno::LOOP => FileFailure::Refused(Refusal::Link),
            Errno::XDEV => FileFailure::Refused(Refusal::OtherFileSystem),
            errno => failure(Step::Open, errno),
        })
    }

    /// Returns the place of something that is there.
    pub(super) fn place_of_existing<'a>(&self, path: &'a FilePath) -> Result<Place<'a>, FileFailure> {
        let parent = path.parent().ok_or(FileFailure::Refused(Refusal::Root))?;
        if !self.shows(path) {
            return Err(FileFailure::NotFound);
        }
        match self.directory(&parent) {
            Ok(parent) => Place::new(parent, path.name()),
            Err(FileFailure::NotADirectory) => Err(FileFailure::NotFound),
            Err(failure) => Err(failure),
        }
    }

    /// Fails if nothing may be made at a path.
    pub(super) fn check_new(&self, path: &FilePath) -> Result<(), FileFailure> {
        if self.shows(path) {
            return Ok(());
        }
        let is_ignored = path.segments().any(|name| self.ignores(name));
        Err(FileFailure::Refused(if is_ignored {
            Refusal::Ignored
        } else {
            Refusal::Hidden
        }))
    }

    /// Makes a directory and those above it that are missing. Returns also whether the directory itself was.
    pub(super) fn make_directories(&self, path: &FilePath) -> Result<(OwnedFd, bool), FileFailure> {
        let (nearest, mut directory) = self.nearest(path)?;
        let mut made = false;
        for name in path.segments().skip(nearest.segments().count()) {
            made = match mkdirat(&directory, name, Mode::from_raw_mode(DIRECTORY_MODE)) {
                Ok(()) => true,
                Err(Errno::EXIST) => false,
                Err(errno) => return Err(failure(Step::MakeDirectory, errno)),
            };
            directory = step_into(directory, name)?;
            if made {
                let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
                let opened = openat(&directory, c".", flags, Mode::empty());
                set_permissions(
                    &opened.map_err(|errno| failure(Step::Mode, errno))?,
                    DIRECTORY_MODE,
                )?;
            }
        }
        Ok((directory, made))
    }

    /// Opens the lowest directory of a path that is there.
    pub(super) fn nearest(&self, path: &FilePath) -> Result<(FilePath, OwnedFd), FileFailure> {
        let mut at = path.clone();
        loop {
            match (self.directory(&at), at.parent()) {
                (Ok(directory), _) => return Ok((at, directory)),
                (Err(FileFailure::NotFound), Some(parent)) => at = parent,
                (Err(failure), _) => return Err(failure),
            }
        }
    }
}

/// Opens a directory in a directory, on the same file system.
fn step_into(parent: OwnedFd, name: &str) -> Result<OwnedFd, FileFailure> {
    let place = Place::new(parent, name)?;
    place
        .look()?
        .filter(is_directory)
        .ok_or(FileFailure::NotADirectory)?;
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    openat(&place.parent, name, flags, Mode::empty()).map_err(|errno| failure(Step::Open, errno))
}

/// Gives a file or directory its permissions, if it has others.
pub(super) fn set_permissions(fd: &OwnedFd, wanted: u32) -> Result<(), FileFailure> {
    let mode = u32::from(attributes(fd)?.stx_mode);
    if mode & PERMISSIONS == wanted {
        return Ok(());
    }
    let special = mode & 0o7000;
    fchmod(fd, Mode::from_raw_mode(special | wanted)).map_err(|errno| failure(Step::Mode, errno))
}
