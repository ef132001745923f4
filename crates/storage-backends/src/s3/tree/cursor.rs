//! The place in a listing of keys.

use std::collections::HashSet;
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};

use crate::s3::service::START_AFTER;
use crate::s3::xml::Page;

/// Pages in a row that may be empty.
const MAX_EMPTY_PAGES: u32 = 100;

/// Why a listing does not go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stray {
    Circle,
    Empty,
    Nowhere,
}

impl fmt::Display for Stray {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Circle => "the server lists the same objects again and again",
            Self::Empty => "the server lists nothing and says that there is more",
            Self::Nowhere => "the server says that there is more, and not how to ask for it",
        })
    }
}

impl std::error::Error for Stray {}

/// Marks where a listing of the keys below a prefix goes on.
#[derive(Debug)]
pub(crate) struct Cursor {
    prefix: String,
    /// The parameter of the next page, and its value.
    next: Option<(&'static str, String)>,
    /// Hashes of the first key of each page, and of what led to it: two for each request that a scan may make.
    seen: HashSet<u64>,
    empty_pages: u32,
    /// The last key. Keys come in order, so that it decides which directories of the next one are new.
    last_key: String,
}

impl Cursor {
    /// Begins a listing.
    pub(crate) fn new(prefix: &str) -> Self {
        Self {
            prefix: prefix.to_owned(),
            next: None,
            seen: HashSet::new(),
            empty_pages: 0,
            last_key: prefix.to_owned(),
        }
    }

    /// The same listing, begun behind a key.
    #[must_use]
    pub(crate) fn after(mut self, key: String) -> Self {
        self.next = Some((START_AFTER, key));
        self
    }

    /// Returns the query of the next page, of all keys or of the first level of names.
    pub(crate) fn query(&self, first_level: bool) -> Vec<(&str, &str)> {
        let mut query = vec![
            ("encoding-type", "url"),
            ("list-type", "2"),
            ("max-keys", "1000"),
            ("prefix", self.prefix.as_str()),
        ];
        if first_level {
            query.push(("delimiter", "/"));
        }
        if let Some((name, value)) = &self.next {
            query.push((name, value));
        }
        query.sort_unstable();
        query
    }

    /// Returns whether a page was listed before.
    pub(crate) fn has_seen(&mut self, page: &Page) -> bool {
        let first = page.objects.first().map(|object| &object.key);
        let first = first.or(page.prefixes.first());
        first.is_some_and(|name| !self.remember(("key", name)))
    }

    /// Goes on after a page. Returns whether there is more.
    ///
    /// # Errors
    /// The server leads nowhere or in circles.
    pub(crate) fn advance(&mut self, page: &Page) -> Result<bool, Stray> {
        if !page.more.is_more() {
            return Ok(false);
        }
        let last = page.objects.last().map(|object| &object.key);
        let last = last.max(page.prefixes.last()).map(String::as_str);
        let (name, value) = page.more.next(last).ok_or(Stray::Nowhere)?;
        if !self.remember((name, value)) {
            return Err(Stray::Circle);
        }
        self.empty_pages = match last {
            Some(_) => 0,
            None => self.empty_pages + 1,
        };
        if self.empty_pages > MAX_EMPTY_PAGES {
            return Err(Stray::Empty);
        }
        self.next = Some((name, value.to_owned()));
        Ok(true)
    }

    /// Returns whether this is new.
    fn remember(&mut self, what: (&str, &str)) -> bool {
        let mut hasher = DefaultHasher::new();
        what.hash(&mut hasher);
        self.seen.insert(hasher.finish())
    }

    /// Returns where the directories end that this key names first, below the prefix.
    pub(super) fn new_directories(&mut self, key: &str) -> Vec<usize> {
        let shared = self.last_key.bytes().zip(key.bytes()).take_while(|(a, b)| a == b);
        let known = shared.count().max(self.prefix.len());
        let slashes = key.bytes().enumerate().skip(known);
        let ends = slashes.filter(|(_, byte)| *byte == b'/').map(|(end, _)| end);
        let ends = ends.collect();
        key.clone_into(&mut self.last_key);
        ends
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::flat("", &["a", "b"], &[])]
    #[case::shared("", &["a/1", "a/2", "a/b/3", "a/b/4", "c/5"], &["a", "a/b", "c"])]
    #[case::markers("", &["a/", "a/b/", "a/b/c"], &["a", "a/b"])]
    #[case::below_a_prefix("a/", &["a/", "a/1", "a/b/3"], &["a/b"])]
    #[case::half_a_name("im", &["images/1", "img/2"], &["images", "img"])]
    #[case::leading_slashes("", &["/a", "//b"], &["", "/"])]
    fn finds_directories(#[case] prefix: &str, #[case] keys: &[&str], #[case] expected: &[&str]) {
        let mut cursor = Cursor::new(prefix);
        let found: Vec<&str> = keys
            .iter()
            .flat_map(|key| cursor.new_directories(key).into_iter().map(|end| &key[..end]))
            .collect();
        assert_eq!(found, expected);
    }
}
