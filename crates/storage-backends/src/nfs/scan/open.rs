//! Opening directories: one name at a time, below an open directory, never through a link or a mount.

use std::ffi::CStr;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, fstat, openat, openat2};
use rustix::io::Errno;

const DIRECTORY: OFlags = OFlags::RDONLY
    .union(OFlags::DIRECTORY)
    .union(OFlags::CLOEXEC)
    .union(OFlags::NOFOLLOW);

/// The directory that the walk begins at, and what is known of its file system.
#[derive(Debug)]
pub(super) struct Root {
    pub(super) fd: OwnedFd,
    /// The root's device, where the kernel can't keep a walk from crossing mounts by itself (before Linux 5.6, or
    /// where a sandbox forbids `openat2`).
    device: Option<u64>,
    /// How many directories are held open while their children wait.
    pub(super) held: AtomicUsize,
}

/// What became of opening a directory.
#[derive(Debug)]
pub(super) enum Opened {
    /// It is open.
    Directory(OwnedFd),
    /// Another file system is mounted there.
    Elsewhere,
    /// It is no directory any more.
    Gone,
    /// It can't be opened.
    Failed(Errno),
}

pub(super) fn root(path: &Path) -> io::Result<Root> {
    let fd = openat(CWD, path, DIRECTORY.difference(OFlags::NOFOLLOW), Mode::empty())?;
    let able = openat2(&fd, c".", DIRECTORY, Mode::empty(), ResolveFlags::NO_XDEV).is_ok();
    let device = if able { None } else { Some(fstat(&fd)?.st_dev) };
    Ok(Root {
        fd,
        device,
        held: AtomicUsize::new(0),
    })
}

impl Root {
    /// Opens the directory `name` in `parent`.
    pub(super) fn open(&self, parent: impl AsFd, name: &CStr) -> Opened {
        let result = match self.device {
            None => openat2(parent, name, DIRECTORY, Mode::empty(), ResolveFlags::NO_XDEV),
            Some(device) => openat(parent, name, DIRECTORY, Mode::empty()).and_then(|fd| {
                if fstat(&fd)?.st_dev == device {
                    Ok(fd)
                } else {
                    Err(Errno::XDEV)
                }
            }),
        };
        match result {
            Ok(fd) => Opened::Directory(fd),
            Err(Errno::XDEV) => Opened::Elsewhere,
            Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => Opened::Gone,
            Err(errno) => Opened::Failed(errno),
        }
    }
}

/// A directory that is held open while its children wait.
#[derive(Debug)]
pub(super) struct Held<'a> {
    pub(super) fd: OwnedFd,
    held: &'a AtomicUsize,
}

impl<'a> Held<'a> {
    pub(super) fn new(fd: OwnedFd, root: &'a Root) -> Self {
        root.held.fetch_add(1, Ordering::Relaxed);
        Self { fd, held: &root.held }
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.held.fetch_sub(1, Ordering::Relaxed);
    }
}
