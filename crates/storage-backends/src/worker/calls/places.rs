//! Mount points on which nothing is mounted: closing them to all, and removing them. The disk below the mount directory
//! may hang as a server may.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::OFlag;
use rustix::fs::{IFlags, ioctl_getflags, ioctl_setflags};
use storage_domain::MountPoint;

use super::failure;
use crate::nfs::mountinfo;
use crate::worker::protocol::{CallFailure, Reply, Step};

/// Closes an empty directory to everybody: without any permission, and immutable (`FS_IMMUTABLE_FL`) where the file
/// system knows that and this process may say so, for root needs no permission.
pub(super) fn close(place: &Path) -> io::Result<()> {
    let dir = open(place)?;
    dir.set_permissions(Permissions::from_mode(0o000))?;
    set_immutable(&dir, true);
    Ok(())
}

/// Removes an empty directory on which nothing is mounted, immutable or not.
pub(super) fn remove_dir(place: &Path) -> io::Result<()> {
    match fs::remove_dir(place) {
        Err(e) if e.kind() == io::ErrorKind::PermissionDenied => {
            let Ok(dir) = open(place) else { return Err(e) };
            set_immutable(&dir, false);
            drop(dir);
            fs::remove_dir(place)
        }
        done => done,
    }
}

/// Opens a directory itself, never what a link leads to.
fn open(place: &Path) -> io::Result<File> {
    let flags = OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW;
    OpenOptions::new()
        .read(true)
        .custom_flags(flags.bits())
        .open(place)
}

/// What can't be made immutable stays without any permission.
fn set_immutable(dir: &File, immutable: bool) {
    let Ok(mut flags) = ioctl_getflags(dir) else {
        return;
    };
    if flags.contains(IFlags::IMMUTABLE) != immutable {
        flags.set(IFlags::IMMUTABLE, immutable);
        let _ = ioctl_setflags(dir, flags);
    }
}

fn is_mounted(place: &Path) -> Option<bool> {
    Some(!mountinfo::layers(place).ok()?.is_empty())
}

/// Removes the directory itself where it is empty and nothing is mounted on it; never what is in it.
pub(super) fn remove(place: &Path) -> Result<Reply, CallFailure> {
    if is_mounted(place).unwrap_or(true) {
        return Err(failure(Step::Remove, &Errno::EBUSY.into()));
    }
    match remove_dir(place) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(failure(Step::Remove, &e)),
        _ => Ok(Reply::Removed),
    }
}

/// Removes the empty directories that are named by an id and on which nothing is mounted. What can't be removed stays
/// without a word: it may hold somebody's files.
pub(super) fn sweep(dir: &Path) -> Result<Reply, CallFailure> {
    let entries = fs::read_dir(dir).map_err(|e| failure(Step::Remove, &e))?;
    let mounts = mountinfo::read().map_err(|_| failure(Step::Remove, &io::ErrorKind::Other.into()))?;
    for place in entries.flatten().map(|entry| entry.path()) {
        let mounted = mounts.iter().any(|mount| mount.at == place);
        if MountPoint::owner(dir, &place).is_some() && !mounted {
            let _ = remove_dir(&place);
        }
    }
    Ok(Reply::Removed)
}
