//! Counting a directory of this host, as the helper process does it for a mount.

use std::io;
use std::path::Path;
use std::time::Duration;

use storage_domain::{IgnoredDirectories, TemplatePatterns};

use super::{ScanOptions, ScanProgress, ScanReport, count};
use crate::context::OpContext;
use crate::error::Error;
use crate::tree::LocalTree;

/// Stack of a thread that reads directories, in bytes.
const STACK_BYTES: usize = 256 * 1024;
/// Levels of directories that are entered.
const MAX_DEPTH: usize = 1024;
/// Time between two reports of progress.
const PROGRESS_INTERVAL: Duration = Duration::from_millis(100);
/// Longer than any count: the caller ends it.
const NO_DEADLINE: Duration = Duration::from_hours(24 * 365);

impl<'a> ScanOptions<'a> {
    /// Directories of a file system that are read at once: over a network most of the threads wait.
    pub const DEFAULT_THREADS: usize = 32;

    /// Returns the options of a directory of this host. With `bytes` each file costs one `lstat(2)`.
    pub fn of_directory(
        templates: &'a TemplatePatterns,
        ignored: &'a IgnoredDirectories,
        bytes: bool,
    ) -> Self {
        Self {
            templates,
            ignored,
            bytes,
            parallel: Self::DEFAULT_THREADS,
            listings: usize::MAX,
            depth: MAX_DEPTH,
            size_requests: 0,
            slices: None,
        }
    }
}

/// Counts the files below a directory of this host.
///
/// # Errors
/// [`ErrorKind::Kernel`](crate::ErrorKind::Kernel): the directory cannot be read. What cannot be read below it is counted in [`ScanReport::errors`].
/// # Cancel safety
/// Dropping the future ends the count; reads under way end on threads of the runtime.
pub async fn count_directory(
    root: &Path,
    options: &ScanOptions<'_>,
    progress: &ScanProgress,
) -> Result<ScanReport, Error> {
    let tree = LocalTree::open(root, options.bytes).map_err(unread)?;
    count(&tree, options, &OpContext::within(NO_DEADLINE), progress).await
}

fn unread(error: io::Error) -> Error {
    Error::kernel("reading the directory", error).with_temporary(false)
}

/// Counts the files below a directory on threads of its own, and passes files and directories so far to `on_progress`
/// ten times a second.
///
/// # Errors
/// As [`count_directory`]; no thread could be started.
pub fn count_directory_blocking(
    root: &Path,
    options: &ScanOptions<'_>,
    mut on_progress: impl FnMut(u64, u64),
) -> Result<ScanReport, Error> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .max_blocking_threads(options.parallel)
        .thread_stack_size(STACK_BYTES)
        .build()
        .map_err(unread)?;
    let progress = ScanProgress::default();
    runtime.block_on(async {
        let mut report = std::pin::pin!(count_directory(root, options, &progress));
        let mut interval = tokio::time::interval(PROGRESS_INTERVAL);
        loop {
            tokio::select! {
                report = &mut report => break report,
                _ = interval.tick() => on_progress(progress.files(), progress.directories()),
            }
        }
    })
}
