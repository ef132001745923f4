//! Removing mount points on which nothing is mounted. The disk below the mount directory may hang as a server may.

use std::fs;
use std::io;
use std::path::Path;

use storage_domain::MountPoint;

use super::failure;
use crate::nfs::mountinfo;
use crate::worker::protocol::{CallFailure, Reply, Step};

/// Removes the directory itself where it is empty and nothing is mounted on it; never what is in it.
pub(super) fn remove(place: &Path) -> Result<Reply, CallFailure> {
    match fs::remove_dir(place) {
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
            let _ = fs::remove_dir(&place);
        }
    }
    Ok(Reply::Removed)
}
