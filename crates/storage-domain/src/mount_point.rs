//! The mount point of a backend.

use std::fmt;
use std::path::{Path, PathBuf};

use crate::backend::BackendId;

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
