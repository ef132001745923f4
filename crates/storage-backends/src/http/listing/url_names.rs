//! From the references of a listing to names of direct children.

use std::borrow::Cow;

use percent_encoding::{AsciiSet, CONTROLS, NON_ALPHANUMERIC, percent_decode_str, percent_encode};
use url::Url;

/// What is encoded in a path: everything but slashes and unreserved characters (RFC 3986, section 2.3), so that every
/// name has one form.
const PATH: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'/')
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// The longest name of a child, in bytes, decoded. No file system has longer ones.
pub const MAX_NAME_BYTES: usize = 4096;
/// The longest path of a page, in bytes, encoded. Every link is resolved against it.
const MAX_PATH_BYTES: usize = 16 * 1024;
/// The longest reference that is resolved, in bytes: a name of which every byte is encoded.
pub(crate) const MAX_REFERENCE_BYTES: usize = 3 * MAX_NAME_BYTES + 256;

/// The schemes of links that lead to no page of the web (those that pages have).
const NO_PAGES: [&str; 12] = [
    "about",
    "blob",
    "data",
    "file",
    "ftp",
    "irc",
    "javascript",
    "magnet",
    "mailto",
    "sms",
    "tel",
    "ws",
];

/// What a reference on a page points to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Reference {
    /// A direct child.
    Child {
        /// Its name, decoded.
        name: Vec<u8>,
        /// Whether the reference ends in a slash.
        is_directory: bool,
        /// Whether the reference has a query, which a request by name leaves out.
        has_query: bool,
    },
    /// The page itself, or a directory above it, or the same page sorted in another way.
    Around {
        /// Whether it is a directory above.
        is_above: bool,
        /// Whether it has a query, as the links that sort a listing have.
        has_query: bool,
    },
    /// Any other page.
    Elsewhere {
        /// The last segment of its path, decoded.
        name: Vec<u8>,
        /// Whether it is at the page's own origin.
        is_internal: bool,
    },
    /// Not a page of the web.
    Nothing,
}

/// The directory that a page lists, and what its references are resolved against.
#[derive(Debug, Clone)]
pub struct Directory {
    url: Url,
    base: Option<Url>,
    path: Vec<Vec<u8>>,
}

impl Directory {
    /// Returns the directory of a page, or `None` if its path is too long. The directory is the path up to the last slash.
    pub fn of(page: Url) -> Option<Self> {
        let path = directory_of(&page);
        Self::with_path(page, path)
    }

    /// Returns the directory of a page that answers for the directory `asked`, with or without a slash at its end.
    pub(crate) fn answered(asked: &Url, page: Url) -> Option<Self> {
        let is_same = page.path().trim_end_matches('/') == asked.path().trim_end_matches('/');
        let path = directory_of(if is_same { asked } else { &page });
        Self::with_path(page, path)
    }

    fn with_path(url: Url, path: Vec<Vec<u8>>) -> Option<Self> {
        let base = None;
        (url.path().len() <= MAX_PATH_BYTES).then_some(Self { url, base, path })
    }

    /// Sets the base URL that the page declares (RFC 3986, section 5.1.1). The first one counts.
    pub(crate) fn set_base(&mut self, href: &[u8]) {
        if self.base.is_none()
            && href.len() <= MAX_REFERENCE_BYTES
            && let Ok(base) = self.url.join(&readable(href))
            && !base.cannot_be_a_base()
        {
            self.base = Some(base);
        }
    }

    /// Returns what `href` points to. The comparison is by whole, decoded path segments, after resolution.
    pub(crate) fn reference(&self, href: &[u8]) -> Reference {
        let base = self.base.as_ref().unwrap_or(&self.url);
        let is_short = href.len() <= MAX_REFERENCE_BYTES;
        let Some(target) = is_short.then(|| base.join(&readable(href)).ok()).flatten() else {
            let (name, is_internal) = (Vec::new(), true);
            return Reference::Elsewhere { name, is_internal };
        };
        let target = match target.scheme() {
            "http" | "https" => target,
            scheme if NO_PAGES.contains(&scheme) => return Reference::Nothing,
            // A name with a colon that the server forgot to encode.
            _ => match base.join(&format!("./{}", readable(href))) {
                Ok(target) => target,
                Err(_) => return Reference::Nothing,
            },
        };
        if href.trim_ascii_start().starts_with(b"#") {
            return Reference::Nothing;
        }
        let mut there = segments(&target);
        let is_directory = there.pop_if(|last| last.is_empty()).is_some();
        let has_query = target.query().is_some();
        let is_internal = target.origin() == self.url.origin()
            && target.username().is_empty()
            && target.password().is_none();
        if is_internal && self.path.starts_with(&there) {
            let is_above = there.len() < self.path.len();
            return Reference::Around { is_above, has_query };
        }
        let is_child = there.len() == self.path.len() + 1 && there.starts_with(&self.path);
        let name = there.pop().unwrap_or_default();
        if is_internal && is_child && is_name(&name) && target.fragment().is_none() {
            return Reference::Child {
                name,
                is_directory,
                has_query,
            };
        }
        Reference::Elsewhere { name, is_internal }
    }

    /// Returns whether this is the directory of `page`, at whatever host.
    pub(crate) fn is_at(&self, page: &Url) -> bool {
        self.path == directory_of(page)
    }

    /// Returns the decoded segments of the directory's path.
    pub(crate) fn path(&self) -> &[Vec<u8>] {
        &self.path
    }

    /// Returns the decoded segments of the path that `href` points to, at any host, without a slash at its end.
    pub(crate) fn path_of(&self, href: &[u8]) -> Option<Vec<Vec<u8>>> {
        if href.len() > MAX_REFERENCE_BYTES + self.url.path().len() {
            return None;
        }
        let mut path = segments(&self.url.join(&readable(href)).ok()?);
        path.pop_if(|last| last.is_empty());
        Some(path)
    }
}

/// Returns whether `page` is at the path of `name` with a slash added, however either is encoded.
pub(crate) fn is_with_slash(name: &Url, page: &Url) -> bool {
    let (name, mut there) = (segments(name), segments(page));
    there.pop_if(|last| last.is_empty()).is_some() && there == name
}

/// Returns whether a child can have this name: one segment that leads nowhere else, of a bounded length.
pub(crate) fn is_name(name: &[u8]) -> bool {
    // A server on Windows takes `\` for `/`.
    let climbs = name
        .split(|b| *b == b'\\')
        .any(|part| matches!(part, b"." | b".."));
    let is_segment = !name.iter().any(|b| matches!(b, b'/' | 0));
    !name.is_empty() && !climbs && is_segment && name.len() <= MAX_NAME_BYTES
}

/// Returns whether a name ends like a file's: in a point and a few letters.
pub(crate) fn has_extension(name: &[u8]) -> bool {
    let mut parts = name.rsplitn(2, |b| *b == b'.');
    match (parts.next(), parts.next()) {
        (Some(extension), Some(stem)) => {
            let is_word = extension.iter().all(u8::is_ascii_alphanumeric);
            let has_letter = extension.iter().any(u8::is_ascii_alphabetic);
            !stem.is_empty() && is_word && has_letter && extension.len() <= 6
        }
        _ => false,
    }
}

/// Returns a reference as text. Bytes that are not UTF-8 are encoded, so that they stay what they are.
fn readable(href: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(href) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => percent_encode(href, CONTROLS).into(),
    }
}

/// The directory that a page shows: its path up to the last slash.
fn directory_of(page: &Url) -> Vec<Vec<u8>> {
    let mut path = segments(page);
    path.pop();
    path
}

fn segments(url: &Url) -> Vec<Vec<u8>> {
    let path = url.path().strip_prefix('/').unwrap_or(url.path());
    path.split('/').map(|s| percent_decode_str(s).collect()).collect()
}

/// Returns a decoded path, or a name, as the path of a URL.
pub fn encode(path: &[u8]) -> String {
    percent_encode(path, PATH).to_string()
}

/// Returns the decoded path of `directory` below the directory `base`, or `None` if it is not below it.
pub(crate) fn path_below(base: &Url, directory: &Directory) -> Option<Vec<u8>> {
    let base_path = directory_of(base);
    if directory.url.origin() != base.origin() {
        return None;
    }
    let names = directory.path.strip_prefix(base_path.as_slice())?;
    names.iter().all(|name| is_name(name)).then(|| names.join(&b'/'))
}

#[cfg(test)]
mod tests;
