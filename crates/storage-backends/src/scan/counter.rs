//! The counter of files: one for every kind of storage.
//!
//! Directories are listed several at once and depth first, and pages are counted and dropped, so that memory does not
//! grow with the tree. What a hostile server makes up without an end is left at a bound, which the report names.

use std::time::Instant;

use futures_util::StreamExt as _;
use futures_util::stream::{self, FuturesUnordered};
use storage_domain::ByteCount;

use super::{ScanOptions, ScanProgress, ScanReport};
use crate::context::OpContext;
use crate::error::Error;
use crate::tree::{Entry, EntryKind, List, Page};

/// The name of a scan in errors.
const THE_SCAN: &str = "the scan";
/// Longest path of a directory that is entered, in bytes: `PATH_MAX` without its NUL.
const MAX_PATH_BYTES: usize = 4095;
/// Memory that directories may take which wait to be listed, in bytes.
const MAX_PENDING_BYTES: usize = 16 * 1024 * 1024;
/// Listings without an answer in a row after which the server counts as gone.
const MAX_UNANSWERED: u32 = 12;
/// Longest path in a report, in bytes.
const MAX_SHOWN_BYTES: usize = 1024;

/// Counts everything below the root of a tree.
///
/// # Errors
/// The root cannot be listed; [`ErrorKind::Cancelled`](crate::ErrorKind::Cancelled). After the root was listed, the end
/// of the time ends the count, and the report says so in `truncated`.
/// # Cancel safety
/// Dropping the future drops the listings under way.
pub async fn count<L: List>(
    tree: &L,
    options: &ScanOptions<'_>,
    cx: &OpContext,
    progress: &ScanProgress,
) -> Result<ScanReport, Error> {
    let begun = Instant::now();
    let root = cx
        .bound("reading the root directory", tree.list(b"", None))
        .await??;
    let mut counter = Counter::new(options, progress);
    counter.page(&Pending::root(), root.unwrap_or_default());
    match cx.bound(THE_SCAN, counter.run(tree)).await {
        Err(error) if error.is_timeout() => {
            counter.truncate(|| "the scan's time was over before everything was seen".to_owned());
        }
        done => done?,
    }
    let bytes = match cx.bound(THE_SCAN, counter.total_bytes(tree)).await {
        Err(error) if error.is_timeout() => None,
        done => done?,
    };
    let mut report = counter.report;
    report.bytes = bytes.map(ByteCount::saturating);
    report.duration = begun.elapsed();
    Ok(report)
}

/// A directory that waits to be listed, or to be listed further.
#[derive(Debug)]
struct Pending<C> {
    path: Vec<u8>,
    depth: usize,
    from: Option<C>,
}

impl<C> Pending<C> {
    const fn root() -> Self {
        Self {
            path: Vec::new(),
            depth: 0,
            from: None,
        }
    }

    /// Returns the path of what is below, or of the directory itself if the name is empty.
    fn join(&self, name: &[u8]) -> Vec<u8> {
        let separator: &[u8] = if self.path.is_empty() || name.is_empty() {
            b""
        } else {
            b"/"
        };
        [&self.path, separator, name].concat()
    }

    fn memory(&self) -> usize {
        size_of::<Self>() + self.path.len()
    }
}

/// The state of a count.
struct Counter<'a, C> {
    options: &'a ScanOptions<'a>,
    progress: &'a ScanProgress,
    /// Directories that wait, the deepest last.
    pending: Vec<Pending<C>>,
    pending_bytes: usize,
    listings: usize,
    unanswered: u32,
    bytes: u64,
    unsized_files: u64,
    /// The first of the files without a size.
    unsized_paths: Vec<Vec<u8>>,
    report: ScanReport,
}

impl<'a, C> Counter<'a, C> {
    fn new(options: &'a ScanOptions<'a>, progress: &'a ScanProgress) -> Self {
        Self {
            options,
            progress,
            pending: Vec::new(),
            pending_bytes: 0,
            listings: 1,
            unanswered: 0,
            bytes: 0,
            unsized_files: 0,
            unsized_paths: Vec::new(),
            report: ScanReport {
                directories: 1,
                ..ScanReport::default()
            },
        }
    }

    /// Lists directories until none is left or a bound is reached.
    async fn run<L: List<Cursor = C>>(&mut self, tree: &L) {
        let mut running = FuturesUnordered::new();
        loop {
            while running.len() < self.options.parallel
                && let Some(mut directory) = self.next()
            {
                running.push(async move {
                    let page = tree.list(&directory.path, directory.from.take()).await;
                    (directory, page)
                });
            }
            let Some((directory, page)) = running.next().await else {
                return;
            };
            self.listed(&directory, page);
        }
    }

    fn next(&mut self) -> Option<Pending<C>> {
        let next = self.pending.pop()?;
        self.pending_bytes -= next.memory();
        if self.listings >= self.options.listings {
            let limit = self.options.listings;
            self.truncate(|| format!("the scan stopped after {limit} requests"));
        } else if self.unanswered >= MAX_UNANSWERED {
            self.truncate(|| "the server stopped answering".to_owned());
        } else {
            self.listings += 1;
            return Some(next);
        }
        self.pending.clear();
        self.pending_bytes = 0;
        None
    }

    fn listed(&mut self, directory: &Pending<C>, page: Result<Option<Page<C>>, Error>) {
        self.unanswered = match &page {
            Err(error) if error.is_temporary() => self.unanswered + 1,
            _ => 0,
        };
        match page {
            Ok(Some(page)) => self.page(directory, page),
            Ok(None) => self.report.directories -= 1,
            Err(error) => self.fail(&directory.path, &error),
        }
    }

    fn page(&mut self, directory: &Pending<C>, page: Page<C>) {
        let (path, depth) = (directory.path.clone(), directory.depth);
        if let Some(next) = page.next {
            let from = Some(next);
            self.push(Pending { path, depth, from });
        }
        for entry in page.entries {
            match entry.kind {
                EntryKind::File => self.file(directory, &entry),
                EntryKind::Directory => {
                    self.report.directories += 1;
                    if !page.recursive {
                        self.enter(directory, &entry.name);
                    }
                }
                EntryKind::Other => {}
            }
        }
        for (name, error) in page.failures {
            self.fail(&directory.join(&name), &error);
        }
        if let Some(bound) = page.truncated {
            self.truncate(|| bound);
        }
        self.progress.set(self.report.files, self.report.directories);
    }

    fn file(&mut self, directory: &Pending<C>, entry: &Entry) {
        self.report.files += 1;
        let name = entry.name.rsplit(|b| *b == b'/').next().unwrap_or_default();
        self.report.templates += u64::from(self.options.templates.matches(name));
        if let Some(size) = entry.size {
            self.bytes = self.bytes.saturating_add(size);
            return;
        }
        self.unsized_files += 1;
        if self.unsized_paths.len() < self.options.size_requests {
            self.unsized_paths.push(directory.join(&entry.name));
        }
    }

    /// Puts a directory on the stack, unless a bound is reached.
    fn enter(&mut self, parent: &Pending<C>, name: &[u8]) {
        let child = Pending {
            path: parent.join(name),
            depth: parent.depth + 1,
            from: None,
        };
        if child.depth > self.options.depth {
            let levels = self.options.depth;
            self.truncate(|| format!("directories more than {levels} levels deep were not entered"));
        } else if child.path.len() > MAX_PATH_BYTES {
            self.truncate(|| {
                format!("directories with a path of more than {MAX_PATH_BYTES} bytes were not entered")
            });
        } else {
            self.push(child);
        }
    }

    fn push(&mut self, directory: Pending<C>) {
        if self.pending_bytes + directory.memory() > MAX_PENDING_BYTES {
            return self.truncate(|| "there are more directories than can wait to be listed".to_owned());
        }
        self.pending_bytes += directory.memory();
        self.pending.push(directory);
    }

    /// Counts what could not be read.
    fn fail(&mut self, path: &[u8], error: &Error) {
        self.report.errors += 1;
        self.report
            .first_error
            .get_or_insert_with(|| format!("{} cannot be read: {}", shown(path), error.reason()));
    }

    /// Notes the first bound that was reached.
    fn truncate(&mut self, bound: impl FnOnce() -> String) {
        self.report.truncated.get_or_insert_with(bound);
    }

    /// Returns the sizes of all files that were counted, or `None` if one of them is unknown.
    async fn total_bytes<L: List>(&self, tree: &L) -> Option<u64> {
        let are_few = u64::try_from(self.unsized_paths.len()) == Ok(self.unsized_files);
        if !(self.options.bytes && are_few) {
            return None;
        }
        let sizes =
            stream::iter(self.unsized_paths.clone()).map(|path| async move { tree.size(&path).await });
        let mut sizes = std::pin::pin!(sizes.buffer_unordered(self.options.parallel));
        let mut sum = self.bytes;
        while let Some(size) = sizes.next().await {
            sum = sum.saturating_add(size?);
        }
        Some(sum)
    }
}

/// Returns a path for a person to read, no more than its beginning if it is long.
fn shown(path: &[u8]) -> String {
    let text = String::from_utf8_lossy(&path[..path.len().min(MAX_SHOWN_BYTES)]);
    let printable = |c: char| {
        if c.is_control() {
            char::REPLACEMENT_CHARACTER
        } else {
            c
        }
    };
    let mut shown: String = text.chars().map(printable).collect();
    if shown.is_empty() {
        "The root directory".clone_into(&mut shown);
    }
    if path.len() > MAX_SHOWN_BYTES {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests;
