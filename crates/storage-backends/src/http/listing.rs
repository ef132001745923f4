//! Directory listings: index pages, nginx's and Caddy's JSON, and WebDAV, all read into the same entries.
//!
//! Foreign text: nothing here fails or panics on any input, and an entry is always a direct child of the page.

use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};

use hyper::header::HeaderValue;
use storage_domain::TemplatePatterns;
use url::Url;

pub mod html;
pub mod json;
pub mod url_names;
pub mod webdav;

use crate::tree::{self, EntryKind};
use url_names::Child;

/// How a listing is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// An index page for people.
    Html,
    /// A JSON array of objects.
    Json,
    /// A WebDAV multistatus (RFC 4918, section 13).
    WebDav,
}

impl Format {
    /// The format that a `Content-Type` names; what is none is no listing.
    pub(crate) fn of_content_type(value: Option<&HeaderValue>) -> Option<Self> {
        let text = value?.to_str().ok()?;
        let media = text.split(';').next()?.trim().to_ascii_lowercase();
        match media.as_str() {
            "text/html" | "application/xhtml+xml" => Some(Self::Html),
            "application/json" => Some(Self::Json),
            _ => None,
        }
    }
}

/// One entry of a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its name, and whether it is a directory.
    pub child: Child,
    /// Its size in bytes, if the listing gives it exactly.
    pub size: Option<u64>,
}

/// Holds what a page lists.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Listing {
    /// The entries, each once.
    pub entries: Vec<tree::Entry>,
    /// Whether the page has more entries than were read.
    pub cut: bool,
}

impl Listing {
    /// Returns the name of a file to try: an image if there is one. An empty file proves nothing.
    pub(crate) fn sample(&self, templates: &TemplatePatterns) -> Option<&[u8]> {
        let files = || self.entries.iter().filter(|entry| entry.kind == EntryKind::File);
        let is_image = |entry: &&tree::Entry| templates.matches(&entry.name) && entry.size != Some(0);
        let sample = files().find(is_image).or_else(|| files().next());
        sample.map(|entry| entry.name.as_slice())
    }
}

/// Collects entries, each once.
#[derive(Debug)]
struct Collector {
    listing: Listing,
    max_entries: usize,
    // Hashes instead of names: 9 bytes an entry, whatever the names' lengths.
    seen: HashSet<u64>,
    hasher: RandomState,
}

impl Collector {
    fn add(&mut self, entry: Entry) {
        let hash = self.hasher.hash_one(&entry.child.name);
        if self.seen.contains(&hash) {
            return;
        }
        if self.seen.len() >= self.max_entries {
            self.listing.cut = true;
            return;
        }
        self.seen.insert(hash);
        self.listing.entries.push(tree::Entry {
            kind: if entry.child.is_directory {
                EntryKind::Directory
            } else {
                EntryKind::File
            },
            name: entry.child.name,
            size: entry.size,
        });
    }
}

/// Reads at most `max_entries` of a listing that was found at `page`. Returns `None` if the text is not a listing. A text
/// that is not `complete` may break off.
pub fn read(format: Format, page: &Url, text: &[u8], complete: bool, max_entries: usize) -> Option<Listing> {
    let mut collector = Collector {
        listing: Listing::default(),
        max_entries,
        seen: HashSet::new(),
        hasher: RandomState::new(),
    };
    let is_listing = match format {
        Format::Html => html::read(page, text, &mut |entry| collector.add(entry)),
        Format::Json => json::read(page, text, &mut |entry| collector.add(entry)),
        Format::WebDav => webdav::read(page, text, &mut |entry| collector.add(entry)),
    };
    let mut listing = collector.listing;
    let has_begun = !complete && !listing.entries.is_empty();
    listing.cut |= !complete;
    (is_listing || has_begun).then_some(listing)
}
