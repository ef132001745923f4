//! What a row is, and the entry that it gives.

use super::label::squeezed;
use crate::http::listing::html::words::{Beside, CELL};
use crate::http::listing::url_names::Reference;
use crate::http::listing::{Collector, Entry, Kind};

/// What a row is.
#[expect(clippy::struct_excessive_bools, reason = "each is one thing that was seen")]
#[derive(Debug)]
pub(in super::super) struct Judged {
    pub(in super::super) target: Option<Reference>,
    /// Whether the link's text is the name of what it leads to.
    pub(in super::super) is_named: bool,
    /// What stands beside the link.
    pub(in super::super) beside: Beside,
    /// Whether a class or an icon says what the entry is.
    pub(in super::super) has_hint: bool,
    /// Whether a slash in the text marks a directory.
    pub(in super::super) has_slash: bool,
    /// How many links lead to other pages: of the same origin, and of others.
    pub(in super::super) elsewhere: (usize, usize),
    /// Whether it is the head of a table.
    pub(in super::super) is_head: bool,
    /// The text beside the link, or all of it if there is no link.
    pub(in super::super) text: String,
    /// The link's text.
    pub(super) label: String,
    pub(super) kind: Kind,
    /// A size that is read by scripts is exact.
    pub(super) size: Option<u64>,
    pub(super) is_link: bool,
}

impl Judged {
    /// Returns whether the row is one of a listing: its link bears the target's name, or has both a size and a date. The
    /// signature of a server may have these too, and leads elsewhere.
    pub(in super::super) fn is_entry(&self) -> bool {
        let beside = &self.beside;
        let is_elsewhere = matches!(self.target, Some(Reference::Elsewhere { .. }));
        (self.is_named && beside.is_data())
            || (beside.has_date && beside.has_size && !(is_elsewhere && beside.has_dash))
    }

    /// Adds the entry that the row is. Sizes are not exact if the head of the column has a unit.
    pub(in super::super) fn collect(self, has_unit_in_head: bool, to: &mut Collector<'_>) {
        let is_entry = self.is_entry();
        match self.target {
            Some(Reference::Child { name, has_query, .. }) if self.is_named || (is_entry && !has_query) => {
                let exact = self.beside.exact.filter(|_| !has_unit_in_head);
                let size = self
                    .size
                    .or(exact)
                    .filter(|_| self.kind != Kind::Directory && !self.is_link);
                let kind = self.kind;
                let beside = squeezed(&self.text.replace(CELL, " "));
                // Dates for people are of a time zone that the page does not name.
                let modified = None;
                let entry = Entry {
                    name,
                    kind,
                    size,
                    modified,
                };
                to.add(entry, beside);
            }
            // A query to the page itself shows another directory.
            Some(
                Reference::Child { .. }
                | Reference::Elsewhere { .. }
                | Reference::Around { has_query: true, .. },
            ) if is_entry => to.elsewhere(&squeezed(&self.label.replace(CELL, " "))),
            _ => {}
        }
    }
}
