//! Files that hold keys: read to their end, within a bound, without waiting, and noticed when they change.

use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

use nix::fcntl::OFlag;
use zeroize::Zeroizing;

/// Why a file can't be used, as a predicate of its name.
#[derive(Debug, thiserror::Error)]
pub enum SecretFileError {
    /// The system refuses.
    #[error("can't be read")]
    Unreadable(#[from] io::Error),
    /// It is a directory, a pipe or the like.
    #[error("is not a file")]
    NoFile,
    /// It is larger than whoever reads it expects.
    #[error("is larger than {max} bytes")]
    TooLarge {
        /// The bound.
        max: u64,
    },
}

impl From<SecretFileError> for io::Error {
    fn from(error: SecretFileError) -> Self {
        match error {
            SecretFileError::Unreadable(error) => error,
            other => Self::other(format!("it {other}")),
        }
    }
}

/// A file that is open and not yet read, so that its mode can be looked at first.
#[derive(Debug)]
pub struct SecretFile {
    file: File,
    found: Metadata,
}

impl SecretFile {
    /// Opens a file.
    ///
    /// # Errors
    /// [`SecretFileError::Unreadable`] and [`SecretFileError::NoFile`].
    pub fn open(path: &Path) -> Result<Self, SecretFileError> {
        // Without waiting: to open a pipe would wait for its writer without a bound.
        let mut options = OpenOptions::new();
        let file = options
            .read(true)
            .custom_flags(OFlag::O_NONBLOCK.bits())
            .open(path)?;
        let found = file.metadata()?;
        if !found.is_file() {
            return Err(SecretFileError::NoFile);
        }
        Ok(Self { file, found })
    }

    /// Its permissions, the bits of chmod(2).
    pub fn mode(&self) -> u32 {
        self.found.permissions().mode() & 0o7777
    }

    /// All of it, in memory that is wiped.
    ///
    /// # Errors
    /// [`SecretFileError::Unreadable`] and [`SecretFileError::TooLarge`].
    pub fn read(self, max: u64) -> Result<Zeroizing<Vec<u8>>, SecretFileError> {
        // Room for all of it at once: a buffer that grows leaves copies behind.
        let room = usize::try_from(self.found.len().min(max)).unwrap_or_default();
        let mut bytes = Zeroizing::new(Vec::with_capacity(room + 1));
        self.file.take(max.saturating_add(1)).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > max {
            return Err(SecretFileError::TooLarge { max });
        }
        Ok(bytes)
    }
}

/// How a file looks from outside; different after every change, that of a link's target included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileMark {
    file: (u64, u64),
    /// Not the time of its content: that can be set back, and says nothing of a new mode.
    changed: (i64, i64),
    size: u64,
}

impl FileMark {
    /// How it looks now; `None` where it is not there, or can't be seen.
    pub fn of(path: &Path) -> Option<Self> {
        let found = path.metadata().ok()?;
        Some(Self {
            file: (found.dev(), found.ino()),
            changed: (found.ctime(), found.ctime_nsec()),
            size: found.size(),
        })
    }
}
