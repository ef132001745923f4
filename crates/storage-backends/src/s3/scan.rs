//! Counts objects by paging through a bucket, several prefixes at once where it has a top level.
//!
//! Memory does not grow with the bucket: pages are counted and dropped, and no more prefixes are kept than one page
//! has.

use std::collections::{HashSet, VecDeque};
use std::time::Instant;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use storage_domain::{ByteCount, TemplatePatterns};

use crate::context::OpContext;
use crate::error::Error;
use crate::s3::S3Backend;
use crate::s3::xml::Page;
use crate::scan::{ScanProgress, ScanReport};

mod directories;
mod pages;

use directories::Directories;
use pages::{Cursor, Pages};

/// A top level of more prefixes than this is not listed prefix by prefix: each costs a request, and a page of the whole
/// bucket may hold hundreds of them.
const MAX_PREFIXES: usize = 64;

/// Counts everything below the prefix.
///
/// # Errors
/// [`crate::ErrorKind::NotListable`] and [`crate::ErrorKind::Server`] where not even the first page is to be had,
/// [`crate::ErrorKind::Cancelled`]. Where the time or a bound is over before everything was seen, the report says so in
/// `truncated`.
pub(crate) async fn run(
    backend: &S3Backend,
    cx: &OpContext,
    progress: &ScanProgress,
) -> Result<ScanReport, Error> {
    let started = Instant::now();
    let mut walk = Walk::new(backend, progress);
    let pages = Pages::new(backend, cx);
    let first = cx.bound("listing the bucket", walk.begin(&pages)).await?;
    first?;
    match cx.bound("the scan", walk.go_through(&pages, backend)).await {
        Err(error) if error.is_timeout() => {
            walk.cut("the scan's time was over before everything was seen".to_owned());
        }
        done => done?,
    }
    Ok(walk.finish(started))
}

/// The state of a scan.
struct Walk<'a> {
    templates: &'a TemplatePatterns,
    progress: &'a ScanProgress,
    prefix: &'a str,
    waiting: VecDeque<Cursor>,
    requests: usize,
    max_requests: usize,
    parallel: usize,
    bytes: Option<u64>,
    report: ScanReport,
}

impl<'a> Walk<'a> {
    fn new(backend: &'a S3Backend, progress: &'a ScanProgress) -> Self {
        let limits = backend.service.limits();
        Self {
            templates: &backend.templates,
            progress,
            prefix: backend.prefix(),
            waiting: VecDeque::new(),
            requests: 0,
            max_requests: limits.requests,
            parallel: limits.parallel,
            bytes: Some(0),
            report: Self::nothing_seen(),
        }
    }

    fn nothing_seen() -> ScanReport {
        ScanReport {
            directories: 1,
            ..ScanReport::default()
        }
    }

    /// Looks at the top level, and decides how to go on.
    async fn begin(&mut self, pages: &Pages<'_>) -> Result<(), Error> {
        let top = Cursor::top(self.prefix);
        self.requests += 1;
        let page = pages.fetch(&top).await?;
        if !self.splits(&page) {
            self.waiting.push_back(Cursor::of(self.prefix));
            return Ok(());
        }
        let mut directories = Directories::below(self.prefix);
        self.count(&page, &mut directories);
        for prefix in &page.prefixes {
            self.report.directories += 1;
            self.waiting.push_back(Cursor::announced(prefix));
        }
        self.progress.set(self.report.files, self.report.directories);
        Ok(())
    }

    /// Whether a whole top level can be listed prefix by prefix: none of them comes twice or leads elsewhere.
    fn splits(&self, page: &Page) -> bool {
        let is_below = |prefix: &&String| prefix.starts_with(self.prefix) && prefix.len() > self.prefix.len();
        let different: HashSet<&String> = page.prefixes.iter().filter(is_below).collect();
        !page.truncated && page.prefixes.len() <= MAX_PREFIXES && different.len() == page.prefixes.len()
    }

    /// Counts everything, and all of it once more as one listing where the top level led astray.
    async fn go_through(&mut self, pages: &Pages<'_>, backend: &S3Backend) {
        if self.go(pages).await {
            return;
        }
        tracing::debug!(
            bucket = backend.bucket,
            "a bucket's prefixes hold nothing: it is counted as a whole"
        );
        self.report = Self::nothing_seen();
        self.bytes = Some(0);
        self.waiting = VecDeque::from([Cursor::of(self.prefix)]);
        self.go(pages).await;
    }

    /// Fetches pages, several at once, until there is none left or a bound is reached; `false` where a prefix that the
    /// server announced has nothing below it. Its name was not understood then (servers differ in how they encode
    /// it), or it was emptied meanwhile.
    async fn go(&mut self, pages: &Pages<'_>) -> bool {
        let mut under_way = FuturesUnordered::new();
        loop {
            while under_way.len() < self.parallel
                && let Some(cursor) = self.next()
            {
                under_way.push(async move {
                    let page = pages.fetch(&cursor).await;
                    (cursor, page)
                });
            }
            let Some((cursor, page)) = under_way.next().await else {
                return true;
            };
            let as_announced = match page {
                Ok(page) => self.take(cursor, &page),
                Err(error) => {
                    self.error(&cursor, &explained(&error));
                    true
                }
            };
            if !as_announced {
                return false;
            }
        }
    }

    fn next(&mut self) -> Option<Cursor> {
        if self.waiting.is_empty() {
            return None;
        }
        if self.requests >= self.max_requests {
            self.cut(format!("the scan stopped after {} requests", self.max_requests));
            return None;
        }
        self.requests += 1;
        self.waiting.pop_front()
    }

    /// Counts a page; `false` where it was the last of a prefix without objects.
    fn take(&mut self, mut cursor: Cursor, page: &Page) -> bool {
        self.count(page, &mut cursor.directories);
        let more = cursor.advance(page);
        let as_announced = more != Ok(false) || !cursor.is_disappointed();
        match more {
            Ok(true) => self.waiting.push_front(cursor),
            Ok(false) => {}
            Err(why) => self.error(&cursor, why),
        }
        self.progress.set(self.report.files, self.report.directories);
        as_announced
    }

    fn count(&mut self, page: &Page, directories: &mut Directories) {
        for object in &page.objects {
            self.report.directories += directories.new_in(&object.key);
            if object.is_marker() {
                continue;
            }
            self.report.files += 1;
            let name = object.key.rsplit('/').next().unwrap_or_default();
            if self.templates.matches(name.as_bytes()) {
                self.report.templates += 1;
            }
            self.bytes = match (self.bytes, object.size) {
                (Some(bytes), Some(size)) => Some(bytes.saturating_add(size)),
                _ => None,
            };
            if object.size.is_none() {
                self.note(format!("{} has no size that can be read", object.key));
            }
        }
    }

    fn error(&mut self, cursor: &Cursor, why: &str) {
        let of = match cursor.prefix() {
            "" => "the bucket",
            prefix => prefix,
        };
        self.note(format!("{of} can't be listed to its end: {why}"));
    }

    fn note(&mut self, error: String) {
        self.report.errors += 1;
        self.report.first_error.get_or_insert(error);
    }

    /// Notes the first bound that was reached.
    fn cut(&mut self, bound: String) {
        self.report.truncated.get_or_insert(bound);
    }

    fn finish(mut self, started: Instant) -> ScanReport {
        // A sum with gaps would look like a size.
        let whole = self.report.errors == 0 && self.report.truncated.is_none();
        self.report.bytes = self.bytes.filter(|_| whole).map(ByteCount::saturating);
        self.report.duration = started.elapsed();
        self.progress.set(self.report.files, self.report.directories);
        self.report
    }
}

/// Returns the sentence of an error, which is its cause.
fn explained(error: &Error) -> String {
    std::error::Error::source(error).map_or_else(|| error.to_string(), ToString::to_string)
}
