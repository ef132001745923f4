//! Directory listings: index pages, JSON and XML of nginx and Caddy, and WebDAV, all read into the same entries.
//!
//! Foreign text: nothing here fails or panics on any input, and an entry is always a direct child of the page.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, BuildHasherDefault, DefaultHasher, Hash};
use std::sync::atomic::{AtomicBool, Ordering};

use storage_domain::TemplatePatterns;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::web::file::parse_date;

mod format;
pub mod html;
pub mod json;
pub mod url_names;
pub mod webdav;
pub mod xml;

pub(crate) use format::media_type;
pub use format::{Format, Found};
pub use url_names::Directory;

/// Names what an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A file.
    File,
    /// A directory.
    Directory,
    /// Either: the listing does not say.
    Unknown,
}

/// One entry of a listing.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Entry {
    /// Its name, decoded: never empty, `.` or `..`, without `/` and NUL, and of a bounded length.
    pub name: Vec<u8>,
    /// What it is.
    pub kind: Kind,
    /// Its size in bytes, if the listing gives it exactly.
    pub size: Option<u64>,
    /// When it was changed, if the listing says so in a form of its own.
    pub modified: Option<OffsetDateTime>,
}

impl Entry {
    /// Returns whether it may be a directory, if the listing marks none.
    pub(crate) fn may_be_a_directory(&self) -> bool {
        self.kind == Kind::Unknown && (self.size.is_none() || !url_names::has_extension(&self.name))
    }
}

/// Holds what a page lists.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Listing {
    /// The entries, each once.
    pub entries: Vec<Entry>,
    /// How many entries lead elsewhere, so that they can't be reached by a name below the page.
    pub elsewhere: u64,
    /// The first of them, as the listing names it.
    pub first_elsewhere: Option<String>,
    /// Whether the page has more entries than were read.
    pub cut: bool,
    /// Whether the page has nothing around the entries that index pages have, so that it may list something else.
    pub is_doubtful: bool,
    /// The same for two pages if they have the same entries, with sizes and dates, in any order.
    pub fingerprint: u64,
    /// The same for two pages if their entries have the same names, in any order.
    pub names: u64,
}

impl Listing {
    /// Returns a file to try: an image if there is one. An empty file proves nothing.
    pub(crate) fn sample(&self, templates: &TemplatePatterns) -> Option<&Entry> {
        let files = || self.entries.iter().filter(|entry| entry.kind != Kind::Directory);
        let is_image = |entry: &&Entry| templates.matches(&entry.name) && entry.size != Some(0);
        let is_file = |entry: &&Entry| entry.kind == Kind::File;
        files()
            .find(is_image)
            .or_else(|| files().find(is_file))
            .or_else(|| files().next())
    }

    /// Returns whether nothing was found that only a listing has.
    pub(crate) fn is_bare(&self) -> bool {
        self.entries.is_empty() && self.elsewhere == 0
    }

    /// Returns whether the page says of any entry that it is a directory.
    pub(crate) fn marks_directories(&self) -> bool {
        self.entries.iter().any(|entry| entry.kind == Kind::Directory)
    }
}

/// What a text is read within.
#[derive(Debug, Clone, Copy)]
pub struct Bounds<'a> {
    /// Whether the text is all there is, or breaks off.
    pub complete: bool,
    /// How many entries are read.
    pub max_entries: usize,
    /// Ends the work early if it is set.
    pub cancelled: &'a AtomicBool,
}

/// How much of a name that leads elsewhere is kept, in characters.
const SHOWN_CHARS: usize = 200;

/// Collects entries, each once.
#[derive(Debug)]
struct Collector<'a> {
    listing: Listing,
    bounds: Bounds<'a>,
    // Hashes instead of names: whatever the names' lengths, an entry costs the same.
    seen: HashMap<u64, usize>,
}

impl<'a> Collector<'a> {
    fn new(bounds: Bounds<'a>) -> Self {
        Self {
            listing: Listing::default(),
            bounds,
            seen: HashMap::new(),
        }
    }

    /// Returns whether enough was read.
    fn is_full(&self) -> bool {
        self.listing.cut || self.bounds.cancelled.load(Ordering::Relaxed)
    }

    /// Adds an entry; returns its index if it is new. What the page says beside it is part of the fingerprint.
    fn add(&mut self, entry: Entry, beside: impl Hash) -> Option<usize> {
        let name = hash(&entry.name);
        if let Some(first) = self.seen.get(&name) {
            let first = &mut self.listing.entries[*first];
            if first.kind == Kind::Unknown {
                first.kind = entry.kind;
            }
            let is_file = first.kind != Kind::Directory;
            first.size = first.size.or(entry.size).filter(|_| is_file);
            return None;
        }
        if self.seen.len() >= self.bounds.max_entries {
            self.listing.cut = true;
            return None;
        }
        let at = self.listing.entries.len();
        self.seen.insert(name, at);
        self.listing.names ^= name;
        self.listing.fingerprint ^= hash((&entry, beside));
        self.listing.entries.push(entry);
        Some(at)
    }

    fn elsewhere(&mut self, name: &str) {
        self.listing.elsewhere += 1;
        self.listing
            .first_elsewhere
            .get_or_insert_with(|| name.chars().take(SHOWN_CHARS).collect());
    }
}

/// Reads a date: as HTTP writes it, or as RFC 3339 does.
fn date(text: &str) -> Option<OffsetDateTime> {
    parse_date(text).or_else(|| OffsetDateTime::parse(text.trim(), &Rfc3339).ok())
}

/// Returns a hash that can be compared between pages.
fn hash(of: impl Hash) -> u64 {
    BuildHasherDefault::<DefaultHasher>::default().hash_one(of)
}

/// What may stand before a text.
const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// Reads a text of the directory that it was found at.
pub fn read(format: Format, directory: Directory, text: &[u8], bounds: Bounds<'_>) -> Found {
    let mut collector = Collector::new(bounds);
    let text = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text);
    let (is_listing, otherwise) = match format {
        Format::Html => (html::read(directory, text, &mut collector), Found::Page),
        Format::Json => (json::read(&directory, text, &mut collector), Found::Json),
        Format::Xml => (xml::read(text, &mut collector), Found::Page),
        Format::WebDav => (webdav::read(&directory, text, &mut collector), Found::Page),
        Format::Bucket => (false, Found::Bucket),
    };
    let mut listing = collector.listing;
    let has_begun = !bounds.complete && !listing.entries.is_empty();
    listing.cut |= !bounds.complete;
    if is_listing || (has_begun && format != Format::Html) {
        Found::Listing(listing)
    } else {
        otherwise
    }
}

#[cfg(test)]
pub(crate) mod testing {
    use url::Url;

    use super::*;

    /// Reads a page at http://h/b/.
    pub(crate) fn listing(format: Format, text: &[u8]) -> Option<Listing> {
        let directory = Directory::of(Url::parse("http://h/b/").unwrap()).unwrap();
        let cancelled = AtomicBool::new(false);
        let bounds = Bounds {
            complete: true,
            max_entries: 1000,
            cancelled: &cancelled,
        };
        match read(format, directory, text, bounds) {
            Found::Listing(listing) => Some(listing),
            _ => None,
        }
    }

    /// Lists what a page at http://h/b/ has: `name size`, `name/` for a directory, `name?` for either.
    pub(crate) fn names(format: Format, text: &[u8]) -> Option<Vec<String>> {
        let listing = listing(format, text)?;
        let mut names: Vec<_> = listing.entries.iter().map(shown).collect();
        if listing.elsewhere > 0 {
            names.push(format!("{} elsewhere", listing.elsewhere));
        }
        Some(names)
    }

    fn shown(entry: &Entry) -> String {
        let mark = match entry.kind {
            Kind::File => "",
            Kind::Directory => "/",
            Kind::Unknown => "?",
        };
        let size = entry.size.map(|size| format!(" {size}")).unwrap_or_default();
        format!("{}{mark}{size}", String::from_utf8_lossy(&entry.name))
    }
}
