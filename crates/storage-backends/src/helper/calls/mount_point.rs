//! Closes and removes mount points on which nothing is mounted. The disk below the mount directory may hang too.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::OFlag;
use rustix::fs::{AtFlags, CWD, IFlags, StatxAttributes, StatxFlags, ioctl_getflags, ioctl_setflags, statx};
use storage_domain::MountPoint;

use super::failure;
use crate::helper::protocol::{CallFailure, Reply, Step};

/// Closes an empty directory to everybody: mode 0000, and immutable (`FS_IMMUTABLE_FL`) if the file system and this
/// process's capabilities allow it, because root needs no permission.
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

/// Opens a directory without following a link.
fn open(place: &Path) -> io::Result<File> {
    let flags = OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW;
    OpenOptions::new()
        .read(true)
        .custom_flags(flags.bits())
        .open(place)
}

/// Sets or clears the immutable flag, if that is possible.
fn set_immutable(dir: &File, immutable: bool) {
    let Ok(mut flags) = ioctl_getflags(dir) else {
        return;
    };
    if flags.contains(IFlags::IMMUTABLE) != immutable {
        flags.set(IFlags::IMMUTABLE, immutable);
        let _ = ioctl_setflags(dir, flags);
    }
}

/// Reports whether something is mounted on a directory, without a question to its server (statx(2)).
///
/// A kernel that cannot say so, before Linux 5.8, counts as a yes.
fn is_mounted(place: &Path) -> io::Result<bool> {
    let flags = AtFlags::SYMLINK_NOFOLLOW | AtFlags::NO_AUTOMOUNT | AtFlags::STATX_DONT_SYNC;
    let stat = statx(CWD, place, flags, StatxFlags::empty())?;
    let known = stat.stx_attributes_mask.contains(StatxAttributes::MOUNT_ROOT);
    Ok(!known || stat.stx_attributes.contains(StatxAttributes::MOUNT_ROOT))
}

/// Removes the directory itself if it is empty and nothing is mounted on it, and its record; never what is in it.
pub(super) fn remove(place: &Path) -> Result<Reply, CallFailure> {
    let removed = match is_mounted(place) {
        Ok(true) => return Err(failure(Step::Remove, &Errno::EBUSY.into())),
        Ok(false) => remove_dir(place),
        Err(error) => Err(error),
    };
    remove_record(place);
    match removed {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(failure(Step::Remove, &e)),
        _ => Ok(Reply::Removed),
    }
}

/// Removes what the service recorded of a mount point that is a backend's.
fn remove_record(place: &Path) {
    if let Some(at) = place.parent().and_then(|dir| MountPoint::of_entry(dir, place)) {
        let _may_be_missing = fs::remove_file(at.record());
    }
}

/// Removes the empty directories that are named by an id and on which nothing is mounted, and their records.
///
/// What cannot be removed stays: it may hold somebody's files.
pub(super) fn sweep(dir: &Path) -> Result<Reply, CallFailure> {
    let entries = fs::read_dir(dir).map_err(|e| failure(Step::Remove, &e))?;
    let entries = entries.flatten().map(|entry| entry.path());
    for at in entries.filter_map(|entry| MountPoint::of_entry(dir, &entry)) {
        let _may_be_in_use = remove(at.as_path());
    }
    Ok(Reply::Removed)
}
