//! The binary as a user without any rights, in a place that this user can reach.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use crate::alone::is_root;
use crate::service::{binary, command};

/// A directory with a copy of the binary.
pub(crate) struct Nobody {
    home: TempDir,
}

impl Nobody {
    /// The user `nobody`, and its group.
    pub(crate) const ID: u32 = 65534;

    /// Makes the directory; nothing if tests that need root are skipped.
    pub(crate) fn new() -> Option<Self> {
        if !is_root() {
            return None;
        }
        let home = tempfile::tempdir().expect("a temporary directory can be made");
        let open = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(home.path(), open).expect("its mode can be set");
        std::fs::copy(binary().get_program(), home.path().join("storage")).expect("the binary can be copied");
        Some(Self { home })
    }

    pub(crate) fn home(&self) -> &Path {
        self.home.path()
    }

    /// Starts with the arguments that make the binary run as this user.
    pub(crate) fn binary(&self) -> Command {
        let id = Self::ID;
        let mut setpriv = command("setpriv");
        setpriv.args([format!("--reuid={id}"), format!("--regid={id}")]);
        setpriv
            .args(["--clear-groups", "--"])
            .arg(self.home.path().join("storage"));
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("PUREBOOT_STORAGE_") || name == "DATABASE_URL" {
                setpriv.env_remove(name);
            }
        }
        setpriv
    }
}
