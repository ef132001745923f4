//! Opens files below one directory, which no path and no link leaves.

use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::{
    AtFlags, CWD, FileType, Mode, OFlags, ResolveFlags, Statx, StatxAttributes, StatxFlags, StatxTimestamp,
    openat, openat2, statx,
};
use rustix::io::Errno;
use rustix::process::geteuid;
use storage_domain::{ByteCount, FilePath, IgnoredDirectories};
use time::OffsetDateTime;

use super::protocol::{FileFailure, FilesRoot};
pub(super) use crate::files::is_hidden;
use crate::files::{FileEntry, FileKind, is_shown};
use crate::helper::protocol::Step;

/// Links stay inside, and no other file system is entered.
const INSIDE: ResolveFlags = ResolveFlags::BENEATH
    .union(ResolveFlags::NO_MAGICLINKS)
    .union(ResolveFlags::NO_XDEV);
/// Times that a path is resolved while directories are moved (openat2(2), `EAGAIN`).
const MAX_ATTEMPTS: usize = 16;

/// The directory that a helper works in.
#[derive(Debug)]
pub(super) struct Root {
    fd: OwnedFd,
    /// Where it is, for the paths that links lead to.
    place: PathBuf,
    /// The device, if openat2(2) is missing (before Linux 5.6) or forbidden by a sandbox. Links are not followed then.
    device: Option<(u32, u32)>,
    ignored: IgnoredDirectories,
}

impl Root {
    pub(super) fn open(files: &FilesRoot) -> Result<Self, FileFailure> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let fd = match openat(CWD, &files.path, flags, Mode::empty()) {
            Ok(fd) => fd,
            Err(Errno::NOENT) => return Err(FileFailure::NotMounted),
            Err(errno) => return Err(failure(Step::Open, errno)),
        };
        if files.mount.is_some_and(|id| mount_of(&fd) != Some(id)) {
            return Err(FileFailure::NotMounted);
        }
        let device = match openat2(&fd, c".", flags, Mode::empty(), INSIDE) {
            Ok(_) => None,
            Err(Errno::NOSYS | Errno::PERM) => Some(device(&attributes(&fd)?)),
            Err(errno) => return Err(failure(Step::Open, errno)),
        };
        let ignored = IgnoredDirectories::new(&files.ignored).unwrap_or_default();
        let place = place_of(&fd).unwrap_or_default();
        Ok(Self {
            fd,
            place,
            device,
            ignored,
        })
    }

    /// Opens what a client names by a path: nothing that is hidden from lists.
    pub(super) fn open_shown(&self, path: &FilePath, flags: OFlags) -> Result<OwnedFd, FileFailure> {
        if !self.shows(path) {
            return Err(FileFailure::NotFound);
        }
        let opened = match self.resolve(path, flags) {
            Err(Errno::NOENT) => {
                self.refresh_parent(path);
                self.resolve(path, flags)
            }
            opened => opened,
        };
        match opened {
            Ok(fd) if self.is_ignored_place(&fd) => Err(FileFailure::NotFound),
            opened => opened.map_err(|errno| failure(Step::Open, errno)),
        }
    }

    /// Returns whether a link led into a directory that is ignored.
    pub(super) fn is_ignored_place(&self, fd: &OwnedFd) -> bool {
        let place = place_of(fd);
        let below = place.as_deref().and_then(|at| at.strip_prefix(&self.place).ok());
        let above = below.and_then(Path::parent);
        above.is_some_and(|above| above.iter().any(|name| self.ignored.matches(name.as_bytes())))
            || below.and_then(Path::file_name).is_some_and(|name| {
                self.ignored.matches(name.as_bytes())
                    && attributes(fd).is_ok_and(|found| is_directory(&found))
            })
    }

    /// Asks the server for the directory that holds a path: an NFS client believes for half a minute what names it has.
    pub(super) fn refresh_parent(&self, path: &FilePath) {
        if let Some(parent) = path
            .parent()
            .and_then(|parent| self.resolve(&parent, OFlags::PATH).ok())
        {
            let _unknown = attributes_now(&parent);
        }
    }

    /// Returns whether a directory of this name is not shown.
    pub(super) fn ignores(&self, name: impl AsRef<[u8]>) -> bool {
        self.ignored.matches(name.as_ref())
    }

    /// Returns whether lists lead to a path, if a file is there.
    pub(super) fn shows(&self, path: &FilePath) -> bool {
        is_shown(path, FileKind::File, &self.ignored)
    }

    pub(super) fn resolve(&self, path: &FilePath, flags: OFlags) -> Result<OwnedFd, Errno> {
        self.resolve_with(path, flags, INSIDE)
    }

    /// Resolves a path on which nothing is a link.
    pub(super) fn resolve_strictly(&self, path: &FilePath, flags: OFlags) -> Result<OwnedFd, Errno> {
        self.resolve_with(path, flags, INSIDE | ResolveFlags::NO_SYMLINKS)
    }

    fn resolve_with(&self, path: &FilePath, flags: OFlags, how: ResolveFlags) -> Result<OwnedFd, Errno> {
        let flags = flags | OFlags::CLOEXEC;
        if let Some(device) = self.device {
            return self.resolve_by_steps(path, flags, device);
        }
        let relative = if path.is_root() { "." } else { path.relative() };
        let mut attempts = 0;
        loop {
            attempts += 1;
            match openat2(&self.fd, relative, flags, Mode::empty(), how) {
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) if attempts < MAX_ATTEMPTS => {}
                opened => return opened,
            }
        }
    }

    /// Does without links what `openat2(2)` does, name by name.
    fn resolve_by_steps(&self, path: &FilePath, flags: OFlags, root: (u32, u32)) -> Result<OwnedFd, Errno> {
        let step = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mut at = openat(&self.fd, c".", step, Mode::empty())?;
        for name in path.parent().iter().flat_map(FilePath::segments) {
            at = openat(&at, name, step | OFlags::DIRECTORY, Mode::empty())?;
        }
        let name = if path.is_root() { "." } else { path.name() };
        let opened = openat(&at, name, flags | OFlags::NOFOLLOW, Mode::empty())?;
        let found = statx(&opened, c"", AtFlags::EMPTY_PATH, StatxFlags::BASIC_STATS)?;
        match FileType::from_raw_mode(found.stx_mode.into()) {
            FileType::Symlink => Err(Errno::LOOP),
            _ if device(&found) != root => Err(Errno::XDEV),
            _ => Ok(opened),
        }
    }
}

/// Describes a file or directory, as the server knows it now.
pub(super) fn stat(root: &Root, path: &FilePath) -> Result<FileEntry, FileFailure> {
    root.refresh_parent(path);
    let fd = root.open_shown(path, OFlags::PATH)?;
    let found = match attributes_now(&fd) {
        // It was replaced after its name was looked up.
        Err(Errno::STALE) => attributes_now(root.open_shown(path, OFlags::PATH)?),
        found => found,
    };
    let found = found.map_err(|errno| failure(Step::Stat, errno))?;
    let entry = entry(path.name(), &found).ok_or(FileFailure::NotFound)?;
    if entry.kind == FileKind::Directory && root.ignores(path.name()) {
        return Err(FileFailure::NotFound);
    }
    Ok(entry)
}

pub(super) fn attributes(fd: impl AsFd) -> Result<Statx, FileFailure> {
    statx(fd, c"", AtFlags::EMPTY_PATH, StatxFlags::BASIC_STATS).map_err(|errno| failure(Step::Stat, errno))
}

/// Asks the server for the attributes, which else may be as old as the mount options allow.
pub(super) fn attributes_now(fd: impl AsFd) -> Result<Statx, Errno> {
    let flags = AtFlags::EMPTY_PATH | AtFlags::STATX_FORCE_SYNC;
    statx(fd, c"", flags, StatxFlags::BASIC_STATS)
}

pub(super) fn is_directory(found: &Statx) -> bool {
    FileType::from_raw_mode(found.stx_mode.into()) == FileType::Directory
}

/// Returns whether what was found in a directory is a mount point, or something that is mounted if it is entered.
pub(super) fn is_elsewhere(found: &Statx, parent: (u32, u32)) -> bool {
    let elsewhere = StatxAttributes::AUTOMOUNT | StatxAttributes::MOUNT_ROOT;
    device(found) != parent || found.stx_attributes.intersects(elsewhere)
}

pub(super) fn device(found: &Statx) -> (u32, u32) {
    (found.stx_dev_major, found.stx_dev_minor)
}

pub(super) fn nanos(at: StatxTimestamp) -> i128 {
    i128::from(at.tv_sec) * 1_000_000_000 + i128::from(at.tv_nsec)
}

/// Returns the entry of a file or directory; `None` for devices, sockets, pipes and links.
pub(super) fn entry(name: &str, found: &Statx) -> Option<FileEntry> {
    let modified_at = OffsetDateTime::from_unix_timestamp_nanos(nanos(found.stx_mtime)).ok();
    // Clients get it as RFC 3339 has it.
    let modified_at = modified_at.filter(|at| (0..=9999).contains(&at.year()));
    let directory = FileEntry {
        modified_at,
        ..FileEntry::directory(name)
    };
    match FileType::from_raw_mode(found.stx_mode.into()) {
        FileType::Directory => Some(directory),
        FileType::RegularFile => Some(FileEntry {
            kind: FileKind::File,
            size: Some(ByteCount::saturating(found.stx_size)),
            // The time of the last change of the inode shows a file whose other time was set back.
            etag: Some(format!(
                "{:x}-{:x}-{:x}-{:x}",
                found.stx_ino,
                found.stx_size,
                nanos(found.stx_mtime),
                nanos(found.stx_ctime)
            )),
            ..directory
        }),
        _ => None,
    }
}

/// Returns what the error of a call on a path means.
///
/// `ESTALE` stays the kernel's error: a soft mount gives it too if its server is gone.
pub(super) fn failure(step: Step, errno: Errno) -> FileFailure {
    match errno {
        Errno::NOENT | Errno::NOTDIR | Errno::XDEV | Errno::LOOP | Errno::NAMETOOLONG => {
            FileFailure::NotFound
        }
        Errno::ACCESS | Errno::PERM => FileFailure::Denied {
            uid: geteuid().as_raw(),
        },
        Errno::NOSPC | Errno::DQUOT => FileFailure::NoSpace,
        Errno::ROFS => FileFailure::ReadOnly,
        errno => FileFailure::Kernel {
            step,
            errno: errno.raw_os_error(),
        },
    }
}

impl From<Errno> for FileFailure {
    /// Returns the failure of reading a directory.
    fn from(errno: Errno) -> Self {
        failure(Step::List, errno)
    }
}

/// Returns where an open file is, which touches no mount.
fn place_of(fd: &OwnedFd) -> Option<PathBuf> {
    std::fs::read_link(format!("/proc/self/fd/{}", fd.as_raw_fd())).ok()
}

/// Returns the id of the mount that an open file is on, which touches no mount.
fn mount_of(fd: &OwnedFd) -> Option<u32> {
    let flags = AtFlags::EMPTY_PATH | AtFlags::STATX_DONT_SYNC;
    let found = statx(fd, c"", flags, StatxFlags::MNT_ID).ok()?;
    if StatxFlags::from_bits_retain(found.stx_mask).contains(StatxFlags::MNT_ID) {
        return u32::try_from(found.stx_mnt_id).ok();
    }
    // Before Linux 5.8 (proc_pid_fdinfo(5)).
    let info = std::fs::read_to_string(format!("/proc/self/fdinfo/{}", fd.as_raw_fd())).ok()?;
    let id = info.lines().find_map(|line| line.strip_prefix("mnt_id:"));
    id?.trim().parse().ok()
}

#[cfg(test)]
impl Root {
    /// Opens a root as on a kernel without openat2(2).
    pub(super) fn by_steps(files: &FilesRoot) -> Self {
        let mut root = Self::open(files).unwrap();
        root.device = Some(device(&attributes(&root.fd).unwrap()));
        root
    }
}
