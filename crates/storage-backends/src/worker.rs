//! The helper process that makes every call on a mount.

use std::path::PathBuf;

/// How the worker process is started.
#[derive(Debug, Clone)]
pub struct WorkerCommand {
    program: PathBuf,
}

impl WorkerCommand {
    /// This very program, which has to call [`run_if_requested`] first in its `main`. It stays the same program where
    /// the file on disk is replaced by an upgrade.
    pub fn this_program() -> Self {
        Self {
            program: PathBuf::from("/proc/self/exe"),
        }
    }

    /// Another program, whose `main` calls [`run_if_requested`].
    pub fn program(path: impl Into<PathBuf>) -> Self {
        Self { program: path.into() }
    }
}

/// Runs the worker and ends the process, where this process was started as a worker; otherwise returns at once.
///
/// To be called first in `main`, before any thread or runtime is started.
pub fn run_if_requested() {}
