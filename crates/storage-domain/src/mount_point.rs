//! The mount point of a backend.

use std::fmt;
use std::path::{Path, PathBuf};

use crate::backend::BackendId;

/// Extension of the record beside a mount point.
const RECORD: &str = "mount";

/// The directory on which a backend is mounted: the mount directory and the backend's id.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct MountPoint(PathBuf);

impl MountPoint {
    /// Makes the mount point of backend `id` in `mount_dir`, which must be absolute and free of links.
    pub fn new(mount_dir: &Path, id: BackendId) -> Self {
        Self(mount_dir.join(id.to_string()))
    }

    /// Returns the directory's path.
    pub fn as_path(&self) -> &Path {
        &self.0
    }

    /// Returns the file beside it that says what the service mounted on it.
    pub fn record(&self) -> PathBuf {
        self.0.with_extension(RECORD)
    }

    /// Returns the mount point of a directory in `mount_dir`, or of the record beside it.
    pub fn of_entry(mount_dir: &Path, path: &Path) -> Option<Self> {
        let directory = match path.extension() {
            Some(extension) if extension == RECORD => path.with_extension(""),
            _ => path.to_owned(),
        };
        Self::owner(mount_dir, &directory).map(|_| Self(directory))
    }

    /// Returns the backend of a directory in `mount_dir`, if it is named by an id.
    pub fn owner(mount_dir: &Path, path: &Path) -> Option<BackendId> {
        let name = path.strip_prefix(mount_dir).ok()?.to_str()?;
        name.parse().ok().filter(|id: &BackendId| id.to_string() == name)
    }
}

impl fmt::Display for MountPoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.display().fmt(f)
    }
}
