//! Judges whether a page is a listing.

use super::row::Judged;
use super::tags::{Element, Tag};
use super::words::names_a_unit;
use crate::http::listing::url_names::{Reference, has_extension};

/// How much of the title and the headings is looked at, in bytes.
const HEADING_BYTES: usize = 1024;
/// How many letters outside of links and headings make a page one of words. The signatures of servers have fewer.
const PROSE_LETTERS: usize = 80;
/// How many links to other sites a listing without dates and sizes may have: to whoever made the server.
const CREDITS: usize = 2;
/// How many links to other pages of its site such a listing may have: to where files are sent to the server.
const TOOLS: usize = 1;
/// By how many columns a listing with words around it can be sorted, at the least.
const COLUMNS: usize = 3;

/// What was seen on a page.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is one thing that was seen on the page"
)]
#[derive(Debug, Default)]
pub(super) struct Evidence {
    /// The title and the headings.
    headings: String,
    /// Links to children.
    children: usize,
    /// Those that bear the child's name.
    named: usize,
    /// Those that are rows of a listing: with a name, and a date, a size or a mode.
    entries: usize,
    /// Those that bear the child's name, or lead to a name that ends like a file's.
    files: usize,
    /// Those that have all three: a name, a date and a size.
    complete: usize,
    /// Those whose class, icon, slash or ending says what they are.
    marked: usize,
    /// Rows of a listing that lead elsewhere.
    entries_elsewhere: usize,
    /// Links to other pages of the same origin, and of others.
    elsewhere: (usize, usize),
    /// Letters outside of links and headings.
    letters: usize,
    has_parent: bool,
    has_link_above: bool,
    /// Links to the page itself with a query: in the head of a list, where they sort it, and elsewhere, where they may do
    /// anything, such as choose a language.
    sorts: usize,
    choices: usize,
    has_container: bool,
    has_preformatted: bool,
    has_password: bool,
    has_text: bool,
    has_unit_in_head: bool,
}

impl Evidence {
    pub(super) fn has_unit_in_head(&self) -> bool {
        self.has_unit_in_head
    }

    pub(super) fn element(&mut self, tag: &Tag) {
        self.has_container |= matches!(tag.element, Element::Container | Element::Preformatted);
        self.has_preformatted |= tag.element == Element::Preformatted;
        self.has_password |= tag.is_password;
    }

    pub(super) fn heading(&mut self, text: &str) {
        let room = HEADING_BYTES.saturating_sub(self.headings.len());
        self.headings.push_str(&text[..text.floor_char_boundary(room)]);
        self.headings.push(' ');
    }

    /// Notes a link; `is_head` says whether it is in the head of a list, where links sort.
    pub(super) fn link(&mut self, reference: &Reference, href: &[u8], is_head: bool) {
        if let Reference::Around { is_above, has_query } = *reference {
            let dots = href.strip_prefix(b"./").unwrap_or(href);
            self.has_parent |= matches!(dots, b".." | b"../");
            self.has_link_above |= is_above && !has_query;
            self.sorts += usize::from(has_query && !is_above && is_head);
            self.choices += usize::from(has_query && !is_above && !is_head);
        }
    }

    /// Notes a row.
    pub(super) fn row(&mut self, row: &Judged, is_heading: bool) {
        let is_entry = row.is_entry();
        match &row.target {
            Some(Reference::Child { name, .. }) => {
                self.children += 1;
                self.named += usize::from(row.is_named);
                self.files += usize::from(row.is_named || has_extension(name));
                self.entries += usize::from(is_entry);
                self.complete += usize::from(row.is_named && row.beside.has_date && row.beside.has_size);
                let is_marked = row.has_hint || row.has_slash || has_extension(name);
                self.marked += usize::from(row.is_named && is_marked);
            }
            Some(Reference::Around { has_query, .. }) => {
                self.entries_elsewhere += usize::from(*has_query && is_entry);
            }
            Some(_) if is_entry => self.entries_elsewhere += 1,
            _ => {
                self.elsewhere.0 += row.elsewhere.0;
                self.elsewhere.1 += row.elsewhere.1;
            }
        }
        self.has_text |= !row
            .text
            .trim_matches(|c: char| c.is_whitespace() || c.is_control())
            .is_empty();
        let is_prose = !is_heading && !row.is_head && !is_entry;
        if is_prose {
            self.letters += row.text.chars().filter(|c| c.is_alphabetic()).count();
        }
        if self.children == 0 && row.target.is_none() {
            self.has_unit_in_head |= names_a_unit(&row.text);
        }
    }

    /// Returns whether the page is a listing.
    pub(super) fn is_listing(&self) -> bool {
        match (self.children, self.entries_elsewhere) {
            (0, 0) => self.is_empty_listing(),
            (0, _) => self.is_at_home(),
            _ => self.has_entries() || self.has_only_names(),
        }
    }

    /// Most children are rows of a listing, and the page is not made for something else.
    fn has_entries(&self) -> bool {
        let (internal, external) = self.elsewhere;
        let are_most = |rows: usize| rows > 0 && 2 * rows >= self.children;
        // Forums and calendars have links with dates and numbers beside them too, but lead to no files.
        let is_alone = are_most(self.files) && self.entries >= internal + external;
        // A login has links as well, and may say when it was changed.
        let is_complete = are_most(self.complete);
        let is_no_login = !self.has_password || is_complete;
        are_most(self.entries) && is_no_login && (self.is_at_home() || is_alone || is_complete)
    }

    /// All children are shown by their names, and there is little else.
    fn has_only_names(&self) -> bool {
        let nearly_all = 10 * self.named >= 9 * self.children;
        let is_marked = 2 * self.marked >= self.children;
        let is_known = self.is_at_home() || self.has_preformatted || is_marked;
        nearly_all && is_known && self.is_bare()
    }

    /// A directory without entries shows a way up, or its path above an empty list.
    fn is_empty_listing(&self) -> bool {
        // Go's file server shows no more than this.
        let is_nothing = self.has_preformatted && !self.has_text && self.headings.trim().is_empty();
        let has_list = self.has_container && (self.has_link_above || self.has_parent || self.shows_a_path());
        let is_home = self.is_at_home() && (self.has_link_above || self.sorts > 0 || self.has_parent);
        let is_sorted =
            self.sorts >= COLUMNS && self.has_container && self.has_link_above && !self.has_password;
        is_sorted || (self.is_bare() && (is_nothing || has_list || is_home))
    }

    /// The page shows no sentences, asks for no password, and leads hardly anywhere else.
    fn is_bare(&self) -> bool {
        let (internal, external) = self.elsewhere;
        let leads_nowhere = internal <= TOOLS && external <= CREDITS && self.choices <= 1;
        !self.has_password && leads_nowhere && self.letters <= PROSE_LETTERS
    }

    /// The page has what index pages have around the entries: a way up, its path, or links that sort it.
    pub(super) fn is_at_home(&self) -> bool {
        self.has_parent || self.sorts > 0 || self.shows_a_path()
    }

    /// Returns whether a path stands in the title or in a heading.
    fn shows_a_path(&self) -> bool {
        self.headings.split_whitespace().any(|word| {
            let word = word.trim_matches(|c: char| !c.is_alphanumeric() && c != '/');
            word.starts_with('/') || (word.ends_with('/') && word.len() > 1)
        })
    }
}
