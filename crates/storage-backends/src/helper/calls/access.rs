//! Checking whether the files of a mount can be read.

use std::fs;
use std::io;
use std::path::Path;

use rustix::fs::{Access, AtFlags, CWD, accessat};
use rustix::io::Errno;

use super::failure;
use crate::helper::protocol::{CallFailure, Reply, Step, Unreadable};

/// How many files and directories are tried: each costs two round trips.
const SAMPLES: usize = 8;

/// Asks the server (faccessat2(2)) whether the directory and the first of its entries can be read; nothing is opened.
pub(super) fn readable(path: &Path) -> Result<Reply, CallFailure> {
    find_unreadable(path)
        .map(Reply::Readable)
        .map_err(|e| failure(Step::Access, &e))
}

fn find_unreadable(path: &Path) -> io::Result<Option<Unreadable>> {
    if is_denied(path, Access::READ_OK | Access::EXEC_OK)? {
        return Ok(Some(Unreadable::Root));
    }
    let (mut tried, mut denied) = (0, 0);
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        let flags = match (kind.is_file(), kind.is_dir()) {
            (true, _) => Access::READ_OK,
            (_, true) => Access::READ_OK | Access::EXEC_OK,
            _ => continue,
        };
        tried += 1;
        denied += usize::from(is_denied(&entry.path(), flags)?);
        if tried == SAMPLES {
            break;
        }
    }
    Ok(match denied {
        0 => None,
        _ if denied == tried => Some(Unreadable::All),
        _ => Some(Unreadable::Some),
    })
}

fn is_denied(path: &Path, flags: Access) -> io::Result<bool> {
    match accessat(CWD, path, flags, AtFlags::EACCESS) {
        Err(Errno::ACCESS | Errno::PERM) => Ok(true),
        // What was deleted meanwhile is not denied.
        Ok(()) | Err(Errno::NOENT) => Ok(false),
        Err(errno) => Err(errno.into()),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use nix::unistd::{Uid, geteuid, setfsuid};
    use rstest::rstest;

    use super::*;

    /// A directory, and the mode of what is in it; a name that ends with a slash is a directory's.
    #[rstest]
    #[case::nothing(0o755, &[], None)]
    #[case::all(0o755, &[("a.iso", 0o644), ("sub/", 0o755)], None)]
    #[case::closed(0o700, &[("a.iso", 0o644)], Some(Unreadable::Root))]
    #[case::not_searchable(0o744, &[("a.iso", 0o644)], Some(Unreadable::Root))]
    #[case::closed_files(0o755, &[("a.iso", 0o600), ("b.iso", 0o200)], Some(Unreadable::All))]
    #[case::closed_directories(0o755, &[("debian/", 0o700)], Some(Unreadable::All))]
    #[case::one_closed_file(0o755, &[("a.iso", 0o644), ("b.iso", 0o600)], Some(Unreadable::Some))]
    fn what_a_user_may_not_read_is_found(
        #[case] mode: u32,
        #[case] entries: &[(&str, u32)],
        #[case] expected: Option<Unreadable>,
    ) {
        let set_mode =
            |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        let temporary = tempfile::tempdir().unwrap();
        set_mode(temporary.path(), 0o755);
        let root = temporary.path().join("export");
        fs::create_dir(&root).unwrap();
        symlink("/nonexistent", root.join("link")).unwrap();
        for (name, mode) in entries {
            let path = root.join(name);
            match name.strip_suffix('/') {
                Some(_) => fs::create_dir(&path).unwrap(),
                None => fs::write(&path, "").unwrap(),
            }
            set_mode(&path, *mode);
        }
        set_mode(&root, mode);
        assert!(geteuid().is_root(), "only root can take another user's rights");
        // Those of this thread alone change.
        setfsuid(Uid::from_raw(65534));
        let found = find_unreadable(&root).unwrap();
        setfsuid(geteuid());
        set_mode(&root, 0o755);
        assert_eq!(found, expected);
    }
}
