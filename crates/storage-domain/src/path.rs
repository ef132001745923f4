//! Paths: the server's directory and the local directory.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use crate::backend::BackendId;
use crate::invalid::Rule;
use crate::text::text;

/// The directory that an NFS server exports (RFC 1813, RFC 8881): absolute, without NUL and `..` segments.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ExportPath(String);

text!(ExportPath, "The path as it was typed.");

impl ExportPath {
    /// The longest path, in bytes (`PATH_MAX`).
    pub const MAX_BYTES: usize = 4096;

    /// The path without doubled or trailing slashes and `.` segments; "/" for the root. Two exports are the same
    /// where these are.
    pub fn normalized(&self) -> String {
        let mut out = String::with_capacity(self.0.len());
        for segment in self.0.split('/').filter(|s| !s.is_empty() && *s != ".") {
            out.push('/');
            out.push_str(segment);
        }
        if out.is_empty() { "/".to_owned() } else { out }
    }

    /// Whether this directory is `other`, or lies below it, as whole path segments.
    pub fn is_within(&self, other: &Self) -> bool {
        let (mine, others) = (self.normalized(), other.normalized());
        others == "/"
            || mine
                .strip_prefix(&others)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }
}

impl FromStr for ExportPath {
    type Err = Rule;

    fn from_str(text: &str) -> Result<Self, Rule> {
        if !text.starts_with('/') {
            return Err(Rule::new(
                "must be an absolute path that begins with /, such as /srv/images",
            ));
        }
        Rule::at_most_bytes(text, Self::MAX_BYTES)?;
        if text.contains('\0') {
            return Err(Rule::new("must not contain a NUL character"));
        }
        if text.split('/').any(|s| s == "..") {
            return Err(Rule::new(
                "must not contain a .. segment; name the directory itself",
            ));
        }
        Ok(Self(text.to_owned()))
    }
}

/// The local directory on which a backend is mounted: the mount directory and the backend's id.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct MountPoint(PathBuf);

impl MountPoint {
    /// The mount point of backend `id` in `mount_dir`, which must be absolute and free of links.
    pub fn new(mount_dir: &Path, id: BackendId) -> Self {
        Self(mount_dir.join(id.to_string()))
    }

    /// The directory's path.
    pub fn as_path(&self) -> &Path {
        &self.0
    }

    /// The backend to which a directory of `mount_dir` belongs, where it is named by an id.
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
