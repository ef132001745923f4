//! Makes directories, and gives files and directories another path.

use rustix::fs::{AtFlags, linkat, renameat, unlinkat};
use rustix::io::Errno;
use storage_domain::FilePath;

use super::place::Place;
use super::protocol::{FileFailure, Refusal};
use super::root::{Root, failure, is_directory, stat};
use crate::files::FileEntry;
use crate::helper::protocol::Step;

/// Makes a directory, and those above it that are missing.
pub(super) fn make_directory(root: &Root, path: &FilePath) -> Result<FileEntry, FileFailure> {
    root.check_new(path)?;
    let parent = path.parent().ok_or(FileFailure::Exists)?;
    if root.ignores(path.name()) {
        return Err(FileFailure::Refused(Refusal::Ignored));
    }
    let place = Place::new(root.make_directories(&parent)?.0, path.name())?;
    if place.look()?.is_some() {
        return Err(FileFailure::Exists);
    }
    match root.make_directories(path)? {
        (_, true) => stat(root, path),
        (_, false) => Err(FileFailure::Exists),
    }
}

/// Gives a file or directory another path, at which nothing is.
///
/// Another program that makes an empty directory there between the check and the call has it replaced by a directory;
/// a file never replaces anything.
pub(super) fn rename(root: &Root, from: &FilePath, to: &FilePath) -> Result<(), FileFailure> {
    let old = root.place_of_existing(from)?;
    let found = old.look()?.ok_or(FileFailure::NotFound)?;
    let is_directory = is_directory(&found);
    if is_directory && root.ignores(from.name()) {
        return Err(FileFailure::Refused(Refusal::Ignored));
    }
    let parent = to.parent().ok_or(FileFailure::Exists)?;
    root.check_new(to)?;
    if is_directory && root.ignores(to.name()) {
        return Err(FileFailure::Refused(Refusal::Ignored));
    }
    if is_directory && from != to && is_within(to, from) {
        return Err(FileFailure::Refused(Refusal::IntoItself));
    }
    let new = match root.directory(&parent) {
        Ok(parent) => Place::new(parent, to.name())?,
        Err(FileFailure::NotFound) => return Err(FileFailure::NotADirectory),
        Err(failure) => return Err(failure),
    };
    if new.look()?.is_some() {
        return Err(FileFailure::Exists);
    }
    if !is_directory {
        return link_and_unlink(&old, &new, found.stx_ino);
    }
    match renameat(&old.parent, old.name, &new.parent, new.name) {
        Ok(()) => Ok(()),
        Err(Errno::NOENT) if new.is(found.stx_ino) => Ok(()),
        Err(Errno::EXIST | Errno::NOTEMPTY | Errno::NOTDIR) => Err(FileFailure::Exists),
        Err(Errno::INVAL) => Err(FileFailure::Refused(Refusal::IntoItself)),
        Err(Errno::BUSY) => Err(FileFailure::Refused(Refusal::OtherFileSystem)),
        Err(errno) => Err(failure(Step::Rename, errno)),
    }
}

fn is_within(path: &FilePath, directory: &FilePath) -> bool {
    let rest = path.as_str().strip_prefix(directory.as_str());
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Moves a file to a name that was not taken a moment ago. If it fails, the file stays where it is.
pub(super) fn link_and_unlink(old: &Place<'_>, new: &Place<'_>, inode: u64) -> Result<(), FileFailure> {
    match linkat(&old.parent, old.name, &new.parent, new.name, AtFlags::empty()) {
        Ok(()) => {}
        Err(Errno::EXIST) if new.is(inode) => {}
        Err(Errno::EXIST) => return Err(FileFailure::Exists),
        Err(Errno::NOTSUP | Errno::PERM | Errno::MLINK) => return Err(FileFailure::Unconditional),
        Err(errno) => return Err(failure(Step::Rename, errno)),
    }
    match unlinkat(&old.parent, old.name, AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => Ok(()),
        Err(errno) => {
            let _both_stay = unlinkat(&new.parent, new.name, AtFlags::empty());
            Err(failure(Step::Rename, errno))
        }
    }
}
