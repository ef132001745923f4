//! Directories that are kept for their next pages.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustix::fs::Statx;
use storage_domain::FilePath;

use crate::helper::files::directory::{Directory, Names};
use crate::helper::files::root::nanos;

/// Directories that are kept for their next pages, and for how long.
const MAX_KEPT: usize = 2;
const KEPT_TIME: Duration = Duration::from_mins(1);

/// The directories whose next pages cost nothing but their entries.
#[derive(Debug, Default)]
pub(in super::super) struct Kept(Mutex<Vec<(FilePath, Instant, State)>>);

/// What is kept of a directory.
#[derive(Debug)]
pub(super) enum State {
    Sorted(Stamp, Arc<Names>),
    /// Read up to and with the name.
    Unsorted(String, Directory),
}

/// What changes with a directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp([i128; 4]);

impl Stamp {
    pub(super) fn of(found: &Statx) -> Self {
        let (mtime, ctime) = (nanos(found.stx_mtime), nanos(found.stx_ctime));
        Self([found.stx_ino.into(), found.stx_size.into(), mtime, ctime])
    }
}

impl Kept {
    /// Takes what is kept of a directory and fits.
    pub(super) fn take<T>(&self, path: &FilePath, fits: impl Fn(State) -> Result<T, State>) -> Option<T> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|(_, since, _)| since.elapsed() < KEPT_TIME);
        for index in 0..kept.len() {
            if kept[index].0 == *path {
                let (path, since, state) = kept.remove(index);
                match fits(state) {
                    Ok(taken) => return Some(taken),
                    Err(state) => kept.insert(index, (path, since, state)),
                }
            }
        }
        None
    }

    /// Forgets what was read before a change: within one tick of the server's clock the change does not show.
    pub(in super::super) fn forget(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    pub(super) fn put(&self, path: &FilePath, state: State) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.truncate(MAX_KEPT - 1);
        kept.insert(0, (path.clone(), Instant::now(), state));
    }
}
