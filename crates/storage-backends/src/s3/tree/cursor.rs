//! The place in a listing of keys.

use crate::s3::xml::Page;

/// Pages in a row that may be empty.
const MAX_EMPTY_PAGES: u32 = 100;

/// Marks where a listing of the keys below a prefix goes on.
#[derive(Debug)]
pub(crate) struct Cursor {
    prefix: String,
    token: Option<String>,
    first_key: Option<String>,
    empty_pages: u32,
    /// The last key. Keys come in order, so that it decides which directories of the next one are new.
    last_key: String,
}

impl Cursor {
    /// Begins a listing.
    pub(super) fn new(prefix: &str) -> Self {
        Self {
            prefix: prefix.to_owned(),
            token: None,
            first_key: None,
            empty_pages: 0,
            last_key: prefix.to_owned(),
        }
    }

    /// Returns the query of the next page, of all keys or of the first level of names.
    pub(super) fn query(&self, first_level: bool) -> Vec<(&str, &str)> {
        let mut query = vec![
            ("encoding-type", "url"),
            ("list-type", "2"),
            ("max-keys", "1000"),
            ("prefix", self.prefix.as_str()),
        ];
        if first_level {
            query.insert(0, ("delimiter", "/"));
        }
        if let Some(token) = &self.token {
            query.insert(0, ("continuation-token", token));
        }
        query
    }

    /// Goes on after a page. Returns whether there is more.
    ///
    /// # Errors
    /// The reason, if the server leads nowhere or in circles.
    pub(super) fn advance(&mut self, page: &Page) -> Result<bool, &'static str> {
        if !page.truncated {
            return Ok(false);
        }
        let Some(token) = &page.token else {
            return Err("the server says that there is more, and not how to ask for it");
        };
        let first_key = page.objects.first().map(|object| object.key.clone());
        if self.token.as_ref() == Some(token) || (first_key.is_some() && self.first_key == first_key) {
            return Err("the server lists the same objects again and again");
        }
        self.empty_pages = if first_key.is_some() {
            0
        } else {
            self.empty_pages + 1
        };
        if self.empty_pages > MAX_EMPTY_PAGES {
            return Err("the server lists nothing and says that there is more");
        }
        self.token = Some(token.clone());
        self.first_key = first_key;
        Ok(true)
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
