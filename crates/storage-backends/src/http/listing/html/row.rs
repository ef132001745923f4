//! One row of a page: a link, and what stands beside it.

use super::tags::{Element, Tag};
use super::words::{Beside, CELL};
use crate::http::listing::Kind;
use crate::http::listing::url_names::Reference;

mod hints;
mod judged;
mod label;

use hints::Hints;
pub(super) use judged::Judged;
use label::Label;

/// How much text of a row is looked at, in bytes.
const TEXT_BYTES: usize = 512;
/// How much text of a link is compared with its name, in bytes.
const LABEL_BYTES: usize = 2048;

/// A row while it is read.
#[expect(clippy::struct_excessive_bools, reason = "each is one thing that was seen")]
#[derive(Debug, Default)]
pub(super) struct Row {
    target: Option<Reference>,
    /// The link's text; chunks of it are separated by [`CELL`].
    label: String,
    /// Whether a further link to the same child has begun, whose text adds nothing.
    has_label: bool,
    /// The text beside the link.
    beside: String,
    /// Whether the text right behind the link is a slash.
    has_slash_behind: bool,
    is_behind_link: bool,
    is_navigation: bool,
    internal: usize,
    external: usize,
    is_head: bool,
    hints: Hints,
    /// What stands behind [`Row::end`].
    later_hints: Hints,
    /// How deep in cells the text is, and how deep at the least, both as seen from the link.
    depth: isize,
    least_depth: isize,
    /// Where the text was at its least depth: what comes behind it belongs to the next link.
    end: Option<usize>,
}

impl Row {
    pub(super) fn is_empty(&self) -> bool {
        self.target.is_none() && self.beside.trim_matches([CELL, ' ']).is_empty()
    }

    /// Returns whether it is the head of a table so far.
    pub(super) fn is_head(&self) -> bool {
        self.is_head
    }

    /// Returns whether a link to `next` begins another row. In tables, lists and lines a row may have several links.
    pub(super) fn is_ended_by(&self, next: &Reference, is_bounded: bool) -> bool {
        match (&self.target, next) {
            (None, _) => false,
            (Some(Reference::Child { name, .. }), Reference::Child { name: next, .. }) => name != next,
            (Some(_), _) => !is_bounded,
        }
    }

    /// Begins a link. The first one to a child is the row's; else the first one.
    pub(super) fn link(&mut self, to: Reference, is_navigation: bool) {
        self.border();
        match &to {
            Reference::Elsewhere { is_internal, .. } if *is_internal => self.internal += 1,
            Reference::Elsewhere { .. } => self.external += 1,
            _ => {}
        }
        let is_child = |reference: &Reference| matches!(reference, Reference::Child { .. });
        if self
            .target
            .as_ref()
            .is_none_or(|target| is_child(&to) && !is_child(target))
        {
            self.target = Some(to);
            self.label.clear();
            self.has_label = false;
            (self.depth, self.least_depth, self.end) = (0, 0, None);
            self.is_navigation = is_navigation;
        } else if let (
            Some(Reference::Child {
                is_directory,
                has_query,
                ..
            }),
            Reference::Child {
                is_directory: slash,
                has_query: query,
                ..
            },
        ) = (&mut self.target, to)
        {
            // What further links say is not of the entry itself: an archive's leads to what is in it.
            self.has_label = !self.label.trim_matches([CELL, ' ']).is_empty();
            *is_directory |= slash && !self.has_label;
            *has_query &= query;
        }
    }

    pub(super) fn end_link(&mut self) {
        self.border();
        self.is_behind_link = true;
    }

    /// Notes the border of two cells.
    pub(super) fn border(&mut self) {
        push(&mut self.beside, CELL.encode_utf8(&mut [0; 4]), TEXT_BYTES);
    }

    /// Notes the end of a cell, which may be the end of the row too.
    pub(super) fn end_cell(&mut self) {
        self.border();
        self.depth -= 1;
        if self.depth < self.least_depth || (self.depth == self.least_depth && self.end.is_some()) {
            self.least_depth = self.depth;
            self.end = Some(self.beside.len());
            self.hints.add(std::mem::take(&mut self.later_hints));
        }
    }

    /// Takes off what belongs to the next link: where no table or line ends a row, that is what comes behind the outermost
    /// cell between the two links.
    pub(super) fn split_off(&mut self) -> Self {
        Self {
            beside: self
                .end
                .take()
                .map(|at| self.beside.split_off(at))
                .unwrap_or_default(),
            hints: std::mem::take(&mut self.later_hints),
            ..Self::default()
        }
    }

    /// Notes what an element says of the row.
    pub(super) fn element(&mut self, tag: &Tag, is_in_link: bool) {
        if is_in_link {
            push(&mut self.label, CELL.encode_utf8(&mut [0; 4]), LABEL_BYTES);
        }
        match tag.element {
            Element::Cell | Element::Head => {
                self.border();
                self.is_head |= tag.element == Element::Head;
                self.depth += isize::from(tag.element == Element::Cell);
            }
            _ => push(&mut self.beside, " ", TEXT_BYTES),
        }
        self.is_behind_link = false;
        let hints = if self.end.is_some() {
            &mut self.later_hints
        } else {
            &mut self.hints
        };
        hints.add(Hints::of(tag));
    }

    pub(super) fn text(&mut self, text: &str, is_in_link: bool) {
        if is_in_link {
            if !self.has_label {
                push(&mut self.label, text, LABEL_BYTES);
            }
            return;
        }
        if self.is_behind_link && !text.is_empty() {
            self.has_slash_behind |= text.starts_with('/');
            self.is_behind_link = false;
        }
        push(&mut self.beside, text, TEXT_BYTES);
    }

    /// Says what the row is.
    pub(super) fn judge(mut self) -> Judged {
        let (name, slash) = match &self.target {
            Some(Reference::Child {
                name, is_directory, ..
            }) => (Some(name), *is_directory),
            Some(Reference::Elsewhere { name, .. }) => (Some(name), false),
            _ => (None, false),
        };
        let label = name.and_then(|name| Label::of(&self.label, name));
        if let Some(rest) = label.as_ref().map(|label| label.rest.as_str()) {
            self.beside.push(CELL);
            self.beside.push_str(rest);
        }
        let beside = Beside::of(&self.beside);
        let ends_in = |mark: char| label.as_ref().is_some_and(|label| label.mark == Some(mark));
        let has_slash = self.has_slash_behind || ends_in('/');
        let mut hints = self.hints;
        hints.add(self.later_hints);
        let is_link = hints.is_link || ends_in('@') || beside.has_arrow || beside.mode == Some(b'l');
        let is_directory = slash
            || has_slash
            || beside.has_directory_mark
            || beside.mode == Some(b'd')
            || (hints.is_directory && !hints.is_file);
        let is_file = beside.mode == Some(b'-') || (hints.is_file && !hints.is_directory);
        Judged {
            is_named: label.is_some() && !self.is_navigation,
            has_hint: hints.has_icon || hints.is_directory || hints.is_file,
            has_slash,
            elsewhere: (self.internal, self.external),
            is_head: self.is_head,
            label: self.label,
            kind: match (is_directory, is_file && !is_link) {
                (true, _) => Kind::Directory,
                (false, true) => Kind::File,
                (false, false) => Kind::Unknown,
            },
            size: hints.size,
            is_link,
            target: self
                .target
                .filter(|target| !self.is_navigation || !matches!(target, Reference::Child { .. })),
            beside: Beside {
                has_date: beside.has_date || hints.has_time,
                has_size: beside.has_size || hints.size.is_some(),
                ..beside
            },
            text: self.beside,
        }
    }
}

fn push(to: &mut String, text: &str, bound: usize) {
    let room = bound.saturating_sub(to.len());
    to.push_str(&text[..text.floor_char_boundary(room)]);
}
