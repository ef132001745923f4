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
    /// Its size in bytes, where the listing tells it exactly.
    pub size: Option<u64>,
}

/// What a listing holds, in bounded memory: names of directories, and of a few files.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Contents {
    /// The directories' names, percent-encoded.
    pub directories: Vec<String>,
    /// How many files there are.
    pub files: u64,
    /// How many of the files are boot or install images.
    pub templates: u64,
    /// The exact sizes that the listing told, added up.
    pub bytes: u64,
    /// How many files there are whose size was not told exactly.
    pub unsized_files: u64,
    /// The first names of those, percent-encoded.
    pub unsized_names: Vec<String>,
    /// The name of one file, an image where there is one, percent-encoded.
    pub sample: Option<String>,
    /// Whether the listing has more entries than are read.
    pub cut: bool,
}

/// What entries are collected under.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// How many entries of one listing are read.
    pub entries: usize,
    /// How many names of files without an exact size are kept.
    pub unsized_names: usize,
}

/// Collects entries; one that is told twice counts once.
#[derive(Debug)]
pub(crate) struct Collector<'a> {
    contents: Contents,
    templates: &'a TemplatePatterns,
    bounds: Bounds,
    sample_is_template: bool,
    // Hashes instead of names: 9 bytes an entry, whatever the names' lengths.
    seen: HashSet<u64>,
    hasher: RandomState,
}

impl<'a> Collector<'a> {
    pub(crate) fn new(templates: &'a TemplatePatterns, bounds: Bounds) -> Self {
        Self {
            contents: Contents::default(),
            templates,
            bounds,
            sample_is_template: false,
            seen: HashSet::new(),
            hasher: RandomState::new(),
        }
    }

    /// Takes an entry.
    pub(crate) fn add(&mut self, entry: Entry) {
        let hash = self.hasher.hash_one(&entry.child.name);
        if self.seen.contains(&hash) {
            return;
        }
        if self.seen.len() >= self.bounds.entries {
            self.contents.cut = true;
            return;
        }
        self.seen.insert(hash);
        if entry.child.is_directory {
            self.contents.directories.push(entry.child.segment);
        } else {
            self.add_file(entry);
        }
    }

    fn add_file(&mut self, entry: Entry) {
        let contents = &mut self.contents;
        let is_template = self.templates.matches(&entry.child.name);
        contents.files += 1;
        contents.templates += u64::from(is_template);
        // An empty file proves nothing.
        let better = is_template && !self.sample_is_template && entry.size != Some(0);
        if contents.sample.is_none() || better {
            contents.sample = Some(entry.child.segment.clone());
            self.sample_is_template = is_template;
        }
        if let Some(size) = entry.size {
            contents.bytes = contents.bytes.saturating_add(size);
            return;
        }
        contents.unsized_files += 1;
        if contents.unsized_names.len() < self.bounds.unsized_names {
            contents.unsized_names.push(entry.child.segment);
        }
    }

    pub(crate) fn finish(self) -> Contents {
        self.contents
    }
}

/// Reads a listing that was found at `page`; `None` where the text is no listing. A text that is not `whole` may
/// break off.
pub fn read(
    format: Format,
    page: &Url,
    text: &[u8],
    whole: bool,
    templates: &TemplatePatterns,
    bounds: Bounds,
) -> Option<Contents> {
    let mut collector = Collector::new(templates, bounds);
    let is_listing = match format {
        Format::Html => html::read(page, text, &mut |entry| collector.add(entry)),
        Format::Json => json::read(page, text, &mut |entry| collector.add(entry)),
        Format::WebDav => webdav::read(page, text, &mut |entry| collector.add(entry)),
    };
    let begun = !whole && !collector.seen.is_empty();
    (is_listing || begun).then(|| collector.finish())
}
