//! Counts files by walking the listings below the base URL.
//!
//! Memory is bounded by the number of requests: paths of directories wait in a queue, and of directories that were
//! seen only hashes are kept. Loops end at the bounds of depth and requests.

use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};
use std::time::Instant;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use percent_encoding::percent_decode_str;
use storage_domain::ByteCount;

use crate::context::OpContext;
use crate::error::Error;
use crate::http::lister::{Lister, NoPage, Page, Style};
use crate::scan::{ScanProgress, ScanReport};
use crate::web::Limits;

mod sizes;

/// After so many requests in a row that were not answered at all, the server is taken for gone.
const FAILURES_IN_A_ROW: usize = 12;

/// Counts everything below the base.
///
/// # Errors
/// As [`Lister::root`], and [`crate::ErrorKind::Cancelled`]. Where the time is over before everything was seen, the
/// report says so in `truncated`.
pub(crate) async fn run(
    lister: &Lister<'_>,
    cx: &OpContext,
    progress: &ScanProgress,
) -> Result<ScanReport, Error> {
    let started = Instant::now();
    let (style, root) = cx
        .bound("reading the directory's listing", lister.root_patiently(cx))
        .await??;
    let mut walk = Walk::new(lister.client().limits(), progress);
    walk.take(root);
    match cx.bound("the scan", walk.go(lister, cx, style)).await {
        Err(error) if error.is_timeout() => {
            walk.cut("the scan's time was over before everything was seen".to_owned());
        }
        done => done?,
    }
    let bytes = cx.bound("the scan", sizes::total(lister, &walk)).await;
    let bytes = match bytes {
        Err(error) if error.is_timeout() => None,
        found => found?,
    };
    let mut report = walk.report;
    // A sum with gaps would look like a size.
    let whole = report.errors == 0 && report.truncated.is_none();
    report.bytes = bytes.filter(|_| whole).map(ByteCount::saturating);
    report.duration = started.elapsed();
    Ok(report)
}

/// The state of a walk.
struct Walk<'a> {
    limits: &'a Limits,
    progress: &'a ScanProgress,
    queue: Vec<String>,
    seen: HashSet<u64>,
    hasher: RandomState,
    requests: usize,
    failures: usize,
    bytes: u64,
    unsized_files: u64,
    unsized_paths: Vec<String>,
    report: ScanReport,
}

impl<'a> Walk<'a> {
    fn new(limits: &'a Limits, progress: &'a ScanProgress) -> Self {
        let mut walk = Self {
            limits,
            progress,
            queue: Vec::new(),
            seen: HashSet::new(),
            hasher: RandomState::new(),
            requests: 1,
            failures: 0,
            bytes: 0,
            unsized_files: 0,
            unsized_paths: Vec::new(),
            report: ScanReport {
                directories: 1,
                ..ScanReport::default()
            },
        };
        walk.is_new("");
        walk
    }

    /// Fetches listings, several at once, until there is none left or a bound is reached.
    async fn go(&mut self, lister: &Lister<'_>, cx: &OpContext, style: Style) {
        let mut under_way = FuturesUnordered::new();
        loop {
            while under_way.len() < self.limits.parallel
                && let Some(path) = self.next()
            {
                under_way.push(async move {
                    let page = lister.fetch_patiently(cx, style, &path).await;
                    (path, page)
                });
            }
            let Some((path, page)) = under_way.next().await else {
                return;
            };
            self.failures = match page {
                Err(NoPage::Failed(_)) => self.failures + 1,
                _ => 0,
            };
            match page {
                Ok(page) => self.found(&path, page),
                Err(why) => self.error(&path, &why),
            }
        }
    }

    fn next(&mut self) -> Option<String> {
        if self.queue.is_empty() {
            return None;
        }
        if self.requests >= self.limits.requests {
            self.cut(format!(
                "the scan stopped after {} requests",
                self.limits.requests
            ));
            return None;
        }
        if self.failures >= FAILURES_IN_A_ROW {
            self.cut("the server stopped answering".to_owned());
            return None;
        }
        self.requests += 1;
        self.queue.pop()
    }

    /// Takes a listing that was asked for as `path`; redirects may have led to one that is known.
    fn found(&mut self, path: &str, page: Page) {
        if page.path == path || self.is_new(&page.path) {
            self.take(page);
        }
    }

    fn take(&mut self, page: Page) {
        let contents = page.contents;
        self.report.files += contents.files;
        self.report.templates += contents.templates;
        self.bytes = self.bytes.saturating_add(contents.bytes);
        self.unsized_files += contents.unsized_files;
        let room = self.limits.size_requests.saturating_sub(self.unsized_paths.len());
        let names = contents.unsized_names.into_iter().take(room);
        self.unsized_paths
            .extend(names.map(|name| format!("{}{name}", page.path)));
        if contents.cut {
            let (entries, bytes) = (self.limits.page_entries, self.limits.page_bytes);
            self.cut(format!(
                "a listing has more than {entries} entries or {bytes} bytes"
            ));
        }
        for name in contents.directories {
            self.directory(format!("{}{name}/", page.path));
        }
        self.progress.set(self.report.files, self.report.directories);
    }

    fn directory(&mut self, path: String) {
        if path.matches('/').count() > self.limits.depth {
            return self.cut(format!(
                "directories more than {} levels deep were left out",
                self.limits.depth
            ));
        }
        if self.queue.len() >= self.limits.requests {
            return self.cut(format!(
                "the scan stopped after {} requests",
                self.limits.requests
            ));
        }
        if self.is_new(&path) {
            self.report.directories += 1;
            self.queue.push(path);
        }
    }

    fn is_new(&mut self, path: &str) -> bool {
        self.seen.insert(self.hasher.hash_one(path))
    }

    fn error(&mut self, path: &str, why: &NoPage) {
        self.report.errors += 1;
        let name = percent_decode_str(path).decode_utf8_lossy();
        self.report
            .first_error
            .get_or_insert_with(|| format!("{name} can't be read: {why}"));
    }

    /// Notes the first bound that was reached.
    fn cut(&mut self, bound: String) {
        self.report.truncated.get_or_insert(bound);
    }
}
