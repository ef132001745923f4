//! Where keys come from.

use std::path::{Path, PathBuf};

use super::file::{self, RingLock};
use super::{KeyError, KeyRing};

/// Where keys come from.
#[derive(Debug, Clone)]
pub enum KeySource {
    /// A private file of the service's own: made where it is missing and the database knows no key yet.
    Own(PathBuf),
    /// A private file that an operator named, which has to be there.
    Named(PathBuf),
    /// A file that the service manager made (systemd's credentials), whose mode is its business; it is only read.
    Credential(PathBuf),
    /// Keys that were given otherwise, and the name of that place.
    Given {
        /// The keys.
        keys: KeyRing,
        /// The place, as a person knows it.
        place: &'static str,
    },
}

impl KeySource {
    /// The place, for people.
    pub fn place(&self) -> String {
        match self {
            Self::Own(path) | Self::Named(path) => format!("the key file {}", path.display()),
            Self::Credential(path) => format!("the credential {}", path.display()),
            Self::Given { place, .. } => (*place).to_owned(),
        }
    }

    /// Reads the keys.
    ///
    /// # Errors
    /// [`KeyError::Missing`], [`KeyError::File`], [`KeyError::Open`] and [`KeyError::Malformed`].
    pub fn load(&self) -> Result<KeyRing, KeyError> {
        match self {
            Self::Own(path) | Self::Named(path) => file::load(path, true),
            Self::Credential(path) => file::load(path, false),
            Self::Given { keys, .. } => Ok(keys.clone()),
        }
    }

    /// Reads the keys, and makes the first one where the file is the service's own and missing.
    pub(crate) fn load_or_make(&self) -> Result<KeyRing, KeyError> {
        match (self.load(), self) {
            (Err(KeyError::Missing { .. }), Self::Own(path)) => {
                file::make(path)?;
                self.load()
            }
            (loaded, _) => loaded,
        }
    }

    /// Keeps other processes from changing the keys.
    pub(crate) fn lock(&self) -> Result<Option<RingLock>, KeyError> {
        self.changeable().map(RingLock::take).transpose()
    }

    /// Replaces the keys.
    pub(crate) fn replace(&self, ring: &KeyRing) -> Result<(), KeyError> {
        match self.changeable() {
            Some(_) if ring.ids().count() > KeyRing::MAX_KEYS => Err(KeyError::Full { place: self.place() }),
            Some(path) => file::replace(path, ring),
            None => Err(KeyError::Fixed { place: self.place() }),
        }
    }

    /// The file, where it is the program's to change.
    pub(crate) fn changeable(&self) -> Option<&Path> {
        match self {
            Self::Own(path) | Self::Named(path) => Some(path),
            Self::Credential(_) | Self::Given { .. } => None,
        }
    }
}
