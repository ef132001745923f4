//! What a listing says of an entry by classes and icons.

use crate::http::listing::html::tags::{Element, Tag};

/// What a listing says of a link by the class or the icon beside it.
const DIRECTORY_HINTS: [&str; 6] = ["dir", "dirs", "directory", "directories", "folder", "folders"];
const FILE_HINTS: [&str; 2] = ["file", "files"];
const LINK_HINTS: [&str; 3] = ["symlink", "shortcut", "link"];

/// What classes, icons and other attributes say of an entry.
#[expect(clippy::struct_excessive_bools, reason = "each is one thing that is said")]
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Hints {
    pub(super) has_icon: bool,
    pub(super) has_time: bool,
    pub(super) is_directory: bool,
    pub(super) is_file: bool,
    pub(super) is_link: bool,
    pub(super) size: Option<u64>,
}

impl Hints {
    pub(super) fn add(&mut self, other: Self) {
        self.has_icon |= other.has_icon;
        self.has_time |= other.has_time;
        self.is_directory |= other.is_directory;
        self.is_file |= other.is_file;
        self.is_link |= other.is_link;
        self.size = self.size.or(other.size);
    }

    pub(super) fn of(tag: &Tag) -> Self {
        let has = |words: &[&str]| words.iter().any(|word| tag.hints.contains(&format!(" {word} ")));
        let is_hint = !tag.hints.is_empty();
        // lighttpd has `d` as the class of a row.
        let is_row = tag.element == Element::Row && tag.hints.trim() == "d";
        let is_directory = is_row || (is_hint && has(&DIRECTORY_HINTS));
        Self {
            has_icon: tag.element == Element::Image && is_hint,
            has_time: tag.element == Element::Time,
            is_directory,
            is_file: is_hint && !is_directory && has(&FILE_HINTS),
            is_link: is_hint && tag.element != Element::Link && has(&LINK_HINTS),
            size: tag.size,
        }
    }
}
