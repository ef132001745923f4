//! Counts the files of a directory tree.
//!
//! What costs over a network is not work but waiting, so that many directories are read at once; and a tree may have
//! any number of files, so that nothing is kept but the names of directories that wait for their turn, and few of
//! those: each thread walks depth first, and stops reading a wide directory while enough of its children wait.
//!
//! Links are never followed, so that there are no loops. Other file systems mounted below the root are not entered;
//! the directories that they are mounted on are counted. That holds for what an NFSv4 server has mounted below its
//! export too, which the kernel's client mounts by itself.

use std::io;
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use storage_domain::{ByteCount, TemplatePatterns};

use crate::scan::ScanReport;

mod crew;
mod frame;
mod open;
mod reader;
mod tally;

use crew::Crew;
use tally::Tally;

/// How a tree is walked.
#[derive(Debug, Clone)]
pub struct WalkOptions {
    /// Which files are boot or install images.
    pub templates: TemplatePatterns,
    /// Whether the files' sizes are added up, which costs a stat a file.
    pub bytes: bool,
    /// How many directories are read at once, at the most. Where the storage answers at once, no more threads are
    /// started than there are processors.
    pub threads: usize,
}

impl WalkOptions {
    /// How many directories are read at once where nothing else is said.
    pub const DEFAULT_THREADS: usize = 32;
}

impl Default for WalkOptions {
    fn default() -> Self {
        Self {
            templates: TemplatePatterns::default(),
            bytes: false,
            threads: Self::DEFAULT_THREADS,
        }
    }
}

/// Counts the tree below `root`, which may itself be a link to a directory.
///
/// `progress` is told the files and directories so far about ten times a second, from any thread, and once more at the
/// end. `cancel` ends the walk within the time of one call to the file system.
///
/// Only regular files are files. What vanishes while it is looked at is not counted, and no error.
///
/// # Errors
/// The root can't be read; [`io::ErrorKind::Interrupted`] where the walk was cancelled. What can't be read below the
/// root is counted in [`ScanReport::errors`].
pub fn walk(
    root: &Path,
    options: &WalkOptions,
    progress: &(dyn Fn(u64, u64) + Sync),
    cancel: &AtomicBool,
) -> io::Result<ScanReport> {
    let begun = Instant::now();
    let tally = Tally::new(progress);
    let root = open::root(root)?;
    Crew::new(&root, options, &tally, cancel).run()?;
    let mut report = tally.report();
    report.bytes = options.bytes.then(|| ByteCount::saturating(tally.bytes()));
    report.duration = begun.elapsed();
    progress(report.files, report.directories);
    Ok(report)
}

#[cfg(test)]
mod tests;
