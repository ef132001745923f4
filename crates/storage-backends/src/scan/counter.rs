//! The counter of files: one for every kind of storage.
//!
//! Directories are listed several at once and depth first, and pages are counted and dropped, so that memory does not
//! grow with the tree. What a hostile server makes up without an end is left at a bound, which the report names.

use std::time::Instant;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use storage_domain::Skipped;

use super::slices::{TimeSlice, TimeSlices};
use super::{ScanOptions, ScanProgress, ScanReport};
use crate::context::OpContext;
use crate::error::Error;
use crate::tree::{Entry, EntryKind, List, Page};

mod paths;
mod pending;
mod sizes;

use paths::{last_name, shown};
use pending::Pending;
use sizes::Sizes;

/// The name of a scan in errors.
const THE_SCAN: &str = "the scan";
/// Longest path of a directory that is entered, in bytes: `PATH_MAX` without its NUL.
const MAX_PATH_BYTES: usize = 4095;
/// Memory that a count without others beside it may keep between its listings, in bytes.
const MAX_KEPT_BYTES: usize = 16 * 1024 * 1024;
/// Listings without an answer in a row after which the server counts as gone.
const MAX_UNANSWERED: u32 = 12;

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
    let slice = TimeSlice::begin(options.slices);
    let mut slice = cx.bound("waiting for other counts", slice).await?;
    let root = slice.during(Box::pin(tree.list(b"", None)));
    let root = cx.bound("reading the root directory", root).await??;
    let mut counter = Counter::new(options, progress);
    counter.page(&Pending::root(), root.unwrap_or_default());
    match cx.bound(THE_SCAN, counter.run(tree, &mut slice)).await {
        Err(error) if error.is_timeout() => {
            counter.truncate(|| "the scan's time was over before everything was seen".to_owned());
        }
        done => done?,
    }
    // A size takes no memory to speak of.
    slice.end();
    if options.bytes {
        match cx.bound(THE_SCAN, counter.ask_sizes(tree)).await {
            Err(error) if error.is_timeout() => {
                counter.truncate(|| "the scan's time was over before all sizes were known".to_owned());
            }
            done => done?,
        }
    }
    let mut report = counter.report;
    report.bytes = counter.sizes.sum(report.files).filter(|_| options.bytes);
    report.duration = begun.elapsed();
    Ok(report)
}

/// The state of a count.
struct Counter<'a, C> {
    options: &'a ScanOptions<'a>,
    progress: &'a ScanProgress,
    /// Directories that wait, the deepest last.
    pending: Vec<Pending<C>>,
    /// The memory of `pending` and of paths in `sizes`.
    kept_bytes: usize,
    listings: usize,
    unanswered: u32,
    sizes: Sizes,
    report: ScanReport,
}

impl<'a, C> Counter<'a, C> {
    fn new(options: &'a ScanOptions<'a>, progress: &'a ScanProgress) -> Self {
        Self {
            options,
            progress,
            pending: Vec::new(),
            kept_bytes: 0,
            listings: 1,
            unanswered: 0,
            sizes: Sizes::default(),
            report: ScanReport {
                directories: 1,
                ..ScanReport::default()
            },
        }
    }

    /// Lists directories until none is left or a bound is reached.
    async fn run<L: List<Cursor = C>>(&mut self, tree: &L, slice: &mut TimeSlice<'_>) {
        let mut running = FuturesUnordered::new();
        loop {
            while slice.is_held()
                && running.len() < self.options.parallel
                && let Some(mut directory) = self.next()
            {
                running.push(async move {
                    let page = tree.list(&directory.path, directory.from.take()).await;
                    (directory, page)
                });
            }
            let listed = if slice.is_held() || self.pending.is_empty() {
                slice.during(running.next()).await
            } else {
                tree.close_idle();
                tokio::select! {
                    () = slice.next() => continue,
                    Some(listed) = running.next() => Some(listed),
                }
            };
            let Some((directory, page)) = listed else {
                return;
            };
            self.listed(&directory, page);
        }
    }

    fn next(&mut self) -> Option<Pending<C>> {
        let next = self.pending.pop()?;
        self.kept_bytes -= next.memory();
        if self.listings >= self.options.listings {
            let limit = self.options.listings;
            self.truncate(|| format!("the scan stopped after {limit} requests"));
        } else if self.unanswered >= MAX_UNANSWERED {
            self.truncate(|| "the server stopped answering".to_owned());
        } else {
            self.listings += 1;
            return Some(next);
        }
        self.kept_bytes -= self.pending.drain(..).map(|left| left.memory()).sum::<usize>();
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
            Err(error) => self.fail(&directory.join(b""), &error),
        }
    }

    /// Reports whether an entry of a recursive page is below a directory that is not counted.
    fn is_in_ignored(&self, path: &[u8]) -> bool {
        let mut names = path.split(|b| *b == b'/');
        names.next_back();
        names.any(|name| self.options.ignored.matches(name))
    }

    /// Counts what was left out of a directory on purpose.
    fn skip(&mut self, directory: &Pending<C>, mut skipped: Skipped) {
        let first = skipped.first.unwrap_or_default();
        skipped.first = Some(shown(&directory.join(first.as_bytes())));
        self.report.skipped.add(skipped);
    }

    fn page(&mut self, directory: &Pending<C>, page: Page<C>) {
        let (path, depth) = (directory.path.clone(), directory.depth);
        if let Some(next) = page.next {
            let from = Some(next);
            self.push(Pending { path, depth, from });
        }
        for entry in page.entries {
            match entry.kind {
                _ if page.recursive && self.is_in_ignored(&entry.name) => {}
                EntryKind::File => self.file(directory, &entry),
                EntryKind::Directory if self.options.ignored.matches(last_name(&entry.name)) => {
                    let ignored = Skipped {
                        ignored: 1,
                        first: Some(format!("{}/", String::from_utf8_lossy(&entry.name))),
                        ..Skipped::default()
                    };
                    self.skip(directory, ignored);
                }
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
        if !page.skipped.is_empty() {
            self.skip(directory, page.skipped);
        }
        if let Some(bound) = page.truncated {
            self.truncate(|| bound);
        }
        self.progress.set(self.report.files, self.report.directories);
    }

    fn file(&mut self, directory: &Pending<C>, entry: &Entry) {
        self.report.files += 1;
        self.report.templates += u64::from(self.options.templates.matches(last_name(&entry.name)));
        self.size(directory, entry);
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
        if self.keep(directory.memory()) {
            self.pending.push(directory);
        } else {
            self.truncate(|| "there are more directories than can wait to be listed".to_owned());
        }
    }

    /// Takes memory to keep something between listings; returns whether there is so much.
    fn keep(&mut self, bytes: usize) -> bool {
        let most = self.options.slices.map_or(MAX_KEPT_BYTES, TimeSlices::kept_bytes);
        let fits = self.kept_bytes + bytes <= most;
        self.kept_bytes += if fits { bytes } else { 0 };
        fits
    }

    /// Counts what could not be read.
    fn fail(&mut self, path: &[u8], error: &Error) {
        self.report.errors += 1;
        self.report
            .first_error
            .get_or_insert_with(|| format!("{}: {}", shown(path), error.reason()));
    }

    /// Notes the first bound that was reached.
    fn truncate(&mut self, bound: impl FnOnce() -> String) {
        self.report.truncated.get_or_insert_with(bound);
    }
}

#[cfg(test)]
mod tests;
