//! Takes tags apart: which element, and the few attributes that a listing is known by.

use crate::http::listing::url_names::MAX_REFERENCE_BYTES;

/// How much of an attribute other than a link's is kept, in bytes.
const VALUE_BYTES: usize = 256;

/// The elements that matter.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) enum Element {
    Base,
    Title,
    Heading,
    /// An element whose text is not shown; the number is that of its name.
    Ignored(u8),
    Link,
    /// `tr` and `li`.
    Row,
    /// What ends a row outside of tables and lists.
    Line,
    /// `table`, `ul` and `ol`.
    Container,
    Preformatted,
    Navigation,
    /// The border of two cells.
    Cell,
    /// The head of a column.
    Head,
    Image,
    Input,
    Time,
    #[default]
    Other,
}

impl Element {
    pub(super) fn of(name: &[u8]) -> Self {
        match name {
            b"base" => Self::Base,
            b"title" => Self::Title,
            b"h1" | b"h2" | b"h3" | b"caption" => Self::Heading,
            b"script" => Self::Ignored(0),
            b"style" => Self::Ignored(1),
            b"textarea" => Self::Ignored(2),
            b"iframe" => Self::Ignored(3),
            b"xmp" => Self::Ignored(4),
            b"template" => Self::Ignored(5),
            b"select" => Self::Ignored(6),
            b"a" => Self::Link,
            b"tr" | b"li" => Self::Row,
            b"br" | b"hr" | b"p" | b"dt" | b"article" | b"section" | b"header" | b"footer" | b"address"
            | b"form" => Self::Line,
            b"table" | b"ul" | b"ol" => Self::Container,
            b"pre" => Self::Preformatted,
            b"nav" => Self::Navigation,
            b"td" | b"div" | b"dd" => Self::Cell,
            b"th" => Self::Head,
            b"img" | b"svg" | b"use" | b"i" => Self::Image,
            b"input" => Self::Input,
            b"time" => Self::Time,
            _ => Self::Other,
        }
    }

    /// Returns whether the element has no end.
    pub(super) fn is_void(self) -> bool {
        matches!(self, Self::Base | Self::Line | Self::Image | Self::Input)
    }
}

/// An attribute that is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Attribute {
    Href,
    Size,
    Type,
    /// What a style sheet or an icon says of the entry.
    Hint,
}

/// A start tag.
#[derive(Debug, Default)]
pub(super) struct Tag {
    pub(super) element: Element,
    pub(super) has_href: bool,
    /// The link's target.
    pub(super) href: Vec<u8>,
    /// An entry's size in bytes, where scripts look for it.
    pub(super) size: Option<u64>,
    /// Whether a password is typed in here.
    pub(super) is_password: bool,
    /// The words of classes, and of the names and places of icons, in lower case and each between two spaces.
    pub(super) hints: String,
    attribute: Option<Attribute>,
}

impl Tag {
    pub(super) fn open(&mut self, name: &[u8]) {
        self.element = Element::of(name);
        self.has_href = false;
        self.href.clear();
        self.size = None;
        self.is_password = false;
        self.hints.clear();
        self.attribute = None;
    }

    pub(super) fn attribute(&mut self, name: &[u8]) {
        self.attribute = match (name, self.element) {
            (b"href", Element::Link | Element::Base) if !self.has_href => {
                self.has_href = true;
                Some(Attribute::Href)
            }
            (b"type", Element::Input) => Some(Attribute::Type),
            // A column's class says nothing of the entry.
            (_, Element::Head | Element::Container) => None,
            (b"data-size" | b"data-bytes", _) => Some(Attribute::Size),
            (_, Element::Cell) => None,
            (b"class" | b"alt" | b"src" | b"href" | b"xlink:href" | b"data-type" | b"data-kind", _) => {
                Some(Attribute::Hint)
            }
            _ => None,
        };
    }

    pub(super) fn value(&mut self, value: &[u8]) {
        match self.attribute.take() {
            // One byte more than is resolved: it is too long then.
            Some(Attribute::Href) => self.href.extend(value.iter().take(MAX_REFERENCE_BYTES + 1)),
            Some(Attribute::Size) => {
                let text = std::str::from_utf8(value).unwrap_or_default();
                self.size = text.trim().parse().ok();
            }
            Some(Attribute::Type) => self.is_password = value.eq_ignore_ascii_case(b"password"),
            Some(Attribute::Hint) => self.hint(&value[..value.len().min(VALUE_BYTES)]),
            None => {}
        }
    }

    fn hint(&mut self, value: &[u8]) {
        if self.hints.len() > VALUE_BYTES {
            return;
        }
        self.hints.push(' ');
        for byte in value {
            let is_word = byte.is_ascii_alphanumeric();
            self.hints.push(if is_word {
                byte.to_ascii_lowercase().into()
            } else {
                ' '
            });
        }
        self.hints.push(' ');
    }
}
