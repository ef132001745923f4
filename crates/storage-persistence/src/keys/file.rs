//! A file of keys: private, and whole at every moment.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, fchown};
use std::path::{Path, PathBuf};

use super::{KeyError, KeyRing};
use crate::secret_file::SecretFile;

/// Only the owner.
const MODE: u32 = 0o600;
/// What others must not have.
const OTHERS: u32 = 0o077;
/// The largest file of keys.
const MAX_BYTES: u64 = 64 * 1024;
/// How the name of a file ends that is to take the place of the file of keys.
const NEW: &str = ".new";
/// How often a new name is tried for a file beside the file of keys.
const MAX_ATTEMPTS: u32 = 8;

/// Reads the keys; `private` says that others must not be able to.
pub(super) fn load(path: &Path, private: bool) -> Result<KeyRing, KeyError> {
    let failed = |source| of_io(path, "read", source);
    let file = SecretFile::open(path).map_err(|e| failed(e.into()))?;
    let mode = file.mode();
    if private && mode & OTHERS != 0 {
        return Err(KeyError::Open {
            path: path.to_owned(),
            mode,
        });
    }
    let bytes = file.read(MAX_BYTES).map_err(|e| failed(e.into()))?;
    let text = str::from_utf8(&bytes).map_err(|_| failed(ErrorKind::InvalidData.into()))?;
    text.parse().map_err(|why| KeyError::Malformed {
        place: format!("the key file {}", path.display()),
        why,
    })
}

/// Makes the file with one new key, unless it is there: of several processes that do so at once one makes it, and a
/// file that is there is whole.
pub(super) fn make(path: &Path) -> Result<(), KeyError> {
    let failed = |source| of_io(path, "made", source);
    let ring = KeyRing::generate()?;
    let beside = write_beside(path, &ring).map_err(failed)?;
    // A link, for it never takes the place of a file that is there.
    let linked = match fs::hard_link(&beside, path) {
        Err(e) if e.kind() == ErrorKind::AlreadyExists => Ok(()),
        Ok(()) => {
            tracing::info!(file = %path.display(), key = %ring.newest(), "made a key for the secrets in the database; keep a copy of it apart from the database's");
            Ok(())
        }
        Err(e) => Err(e),
    };
    let removed = fs::remove_file(&beside);
    linked
        .and(removed)
        .and_then(|()| sync_directory(path))
        .map_err(failed)
}

/// Puts other keys into the file; it has the old ones or the new ones, whatever happens. Where `path` is a link, that
/// stays, and the file it leads to is replaced in its own directory.
pub(super) fn replace(path: &Path, ring: &KeyRing) -> Result<(), KeyError> {
    let failed = |source| of_io(path, "changed", source);
    let real = fs::canonicalize(path).map_err(failed)?;
    let owner = fs::metadata(&real).map_err(failed)?;
    let beside = write_beside(&real, ring).map_err(failed)?;
    let put = keep_owner(&beside, &owner).and_then(|()| fs::rename(&beside, &real));
    if put.is_err() {
        // The error that matters is the first.
        let _ = fs::remove_file(&beside);
    }
    put.and_then(|()| sync_directory(&real)).map_err(failed)
}

/// The service's user must still be able to read a file that root changed.
fn keep_owner(beside: &Path, owner: &fs::Metadata) -> io::Result<()> {
    let file = File::open(beside)?;
    let made = file.metadata()?;
    if made.uid() == owner.uid() && made.gid() == owner.gid() {
        return Ok(());
    }
    fchown(&file, Some(owner.uid()), Some(owner.gid()))
}

/// Writes keys to a new file in the same directory, down to the disk.
fn write_beside(path: &Path, ring: &KeyRing) -> io::Result<PathBuf> {
    let mut last = io::Error::from(ErrorKind::AlreadyExists);
    for attempt in 0..MAX_ATTEMPTS {
        let beside = beside(path, &format!(".{}-{attempt}{NEW}", std::process::id()));
        let opened = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(MODE)
            .open(&beside);
        match opened {
            Ok(mut file) => {
                file.write_all(ring.text().as_bytes())?;
                file.sync_all()?;
                return Ok(beside);
            }
            Err(error) if error.kind() == ErrorKind::AlreadyExists => last = error,
            Err(error) => return Err(error),
        }
    }
    Err(last)
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(ending);
    path.with_file_name(name)
}

fn sync_directory(path: &Path) -> io::Result<()> {
    match path.parent().filter(|dir| !dir.as_os_str().is_empty()) {
        Some(directory) => File::open(directory)?.sync_all(),
        None => File::open(".")?.sync_all(),
    }
}

fn of_io(path: &Path, step: &'static str, source: io::Error) -> KeyError {
    let path = path.to_owned();
    if source.kind() == ErrorKind::NotFound && step == "read" {
        return KeyError::Missing { path };
    }
    KeyError::File { path, step, source }
}

/// Deletes what a change that was killed left beside the file (no link): keys that nobody else may keep.
fn sweep(path: &Path) {
    let (prefix, directory) = (beside(path, "."), path.parent());
    let Some(prefix) = prefix.file_name().and_then(|name| name.to_str()) else {
        return;
    };
    for entry in directory
        .into_iter()
        .filter_map(|d| d.read_dir().ok())
        .flatten()
        .flatten()
    {
        let name = entry.file_name();
        let left = name
            .to_str()
            .is_some_and(|name| name.starts_with(prefix) && name.ends_with(NEW));
        if left && let Err(error) = fs::remove_file(entry.path()) {
            tracing::warn!(file = %entry.path().display(), %error, "a left-over file with keys can't be deleted");
        }
    }
}

/// Keeps other processes from changing a file of keys, until it is dropped or the process ends.
#[derive(Debug)]
pub(crate) struct RingLock {
    _file: File,
}

impl RingLock {
    pub(super) fn take(path: &Path) -> Result<Self, KeyError> {
        let failed = |source| of_io(path, "locked", source);
        // Beside the file itself: whoever reaches it by another link must find the same lock.
        let real = fs::canonicalize(path).map_err(failed)?;
        let lock = beside(&real, ".lock");
        let mut options = OpenOptions::new();
        let file = options
            .write(true)
            .create(true)
            .truncate(false)
            .mode(MODE)
            .open(lock)
            .map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {
                sweep(&real);
                Ok(Self { _file: file })
            }
            Err(TryLockError::WouldBlock) => Err(KeyError::Busy),
            Err(TryLockError::Error(error)) => Err(failed(error)),
        }
    }
}
