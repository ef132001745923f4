//! The directories of a web server as a tree.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

use futures_util::StreamExt as _;
use futures_util::stream;
use storage_domain::Skipped;
use tokio::sync::OnceCell;

use crate::context::OpContext;
use crate::error::{Error, ErrorKind};
use crate::http::lister::{self, Asked, Lister, Style};
use crate::http::listing::url_names::has_extension;
use crate::http::listing::{self, Kind, Listing};
use crate::http::not_listed::NoPage;
use crate::tree::{Entry, EntryKind, List, Page};

/// The largest listing that is asked for twice, in entries.
const MAX_ASKED_TWICE: usize = 4096;

/// Lists the directories below the base URL, each once.
#[derive(Debug)]
pub(crate) struct HttpTree<'a> {
    lister: &'a Lister<'a>,
    cx: &'a OpContext,
    /// How the root was listed, and with it all below.
    style: OnceLock<Style>,
    /// What was listed, by hashes of the paths.
    listed: Mutex<HashMap<u64, Listed>>,
    hasher: RandomState,
    /// Whether the sizes that listings give are those that a client reads.
    sizes_are_right: OnceCell<bool>,
    /// Whether the server's listings mark directories.
    marks_directories: AtomicBool,
    /// How many more names may be asked for what they are.
    names_to_ask: AtomicUsize,
}

impl<'a> HttpTree<'a> {
    pub(crate) fn new(lister: &'a Lister<'a>, cx: &'a OpContext) -> Self {
        Self {
            lister,
            cx,
            style: OnceLock::new(),
            listed: Mutex::default(),
            hasher: RandomState::new(),
            sizes_are_right: OnceCell::new(),
            marks_directories: AtomicBool::new(false),
            names_to_ask: AtomicUsize::new(lister.client().limits().size_requests),
        }
    }

    /// The same, whose root is listed in this style.
    pub(crate) fn in_style(lister: &'a Lister<'a>, cx: &'a OpContext, style: Style) -> Self {
        let tree = Self::new(lister, cx);
        tree.style.get_or_init(|| style);
        tree
    }

    async fn fetch(&self, directory: &[u8]) -> Result<lister::Page, Error> {
        if let Some(style) = self.style.get() {
            let page = self.lister.fetch_patiently(self.cx, *style, directory).await;
            return page.map_err(|why| unread(&why));
        }
        let root = self.lister.root_patiently(self.cx).await;
        let (style, page) = root.map_err(NoPage::into_error)?;
        self.style.get_or_init(|| style);
        Ok(page)
    }

    /// Notes what a directory lists; returns whether it is new.
    async fn visit(&self, path: &[u8], listing: &Listing) -> Visit {
        let hash = |path: &[u8]| self.hasher.hash_one(path);
        let this = Listed {
            fingerprint: listing.fingerprint,
            names: listing.names,
        };
        let alike = {
            let mut listed = self.listed.lock().unwrap_or_else(PoisonError::into_inner);
            if listed.insert(hash(path), this).is_some() {
                return Visit::Again;
            }
            // A chain of directories with one entry each has no end to find, and costs little.
            let above = ancestors(path).filter(|_| listing.entries.len() > 1);
            let above = above.filter_map(|above| Some((above, *listed.get(&hash(above))?)));
            above.filter(|(_, above)| above.names == this.names).last()
        };
        let Some((above, listed)) = alike else {
            return Visit::First;
        };
        let is_loop = self.goes_round(above, path, listing).await;
        if is_loop.unwrap_or(listed.fingerprint == this.fingerprint) {
            Visit::Loop
        } else {
            Visit::First
        }
    }

    /// Returns whether what leads from `above` to `path` leads on to the same names again, as in a circle and hardly
    /// elsewhere; dates and sizes may be others at each request. Returns `None` if the server does not list what is there,
    /// or lists too much to be asked twice.
    async fn goes_round(&self, above: &[u8], path: &[u8], listing: &Listing) -> Option<bool> {
        if listing.entries.len() > MAX_ASKED_TWICE {
            return None;
        }
        let rest = &path[above.len()..];
        let again = lister::join(path, rest.strip_prefix(b"/").unwrap_or(rest));
        let style = *self.style.get()?;
        let page = self.lister.fetch_patiently(self.cx, style, &again).await.ok()?;
        Some(page.listing.names == listing.names)
    }

    async fn trusts_sizes(&self, page: &lister::Page) -> bool {
        let size = |entry: &listing::Entry| entry.size.filter(|size| *size > 0);
        let mut entries = page.listing.entries.iter();
        match entries.find_map(|entry| Some((entry, size(entry)?))) {
            Some((file, size)) => self.trusts_size(&page.join(&file.name), size).await,
            None => true,
        }
    }

    /// Compares a size of a listing with what the server gives out, once.
    pub(crate) async fn trusts_size(&self, file: &[u8], listed: u64) -> bool {
        let is_right = async || match self.lister.ask_for(self.cx, file).await {
            Some(Asked::File(Some(size))) => listed == size,
            // Nothing says otherwise.
            _ => true,
        };
        *self.sizes_are_right.get_or_init(is_right).await
    }

    /// Finds out what the entries are that the listing does not mark.
    async fn resolve(&self, page: lister::Page, is_trusted: bool) -> Vec<Entry> {
        if page.listing.marks_directories() {
            self.marks_directories.store(true, Ordering::Relaxed);
        }
        let path = &page.path;
        let entries = stream::iter(page.listing.entries).map(|mut entry| {
            entry.size = entry.size.filter(|_| is_trusted);
            self.entry(path, entry)
        });
        entries
            .buffered(self.lister.client().limits().parallel)
            .collect()
            .await
    }

    async fn entry(&self, directory: &[u8], entry: listing::Entry) -> Entry {
        let may_be_a_directory =
            !self.marks_directories.load(Ordering::Relaxed) && entry.may_be_a_directory();
        let listing::Entry { name, kind, size, .. } = entry;
        let (kind, size) = match kind {
            Kind::Directory => (EntryKind::Directory, None),
            _ if may_be_a_directory && self.may_ask() => {
                self.ask(&lister::join(directory, &name), size).await
            }
            Kind::File | Kind::Unknown => (EntryKind::File, size),
        };
        Entry { name, kind, size }
    }

    /// Asks what is at a path, and for its size.
    pub(crate) async fn ask(&self, path: &[u8], listed: Option<u64>) -> (EntryKind, Option<u64>) {
        match self.lister.ask_for(self.cx, path).await {
            Some(Asked::Directory) => (EntryKind::Directory, None),
            Some(Asked::File(size)) => (EntryKind::File, size.or(listed)),
            Some(Asked::Page) if !has_extension(path) && self.is_listed(path).await => {
                (EntryKind::Directory, None)
            }
            _ => (EntryKind::File, listed),
        }
    }

    /// Returns whether there is a listing at a name: some servers show it without a redirect to the name with a slash.
    async fn is_listed(&self, path: &[u8]) -> bool {
        let Some(style) = self.style.get() else {
            return false;
        };
        let page = self.lister.fetch_patiently(self.cx, *style, path).await;
        page.is_ok_and(|page| !page.listing.is_bare())
    }

    fn may_ask(&self) -> bool {
        let less = |left: usize| left.checked_sub(1);
        let order = Ordering::Relaxed;
        self.names_to_ask.fetch_update(order, order, less).is_ok()
    }
}

/// What a directory lists, as hashes: its entries with sizes and dates, and their names alone.
#[derive(Debug, Clone, Copy)]
struct Listed {
    fingerprint: u64,
    names: u64,
}

/// Whether a directory was listed before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Visit {
    First,
    /// A redirect led to it again.
    Again,
    /// It lists what a directory above it lists, and so is that directory.
    Loop,
}

impl List for HttpTree<'_> {
    /// A listing comes in one piece.
    type Cursor = std::convert::Infallible;

    async fn list(
        &self,
        directory: &[u8],
        _from: Option<Self::Cursor>,
    ) -> Result<Option<Page<Self::Cursor>>, Error> {
        let found = self.fetch(directory).await?;
        let visit = self.visit(&found.path, &found.listing).await;
        if visit != Visit::First {
            let skipped = elsewhere(1, None);
            return Ok(Some(Page {
                skipped,
                ..Page::default()
            }));
        }
        let truncated = found.listing.cut.then(|| self.lister.bound());
        let skipped = elsewhere(found.listing.elsewhere, found.listing.first_elsewhere.clone());
        let is_trusted = self.trusts_sizes(&found).await;
        Ok(Some(Page {
            entries: self.resolve(found, is_trusted).await,
            skipped,
            truncated,
            ..Page::default()
        }))
    }

    async fn size(&self, file: &[u8]) -> Option<u64> {
        match self.lister.ask_for(self.cx, file).await {
            Some(Asked::File(size)) => size,
            _ => None,
        }
    }

    fn close_idle(&self) {
        self.lister.client().close_idle();
    }
}

/// Says that entries lead out of the directory, or to one that was listed.
fn elsewhere(count: u64, first: Option<String>) -> Skipped {
    Skipped {
        elsewhere: count,
        first,
        ..Skipped::default()
    }
}

/// Returns the paths of the directories above one, the root included.
fn ancestors(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    let slashes = path.iter().enumerate().filter(|(_, byte)| **byte == b'/');
    let root = (!path.is_empty()).then_some(&path[..0]);
    root.into_iter().chain(slashes.map(|(at, _)| &path[..at]))
}

/// Makes the error of a directory below the root. It is temporary if the server did not answer.
fn unread(why: &NoPage) -> Error {
    let unanswered = matches!(why, NoPage::Failed(_));
    Error::new(ErrorKind::Server, "the listing")
        .with_temporary(unanswered)
        .with_source(why.to_string())
}
