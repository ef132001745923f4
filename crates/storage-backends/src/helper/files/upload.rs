//! Gives uploads their paths, and removes those that get none.

use std::os::fd::OwnedFd;

use rustix::fs::{AtFlags, FileType, Mode, OFlags, Statx, openat, renameat, unlinkat};
use rustix::io::Errno;
use storage_domain::FilePath;
use uuid::Uuid;

use super::change::link_and_unlink;
use super::place::{Place, file_type, permissions, set_permissions};
use super::protocol::{FileFailure, Refusal};
use super::root::{Root, attributes_now, failure, stat};
use crate::files::{Condition, FileEntry, temporary_name};
use crate::helper::protocol::Step;

/// Permissions of new files, whatever the umask is.
pub(super) const FILE_MODE: u32 = 0o644;

/// What is there of an upload.
pub(super) struct Found {
    pub(super) directory: OwnedFd,
    pub(super) file: Statx,
}

/// Finds what is there of an upload: in the lowest directory of its path that was there when it began.
pub(super) fn find(root: &Root, path: &FilePath, upload: Uuid) -> Result<Option<Found>, FileFailure> {
    let name = temporary_name(upload);
    let mut at = path.parent();
    while let Some(directory) = at {
        at = directory.parent();
        let directory = match root.directory(&directory) {
            Ok(directory) => directory,
            Err(FileFailure::NotFound | FileFailure::NotADirectory | FileFailure::Refused(_)) => continue,
            Err(failure) => return Err(failure),
        };
        let place = Place::new(directory, &name)?;
        if let Some(file) = place.look()? {
            let directory = place.parent;
            return Ok(Some(Found { directory, file }));
        }
    }
    Ok(None)
}

/// Makes a stored upload appear at its path, with the parents that are missing.
pub(super) fn publish(
    root: &Root,
    path: &FilePath,
    (upload, size): (Uuid, u64),
    condition: &Condition,
) -> Result<FileEntry, FileFailure> {
    let found = find(root, path, upload)?.ok_or(FileFailure::NotFound)?;
    if found.file.stx_size != size {
        return Err(FileFailure::Short);
    }
    let replaced = check(root, path, condition)?;
    let parent = path.parent().ok_or(FileFailure::NotAFile)?;
    let (parent, _) = root.make_directories(&parent)?;
    let (name, new) = (temporary_name(upload), Place::new(parent, path.name())?);
    let old = Place::new(found.directory, &name)?;
    if let Some(replaced) = replaced.filter(|replaced| file_type(replaced) == FileType::RegularFile) {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = openat(&old.parent, old.name, flags, Mode::empty());
        let file = file.map_err(|errno| failure(Step::Open, errno))?;
        set_permissions(&file, permissions(&replaced))?;
    }
    let inode = found.file.stx_ino;
    if *condition == Condition::Absent {
        link_and_unlink(&old, &new, inode)?;
    } else {
        match renameat(&old.parent, old.name, &new.parent, new.name) {
            Ok(()) => {}
            Err(Errno::NOENT) if new.is(inode) => {}
            Err(Errno::ISDIR | Errno::NOTEMPTY | Errno::EXIST) => return Err(FileFailure::NotAFile),
            Err(Errno::BUSY) => return Err(FileFailure::Refused(Refusal::OtherFileSystem)),
            Err(errno) => return Err(failure(Step::Rename, errno)),
        }
    }
    is_complete(&new, inode, size)?;
    stat(root, path)
}

/// Checks what is at the path of an upload, and returns it.
pub(super) fn check(
    root: &Root,
    path: &FilePath,
    condition: &Condition,
) -> Result<Option<Statx>, FileFailure> {
    root.check_new(path)?;
    let there = match root.place_of_existing(path) {
        Ok(place) => place.look()?,
        Err(FileFailure::Refused(Refusal::Root)) => return Err(FileFailure::NotAFile),
        Err(FileFailure::NotFound) => None,
        Err(failure) => return Err(failure),
    };
    match there.as_ref().map(file_type) {
        None | Some(FileType::RegularFile | FileType::Symlink) => {}
        Some(FileType::Directory) => return Err(FileFailure::NotAFile),
        Some(_) => return Err(FileFailure::Refused(Refusal::Special)),
    }
    match condition {
        Condition::None => {}
        Condition::Absent if there.is_none() => {}
        Condition::Absent => return Err(FileFailure::Exists),
        Condition::Version(wanted) => match stat(root, path) {
            Ok(found) if found.etag.as_ref() == Some(wanted) => {}
            Ok(_) | Err(FileFailure::NotFound) => return Err(FileFailure::Changed),
            Err(failure) => return Err(failure),
        },
    }
    Ok(there)
}

/// Opens the file that was published, so that the server is asked, and compares its size.
fn is_complete(place: &Place<'_>, inode: u64, size: u64) -> Result<(), FileFailure> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let found = openat(&place.parent, place.name, flags, Mode::empty()).and_then(attributes_now);
    match found {
        Ok(found) if found.stx_ino == inode && found.stx_size != size => Err(FileFailure::Short),
        // Another program may have replaced it since.
        _ => Ok(()),
    }
}

/// Deletes what is there of an upload.
pub(super) fn abandon(root: &Root, path: &FilePath, upload: Uuid) -> Result<(), FileFailure> {
    let Some(found) = find(root, path, upload)? else {
        return Ok(());
    };
    let name = temporary_name(upload);
    match unlinkat(&found.directory, name.as_str(), AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => Ok(()),
        Err(errno) => Err(failure(Step::Delete, errno)),
    }
}
