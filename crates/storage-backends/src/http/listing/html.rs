//! Index pages, recognised by their structure: links to children of the page, each with what a listing has beside it.
//!
//! No server is known by name, and no word of any language. `tags` takes tags apart, `row` says what one link and
//! the text beside it are, `words` reads dates and sizes by their form, and `evidence` judges the page.

use html5gum::emitters::callback::{CallbackEmitter, CallbackEvent};
use html5gum::{Span, Tokenizer};

use crate::http::listing::Collector;
use crate::http::listing::url_names::{Directory, Reference};

mod evidence;
mod row;
mod tags;
mod words;

use evidence::Evidence;
use row::Row;
use tags::{Element, Tag};

/// How many events are read between two looks at the bounds.
const EVENTS: usize = 1024;

/// Reads a page; false if it is not a listing. Entries are added before that is known.
pub(super) fn read(directory: Directory, text: &[u8], to: &mut Collector<'_>) -> bool {
    let mut reader = Reader::new(directory, to);
    let mut events = 0_usize;
    let mut emitter = CallbackEmitter::new(|event: CallbackEvent<'_>, _: Span<()>| {
        reader.event(&event);
        events += 1;
        (events.is_multiple_of(EVENTS) && reader.to.is_full()).then_some(())
    });
    emitter.naively_switch_states(true);
    // The first token is the wish to stop.
    let _ = Tokenizer::new_with_emitter(text, emitter).next();
    reader.end_row();
    reader.to.listing.is_doubtful = !reader.evidence.is_at_home();
    reader.evidence.is_listing()
}

/// Where the text that comes now stands.
#[expect(clippy::struct_excessive_bools, reason = "each is one thing that was seen")]
#[derive(Debug, Default)]
struct Place {
    title: bool,
    heading: bool,
    link: bool,
    preformatted: bool,
    /// Inside `tr` or `li`, where links and lines do not end a row.
    row: bool,
    /// The element whose text is not shown.
    ignored: Option<Element>,
    /// How many `nav` elements are open.
    navigation: usize,
}

struct Reader<'a, 'b> {
    directory: Directory,
    to: &'a mut Collector<'b>,
    evidence: Evidence,
    tag: Tag,
    place: Place,
    row: Row,
}

impl<'a, 'b> Reader<'a, 'b> {
    fn new(directory: Directory, to: &'a mut Collector<'b>) -> Self {
        Self {
            directory,
            to,
            evidence: Evidence::default(),
            tag: Tag::default(),
            place: Place::default(),
            row: Row::default(),
        }
    }

    fn event(&mut self, event: &CallbackEvent<'_>) {
        match event {
            CallbackEvent::OpenStartTag { name } => self.tag.open(name),
            CallbackEvent::AttributeName { name } => self.tag.attribute(name),
            CallbackEvent::AttributeValue { value } => self.tag.value(value),
            CallbackEvent::CloseStartTag { self_closing } => {
                let tag = std::mem::take(&mut self.tag);
                self.start(&tag);
                if *self_closing && !tag.element.is_void() && tag.element != Element::Link {
                    self.end(tag.element);
                }
                self.tag = tag;
            }
            CallbackEvent::EndTag { name } => self.end(Element::of(name)),
            CallbackEvent::String { value } if self.place.ignored.is_none() => self.text(value),
            _ => {}
        }
    }

    fn start(&mut self, tag: &Tag) {
        match tag.element {
            Element::Base => self.directory.set_base(&tag.href),
            Element::Title => self.place.title = true,
            Element::Heading => {
                self.end_row();
                self.place.heading = true;
            }
            Element::Ignored(_) => self.place.ignored = Some(tag.element),
            Element::Link => self.link(tag),
            Element::Row => {
                self.end_row();
                self.place.row = true;
            }
            Element::Line if !self.place.row => self.end_row(),
            Element::Preformatted => {
                self.end_row();
                self.place.preformatted = true;
            }
            Element::Navigation => {
                self.end_row();
                self.place.navigation += 1;
            }
            _ => {}
        }
        self.evidence.element(tag);
        self.row.element(tag, self.place.link);
    }

    fn end(&mut self, element: Element) {
        match element {
            Element::Title => self.place.title = false,
            Element::Heading => {
                self.end_row();
                self.place.heading = false;
            }
            Element::Link => {
                self.place.link = false;
                self.row.end_link();
            }
            Element::Row | Element::Container => {
                self.end_row();
                self.place.row = false;
            }
            Element::Preformatted => {
                self.end_row();
                self.place.preformatted = false;
            }
            Element::Navigation => {
                self.end_row();
                self.place.navigation = self.place.navigation.saturating_sub(1);
            }
            Element::Cell => self.row.end_cell(),
            _ => {}
        }
        if self.place.ignored == Some(element) {
            self.place.ignored = None;
        }
    }

    fn link(&mut self, tag: &Tag) {
        if !tag.has_href {
            return;
        }
        let reference = self.directory.reference(&tag.href);
        if reference == Reference::Nothing {
            return;
        }
        if self
            .row
            .is_ended_by(&reference, self.place.row || self.place.preformatted)
        {
            let next = self.row.split_off();
            self.end_row();
            self.row = next;
        }
        let is_head = self.place.preformatted || self.row.is_head();
        self.evidence.link(&reference, &tag.href, is_head);
        self.place.link = true;
        self.row.link(reference, self.place.navigation > 0);
    }

    fn text(&mut self, text: &[u8]) {
        let text = String::from_utf8_lossy(text);
        if self.place.title || self.place.heading {
            self.evidence.heading(&text);
        }
        if self.place.title {
            return;
        }
        if !self.place.preformatted || self.place.row || self.place.link {
            self.row.text(&text, self.place.link);
            return;
        }
        let mut lines = text.split('\n');
        self.row.text(lines.next().unwrap_or_default(), false);
        for line in lines {
            self.end_row();
            self.row.text(line, false);
        }
    }

    fn end_row(&mut self) {
        let row = std::mem::take(&mut self.row);
        if row.is_empty() {
            return;
        }
        let is_heading = self.place.heading;
        let found = row.judge();
        self.evidence.row(&found, is_heading);
        found.collect(self.evidence.has_unit_in_head(), self.to);
    }
}

#[cfg(test)]
mod tests;
